"""choice-learn: SimpleMNL and NestedLogit in TensorFlow, by L-BFGS, in single precision, with its report of errors."""

import os
from importlib.metadata import version

import numpy as np

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import choice_learn.data
    import choice_learn.models  # noqa: F401
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return version("choice-learn")


def steps(data: Data) -> Steps:
    from choice_learn.data import ChoiceDataset
    from choice_learn.models import NestedLogit, SimpleMNL

    def given():
        return data.x().astype(np.float32)

    def prepare(x):
        one_by_one = data.nested  # the nested model wants a coefficient a feature by name
        features = tuple(x[:, :, [k]] for k in range(x.shape[2])) if one_by_one else (x,)
        names = tuple((name,) for name in data.names) if one_by_one else (tuple(data.names),)
        choices = ChoiceDataset(
            choices=data.chosen,
            items_features_by_choice=features,
            items_features_by_choice_names=names,
            available_items_by_choice=data.there().astype(np.float32),
        )
        if not data.nested:
            return SimpleMNL(optimizer="lbfgs", intercept=None), choices
        model = NestedLogit(
            coefficients=dict.fromkeys(data.names, "constant"),
            items_nests=list(data.groups(first=0).values()),
            optimizer="lbfgs",
        )
        return model, choices

    def fit(made):
        model, choices = made
        model.fit(choices, get_report=True)
        return made

    def read(made) -> Estimate:
        model, choices = made
        point = np.concatenate([weight.numpy().ravel() for weight in model.trainable_weights])
        errors = model.report["Std. Err"].to_numpy(dtype=np.float64) if hasattr(model, "report") else None
        return Estimate(-float(model.evaluate(choices)) * len(data), point, errors, "single precision")

    return Steps(given, prepare, fit, read)


if __name__ == "__main__":
    run(imported, steps)
