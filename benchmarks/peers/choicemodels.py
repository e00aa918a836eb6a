"""choicemodels (Urban Data Science Toolkit): its own engine for full choice sets, its pylogit-like one for others."""

from collections import OrderedDict
from importlib.metadata import version

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import choicemodels  # noqa: F401

    return version("choicemodels")


def steps(data: Data) -> Steps:
    from choicemodels import MultinomialLogit

    def prepare(frame):
        columns = {"observation_id_col": "case", "choice_col": "chosen"}
        if data.available is None:
            return MultinomialLogit(frame, model_expression=f"{' + '.join(data.names)} - 1", **columns)
        everywhere = OrderedDict((name, [list(range(1, data.width + 1))]) for name in data.names)
        return MultinomialLogit(
            frame,
            model_expression=everywhere,
            model_labels=OrderedDict((name, [name]) for name in data.names),
            alternative_id_col="alternative",
            **columns,
        )

    def read(result) -> Estimate:
        raw = result.get_raw_results()
        if isinstance(raw, dict):
            table = raw["fit_parameters"]
            return Estimate(raw["log_likelihood"]["convergence"], table["Coefficient"], table["Std. Error"])
        return Estimate(raw.llf, raw.params, raw.bse if hasattr(raw, "bse") else raw.standard_errors)

    return Steps(lambda: data.long(only_available=True), prepare, lambda model: model.fit(), read)


if __name__ == "__main__":
    run(imported, steps)
