"""biogeme: wide data, one utility expression an alternative; a nest's parameter is mu = 1 / lambda, here in [1, 10]."""

from functools import reduce
from importlib.metadata import version
from operator import add

import numpy as np

from benchmarks.peers.protocol import Data, Estimate, Steps, run


def imported() -> str:
    import biogeme.biogeme
    import biogeme.database
    import biogeme.expressions
    import biogeme.models
    import biogeme.nests  # noqa: F401

    return version("biogeme")


def steps(data: Data) -> Steps:
    from biogeme import models
    from biogeme.biogeme import BIOGEME
    from biogeme.database import Database
    from biogeme.expressions import Beta, Variable
    from biogeme.nests import NestsForNestedLogit, OneNestForNestedLogit

    groups = {name: members for name, members in data.groups().items() if len(members) > 1}
    alternatives = range(1, data.width + 1)

    def prepare(frame):
        coefficients = {name: Beta(name, 0, None, None, 0) for name in data.names}
        utilities = {
            j: reduce(add, (beta * Variable(f"{name}_{j}") for name, beta in coefficients.items()))
            for j in alternatives
        }
        there = None
        if data.available is not None:
            there = {j: Variable(f"there_{j}") for j in alternatives}
        elif data.nested:
            there = dict.fromkeys(alternatives, 1)
        chosen = Variable("chosen")
        if data.nested:
            nests = tuple(
                OneNestForNestedLogit(Beta(f"mu_{name}", 1, 1, 10, 0), members, name)
                for name, members in groups.items()
            )
            loglik = models.lognested(utilities, there, NestsForNestedLogit(list(alternatives), nests), chosen)
        else:
            loglik = models.loglogit(utilities, there, chosen)
        model = BIOGEME(
            Database("benchmark", frame), loglik, generate_html=False, generate_yaml=False, save_iterations=False
        )
        model.model_name = "benchmark"
        return model

    def read(result) -> Estimate:
        point = result.get_beta_values()
        covariance = result.rao_cramer_variance_covariance_matrix
        errors = dict(zip(result.raw_estimation_results.beta_names, np.sqrt(np.diag(covariance)), strict=True))
        mu = [f"mu_{name}" for name in groups]
        return Estimate(
            result.final_loglikelihood,
            [*(point[k] for k in data.names), *(1.0 / point[k] for k in mu)],
            [*(errors[k] for k in data.names), *(errors[k] / point[k] ** 2 for k in mu)],
            "" if result.algorithm_has_converged else "not converged",
        )

    return Steps(data.wide, prepare, lambda model: model.estimate(), read)


if __name__ == "__main__":
    run(imported, steps)
