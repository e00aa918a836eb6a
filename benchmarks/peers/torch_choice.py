"""torch-choice: conditional logit in single precision, by L-BFGS to convergence.

Its default, 5,000 epochs of Adam without a test of convergence, is kept for its nested logit, where L-BFGS overflows.
"""

import os
from importlib.metadata import version

import numpy as np

from benchmarks.peers.protocol import Data, Estimate, Steps, run

LBFGS = {
    "max_iter": 500,
    "line_search_fn": "strong_wolfe",
    "tolerance_grad": 1e-7,
    "tolerance_change": 1e-12,
}


def imported() -> str:
    import torch
    import torch_choice  # noqa: F401

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return version("torch-choice")


def steps(data: Data) -> Steps:
    import torch
    from torch_choice.data import ChoiceDataset, JointDataset
    from torch_choice.model import ConditionalLogitModel, NestedLogitModel

    formula = "(itemsession_x|constant)"

    def given():
        return torch.tensor(data.x(), dtype=torch.float32)

    def choices(**columns):
        there = {} if data.available is None else {"item_availability": torch.tensor(data.available)}
        return ChoiceDataset(
            item_index=torch.tensor(data.chosen),
            num_items=data.width,
            session_index=torch.arange(len(data)),
            **there,
            **columns,
        )

    def prepare(x):
        items = choices(itemsession_x=x)
        if not data.nested:
            return ConditionalLogitModel(formula=formula, dataset=items, num_items=data.width), items
        both = JointDataset(nest=choices(), item=items)
        nests = dict(enumerate(data.groups(first=0).values()))
        return NestedLogitModel(nest_to_item=nests, nest_formula="", item_formula=formula, dataset=both), both

    def fit(made):
        model, dataset = made
        if data.nested:
            return model.fit(dataset, print_summary=False)
        return model.fit(
            dataset,
            model_optimizer="LBFGS",
            num_epochs=1,
            learning_rate=1.0,
            optimizer_kwargs=LBFGS,
            print_summary=False,
        )

    def read(result) -> Estimate:
        table = result.coef_summary
        columns = [table[name].to_numpy(dtype=np.float64) for name in ("Estimation", "Std. Err.")]
        return Estimate(result.train_ll, *columns, "single precision")

    return Steps(given, prepare, fit, read)


if __name__ == "__main__":
    run(imported, steps)
