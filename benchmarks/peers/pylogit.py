"""pylogit 1.0.1, its last release: needs an old NumPy, and ``collections.Iterable``, which Python 3.10 removed.

Its nested logit wants starting values (one a nest, on the logit scale, before the coefficients) and reports lambda on
that scale; here every lambda starts at 0.88, and that of a nest of one alternative is held at one.
"""

import collections
import collections.abc
from collections import OrderedDict
from importlib.metadata import version

import numpy as np

from benchmarks.peers.protocol import Data, Estimate, Steps, run

START, ONE = 2.0, 40.0  # logit of lambda


def imported() -> str:
    collections.Iterable = collections.abc.Iterable
    import pylogit  # noqa: F401

    return version("pylogit")


def steps(data: Data) -> Steps:
    import pylogit

    everywhere = OrderedDict((name, [list(range(1, data.width + 1))]) for name in data.names)
    labels = OrderedDict((name, [name]) for name in data.names)
    groups = data.groups()
    lambdas = np.array([len(members) > 1 for members in groups.values()], dtype=bool)

    def prepare(frame):
        return pylogit.create_choice_model(
            data=frame,
            alt_id_col="alternative",
            obs_id_col="case",
            choice_col="chosen",
            specification=everywhere,
            names=labels,
            model_type="Nested Logit" if data.nested else "MNL",
            nest_spec=OrderedDict(groups) if data.nested else None,
        )

    def fit(model):
        start = np.concatenate([np.where(lambdas, START, ONE), np.zeros(len(data.names))])
        held = np.flatnonzero(~lambdas).tolist()
        model.fit_mle(start, constrained_pos=held or None, print_res=False)
        return model

    def read(model) -> Estimate:
        point, errors = model.params.to_numpy(), model.standard_errors.to_numpy()
        if data.nested:
            held = len(lambdas)
            value = 1.0 / (1.0 + np.exp(-point[:held]))
            scaled = errors[:held] * value * (1.0 - value)
            point = np.concatenate([point[held:], value[lambdas]])
            errors = np.concatenate([errors[held:], scaled[lambdas]])
        return Estimate(model.llf, point, errors)

    return Steps(lambda: data.long(only_available=True), prepare, fit, read)


if __name__ == "__main__":
    run(imported, steps)
