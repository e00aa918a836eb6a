"""larch 6 with its numba engine on long (idca) data; the nests' parameters are the dissimilarities themselves."""

from functools import reduce
from importlib.metadata import version
from operator import add

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import larch  # noqa: F401

    return version("larch")


def steps(data: Data) -> Steps:
    import larch

    groups = {name: members for name, members in data.groups().items() if len(members) > 1}

    def given():
        return data.long().set_index(["case", "alternative"])

    def prepare(frame):
        model = larch.Model(larch.Dataset.construct.from_idca(frame, crack=False), compute_engine="numba")
        model.utility_ca = reduce(add, (larch.P(name) * larch.X(name) for name in data.names))
        model.choice_ca_var = "chosen"
        if data.available is not None:
            model.availability_ca_var = "there"
        for name, members in groups.items():
            model.graph.new_node(parameter=f"lambda_{name}", children=members, name=name)
        return model

    def fit(model):
        found = model.maximize_loglike(quiet=True)
        model.calculate_parameter_covariance()
        return model, found

    def read(result) -> Estimate:
        model, found = result
        order = [*data.names, *(f"lambda_{name}" for name in groups)]
        point = dict(zip(model.pnames, model.pvals, strict=True))
        errors = dict(zip(model.pnames, model.pstderr, strict=True))
        return Estimate(
            found.loglike, [point[k] for k in order], [errors[k] for k in order], str(found.get("message", ""))
        )

    return Steps(given, prepare, fit, read)


if __name__ == "__main__":
    run(imported, steps)
