"""statsmodels: ConditionalLogit with a group a case; rows of unavailable alternatives are left out."""

from importlib.metadata import version

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    from statsmodels.discrete import conditional_models  # noqa: F401

    return version("statsmodels")


def steps(data: Data) -> Steps:
    from statsmodels.discrete.conditional_models import ConditionalLogit

    def prepare(frame):
        return ConditionalLogit(frame["chosen"], frame[data.names], groups=frame["case"])

    def read(result) -> Estimate:
        return Estimate(result.llf, result.params, result.bse)

    return Steps(lambda: data.long(only_available=True), prepare, lambda model: model.fit(disp=0), read)


if __name__ == "__main__":
    run(imported, steps)
