"""itlog: a schema class for the long frame, symbolic utilities.

The scale of a nest is reported as the unconstrained number behind it: lambda = 0.001 + 0.999 / (1 + exp(-scale)).
"""

from functools import reduce
from importlib.metadata import version
from operator import add

import numpy as np

from benchmarks.peers.protocol import Data, Estimate, Steps, run

LEAST = 0.001


def imported() -> str:
    import itlog  # noqa: F401

    return version("itlog")


def steps(data: Data) -> Steps:
    import itlog

    groups = data.groups()
    free = [name for name, members in groups.items() if len(members) > 1]

    def prepare(frame):
        fields = {
            "case": itlog.Field(session_id=True, source="case"),
            "alternative": itlog.Field(alternative_id=True, source="alternative"),
            "chosen": itlog.Field(is_choice_indicator=True, source="chosen"),
            **{name: itlog.Field(source=name) for name in data.names},
        }
        if data.available is not None:
            fields["there"] = itlog.Field(availability=True, source="there")
        choices = type("Choices", (itlog.ChoiceDataset,), fields).from_pandas(frame)
        utility = reduce(add, (itlog.Parameter(name) * itlog.Var(name) for name in data.names))
        utilities = dict.fromkeys(range(1, data.width + 1), utility)
        if not data.nested:
            return itlog.MultinomialLogit(utilities=utilities), choices
        nests = {
            name: itlog.Nest(members, scale=itlog.Parameter(f"scale_{name}")) if name in free else itlog.Nest(members)
            for name, members in groups.items()
        }
        return itlog.NestedLogit(utilities=utilities, nests=nests), choices

    def read(result) -> Estimate:
        point = dict(zip(result.param_names, result.params, strict=True))
        errors = dict(zip(result.param_names, result.std_errors, strict=True))
        share = 1.0 / (1.0 + np.exp(-np.array([point[f"scale_{name}"] for name in free])))
        slope = (1.0 - LEAST) * share * (1.0 - share)
        return Estimate(
            result.log_likelihood,
            [*(point[k] for k in data.names), *(LEAST + (1.0 - LEAST) * share)],
            [*(errors[k] for k in data.names), *(slope * [errors[f"scale_{name}"] for name in free])],
            "" if result.success else f"not converged: {result.message}",
        )

    return Steps(data.long, prepare, lambda made: made[0].fit(made[1]), read)


if __name__ == "__main__":
    run(imported, steps)
