"""Importance of nine factors (Table 3): ordered logit of the grades, and what order of the factors it supports.

The table has counts of grades by factor, no firms: what is modelled is the grade of a factor that was graded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from relocchoice.inference.simultaneous import FactorOrder
from relocchoice.inference.tails import chi2_tail
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.sources import seed_table
from relocchoice.results import numbers
from relocchoice.results.ordered import OrderedLogit, OrderedResults
from relocchoice.results.ordered_table import difference_table, order_table, ordered_table
from relocchoice.results.table import Table

GRADES = ("most important", "relatively important", "important", "somewhat important")
RETURNS = 94  # effective questionnaires, from the text of the survey


def rating_counts() -> pd.DataFrame:
    """Table 3 in long form: factor and grade (both in the order of the print) and count."""
    table = seed_table(3)
    factors = list(dict.fromkeys(table["factor"]))
    return table.loc[:, ["factor", "grade", "count"]].assign(factor=pd.Categorical(table["factor"], factors))


def rating_fit() -> OrderedResults:
    """Ordered logit of the grade on the factor; the base is the first factor of the print."""
    return OrderedLogit("grade ~ factor", levels=GRADES).fit(rating_counts(), weights="count")


def ratings(folder: Folder = None) -> Reproduction:
    """Table 3 estimated, with the order of the factors; ``folder`` is not needed."""
    fit = rating_fit()
    pairs, mean = fit.factor_order("factor"), fit.factor_order("factor", against="mean")
    return Reproduction(
        name="ratings",
        title="Importance of nine factors (Table 3), estimated",
        tables={
            "ratings": _estimates_table(fit),
            "ratings_order": _order_table(pairs),
            "ratings_mean": _mean_table(mean),
        },
        findings=_findings(fit, pairs, mean),
    )


def _saturated() -> float:
    """Log-likelihood of a share of its own for every factor and grade."""
    counts = rating_counts().pivot_table(index="factor", columns="grade", values="count", observed=True).to_numpy()
    shares = counts / counts.sum(axis=1, keepdims=True)
    held = counts > 0
    return float((counts[held] * np.log(shares[held])).sum())


def _misfit(fit: OrderedResults) -> tuple[float, int, float]:
    """Deviance from the saturated table, its degrees of freedom and p-value: do the odds move together?"""
    factors = rating_counts()["factor"].nunique()
    deviance = 2.0 * (_saturated() - fit.llf)
    df = factors * (len(GRADES) - 1) - fit.df_model
    return deviance, df, chi2_tail(deviance, df)


def _estimates_table(fit: OrderedResults) -> Table:
    table = ordered_table(fit)
    base = fit.encoding.levels["factor"][0]
    deviance, df, probability = _misfit(fit)
    return Table(
        title="Importance of nine factors (Table 3): ordered logit of the grade",
        columns=table.columns,
        rows=tuple((row[0].removeprefix("factor[T.").removesuffix("]"), *row[1:]) for row in table.rows),
        header=(*table.header, ("Base factor", str(base))),
        notes=(
            *table.notes,
            f"Fit against a share of its own for every factor and grade: G = {numbers.decimals(deviance, 3)}, "
            f"{df} degrees of freedom, p {_equation(probability)}: "
            + (
                "the factors differ in more than one shift of all grades; the shift shown is an average over them."
                if probability < 0.05
                else "one shift of all grades a factor is enough."
            ),
        ),
    )


def _equation(probability: float) -> str:
    text = numbers.pvalue(probability)
    return text if text.startswith("<") else f"= {text}"


def _order_table(order: FactorOrder) -> Table:
    made = order_table(order, "Importance of nine factors (Table 3): their order", "log-odds")
    graded = rating_counts().groupby("factor", observed=True)["count"].sum().to_dict()
    rows = tuple((row[0], str(graded[row[0]]), *row[1:]) for row in made.rows)
    return Table(
        title=made.title,
        columns=(made.columns[0], "grades", *made.columns[1:]),
        rows=rows,
        header=(("Effective returns", str(RETURNS)),),
        notes=(*made.notes, *_caveats(graded)),
    )


def _caveats(graded: dict[Any, int]) -> tuple[str, ...]:
    least, most = min(graded, key=lambda k: graded[k]), max(graded, key=lambda k: graded[k])
    return (
        "The counts carry no firms. A firm grades several factors and its grades are not independent, but nothing here "
        "says which belong together: the errors treat all grades as independent. Grades that a firm gives alike would "
        "make the differences between factors more certain than shown, grades that it trades off less certain.",
        f"Not modelled: whether a firm grades a factor at all ({graded[most]} of {RETURNS} grade {most}, "
        f"{graded[least]} grade {least}). A factor that few grade, but high, ranks high here. That hurdle needs the "
        "firms' own answers.",
    )


def _mean_table(order: FactorOrder) -> Table:
    return difference_table(order, "Importance of nine factors (Table 3): against the mean of the nine")


def _findings(fit: OrderedResults, pairs: FactorOrder, mean: FactorOrder) -> dict[str, Any]:
    deviance, df, probability = _misfit(fit)
    apart = pairs.intervals.index[pairs.intervals["pvalue"] < pairs.alpha]
    return {
        "llf": fit.llf,
        "llnull": fit.llnull,
        "ratings": fit.nobs,
        "params": fit.params.to_dict(),
        "bse": fit.bse.to_dict(),
        "misfit": {"statistic": deviance, "df": df, "pvalue": probability},
        "critical": {"pairs": pairs.critical.value, "mean": mean.critical.value},
        "order": pairs.ranks.index.tolist(),
        "ranks": {
            str(label): [int(lower), int(upper)]
            for label, lower, upper in zip(pairs.ranks.index, pairs.ranks["lower"], pairs.ranks["upper"], strict=True)
        },
        "letters": pairs.ranks["letters"].to_dict(),
        "apart": [list(pair) for pair in apart],
    }
