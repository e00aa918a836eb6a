"""lcl-choice: conditional logit by Newton's method in JAX, with the Hessian's standard errors. No nested logit."""

from importlib.metadata import version

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import lcl  # noqa: F401

    return version("lcl-choice")


def steps(data: Data) -> Steps:
    from lcl import ConditionalLogit, InferenceOptions

    def fit(frame):
        return ConditionalLogit().fit(
            frame,
            alts_col="alternative",
            cases_col="case",
            choice_col="chosen",
            case_varnames=data.names,
            inference=InferenceOptions(covariance="unadjusted", cluster=None),
        )

    def read(result) -> Estimate:
        return Estimate(result.loglikelihood, result.coeff_, result.stderr, "" if result.converged else "not converged")

    return Steps(lambda: data.long(only_available=True), lambda frame: frame, fit, read)


if __name__ == "__main__":
    run(imported, steps)
