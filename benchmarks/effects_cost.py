"""What all average marginal effects with their errors cost, in evaluations of the likelihood.

``python -m benchmarks.effects_cost --cases 1000000 --alternatives 8`` times one evaluation (log-likelihood, gradient,
Hessian and outer product) and ``marginal_effects(fit)`` of every variable of a model with sixteen parameters: nine
attributes of the alternatives and one variable of the cases, with constants; as multinomial and as nested logit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import relocchoice as rc

ATTRIBUTES = 9


def simulated(n_cases: int, n_alternatives: int, seed: int = 0) -> rc.ChoiceData:
    """Choices of a multinomial logit among ``A``, ``B``, ...: attributes ``x0``, ..., and ``z``, one a case."""
    rng = np.random.default_rng(seed)
    shape = (n_cases, n_alternatives)
    x = rng.normal(size=(ATTRIBUTES, *shape))
    utility = 0.2 * x.sum(axis=0) + rng.gumbel(size=shape)
    labels = np.array([chr(ord("A") + k) for k in range(n_alternatives)])
    frame = pd.DataFrame({f"x{k}": values.ravel() for k, values in enumerate(x)})
    frame["case"] = np.repeat(np.arange(n_cases), n_alternatives)
    frame["alternative"] = np.tile(labels, n_cases)
    frame["z"] = np.repeat(rng.normal(size=n_cases), n_alternatives)
    frame["chosen"] = (utility == utility.max(axis=1, keepdims=True)).ravel()
    return rc.ChoiceData.from_long(frame, case="case", alternative="alternative", chosen="chosen")


def model(n_parameters: int, n_alternatives: int, nested: bool) -> Any:
    """A model with so many parameters: constants, a variable of the cases where there is room, attributes."""
    free = n_parameters - (n_alternatives - 1) - int(nested)
    formula = f"chosen ~ {' + '.join(f'x{k}' for k in range(min(ATTRIBUTES, free)))} | 1"
    if not nested:
        return rc.MultinomialLogit(formula)
    labels = [chr(ord("A") + k) for k in range(n_alternatives)]
    half = n_alternatives // 2
    return rc.NestedLogit(formula, {"first": labels[:half], "second": labels[half:]}, lambdas="common")


def fastest(call: Callable[[], Any], times: int) -> float:
    """Seconds of the fastest of several calls."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Print one row a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--alternatives", type=int, default=8)
    parser.add_argument("--parameters", type=int, default=16)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    data = simulated(asked.cases, asked.alternatives)
    print("| model | parameters | an evaluation, s | all effects with errors, s | evaluations |")
    print("|---|---|---|---|---|")
    for nested in (False, True):
        fit = model(asked.parameters, asked.alternatives, nested).fit(data)
        evaluation = fastest(lambda fit=fit: fit.problem.problem.evaluate(fit.moments.free), asked.times)
        effects = fastest(lambda fit=fit: rc.marginal_effects(fit), asked.times)
        name = "nested logit" if nested else "multinomial logit"
        print(f"| {name} | {len(fit.params)} | {evaluation:.2f} | {effects:.2f} | {effects / evaluation:.1f} |")


if __name__ == "__main__":
    main()
