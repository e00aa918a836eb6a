"""torchdcm: long frame, symbolic utilities, lambda as nest parameter; a nest of one alternative is held at one."""

import os
from functools import reduce
from importlib.metadata import version
from operator import add

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import torch
    import torchdcm  # noqa: F401

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return version("torchdcm")


def steps(data: Data) -> Steps:
    import torchdcm
    from torchdcm.models.nested_logit import Nest, NestedLogit

    def prepare(frame):
        choices = torchdcm.ChoiceDataset.from_long(
            frame,
            obs_id="case",
            alt_id="alternative",
            choice="chosen",
            variables=data.names,
            availability=None if data.available is None else "there",
        )
        specification = torchdcm.UtilitySpec()
        utility = reduce(add, (torchdcm.Beta(name) * name for name in data.names))
        for j in range(1, data.width + 1):
            specification.utility(j, utility)
        if not data.nested:
            return torchdcm.MultinomialLogit(specification), choices
        nests = {
            name: Nest(members, name=name) if len(members) > 1 else Nest(members, init=1.0, fixed=True, name=name)
            for name, members in data.groups().items()
        }
        return NestedLogit(specification, nests), choices

    def read(result) -> Estimate:
        converged = result.convergence_status.get("converged")
        return Estimate(result.loglike, result.values, result.bse, "" if converged else "not converged")

    return Steps(data.long, prepare, lambda made: made[0].fit(made[1]), read)


if __name__ == "__main__":
    run(imported, steps)
