"""xlogit: multinomial logit on a long frame. It has no nested logit."""

from importlib.metadata import version

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import xlogit  # noqa: F401

    return version("xlogit")


def steps(data: Data) -> Steps:
    from xlogit import MultinomialLogit

    def fit(frame):
        model = MultinomialLogit()
        there = None if data.available is None else frame["there"]
        model.fit(
            X=frame[data.names],
            y=frame["chosen"],
            varnames=data.names,
            alts=frame["alternative"],
            ids=frame["case"],
            avail=there,
            verbose=0,
        )
        return model

    def read(model) -> Estimate:
        return Estimate(model.loglikelihood, model.coeff_, model.stderr, "" if model.convergence else "not converged")

    return Steps(data.long, lambda frame: frame, fit, read)


if __name__ == "__main__":
    run(imported, steps)
