"""Willingness to pay, linear and smooth combinations of parameters, with delta, Fieller and Krinsky-Robb intervals.

Fieller (1954): the values r at which a - r b is not significant, the roots of (a - r b)^2 = z^2 Var(a - r b); without a
significant denominator they are no interval, and the table says so. (Hole 2007, Health Economics 16, compares the
three.)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.linear_expressions import linear_equations
from relocchoice.inference.tails import normal_quantile
from relocchoice.post.inferred import Derived, Interval, Sampling, infer, known_covariance
from relocchoice.post.money import position, told
from relocchoice.spec.labels import hint
from relocchoice.spec.parts import shortened

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
RatioInterval = Literal["delta", "fieller", "krinsky-robb"]
FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    name: getattr(np, name) for name in ("log", "exp", "sqrt", "abs", "log1p", "expm1", "log2", "log10")
}
LARGEST_NUMBER = 1e100
LONGEST = 2000
DEEPEST = 200


def willingness_to_pay(
    fit: ChoiceResults,
    attributes: str | Sequence[str],
    cost: str,
    *,
    per: Literal["more", "less"] = "more",
    scale: float = 1.0,
    interval: RatioInterval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """What one unit more (or less) of attributes is worth, in units of the cost: -b / b_cost (or b / b_cost).

    Parameters
    ----------
    attributes, cost : names of parameters.
    per : ``"more"``, for one unit more; ``"less"``, for one unit less, e.g. minutes saved.
    scale : factor, e.g. 60 from minutes to hours.
    interval : ``"delta"``, ``"fieller"`` or ``"krinsky-robb"``.
    alpha, draws, seed : the intervals cover with probability 1 - alpha; of the draws.

    Raises
    ------
    SpecificationError : no such parameter, or a cost coefficient of zero.
    OptionError : an option that is not valid.
    """
    if interval not in get_args(RatioInterval):
        raise OptionError.of("interval", interval, ", ".join(map(repr, get_args(RatioInterval))))
    if per not in ("more", "less"):
        raise OptionError.of("per", per, "'more', 'less'")
    if not isinstance(scale, Real) or not np.isfinite(scale) or scale == 0:
        raise OptionError.of("scale", scale, "a finite number that is not 0")
    names = [attributes] if isinstance(attributes, str) else list(dict.fromkeys(attributes))
    tops, bottom = [position(fit, name) for name in names], position(fit, cost)
    factor = float(scale) * (-1.0 if per == "more" else 1.0)
    sampling = Sampling("delta" if interval == "fieller" else interval, alpha, draws, seed)
    theta = np.array(fit.moments.theta, dtype=float)
    if theta[bottom] == 0:
        raise SpecificationError(f"the coefficient of {cost!r} is zero, so nothing has a price")

    def function(at: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        ratios = factor * at[tops] / at[bottom]
        slope = np.zeros((len(tops), len(at)))
        for row, top in enumerate(tops):
            slope[row, top] += factor / at[bottom]
            slope[row, bottom] -= ratios[row] / at[bottom]
        return ratios, slope

    found = infer(fit, function, sampling)
    table = found.frame(pd.Index(names, name="attribute"))
    notes = [f"Units of {cost} for one unit {per} of the attribute" + (f", times {scale:g}." if scale != 1 else ".")]
    notes += [sentence for sentence in (told(fit, cost),) if sentence]
    notes += found.notes
    if interval == "fieller":
        notes += _fieller(fit, table, theta, tops, bottom, factor, alpha)
    covariance, _ = known_covariance(fit)
    size = abs(theta[bottom]) / np.sqrt(covariance[bottom, bottom]) if covariance[bottom, bottom] > 0 else np.inf
    if size < normal_quantile(alpha / 2):
        notes.append(f"The coefficient of {cost} is not significant (|z| = {size:.2f}): the ratio has no moments.")
    return Derived("Willingness to pay", table, tuple(notes), interval, alpha, found.covariance, fit.provenance)


def _fieller(
    fit: ChoiceResults, table: pd.DataFrame, theta: Floats, tops: list[int], bottom: int, factor: float, alpha: float
) -> list[str]:
    """Put Fieller's ends into the table; returns what is to be said."""
    covariance, lacking = known_covariance(fit)
    z2 = normal_quantile(alpha / 2) ** 2
    notes = ["Intervals: Fieller's; standard errors: delta method."]
    for row, top in enumerate(tops):
        if lacking[top] or lacking[bottom]:
            continue
        b, a = theta[bottom], factor * theta[top]
        square = b * b - z2 * covariance[bottom, bottom]
        middle = a * b - z2 * factor * covariance[top, bottom]
        rest = a * a - z2 * factor**2 * covariance[top, top]
        inside = middle * middle - square * rest
        name = table.index[row]
        if square > 0:
            half = np.sqrt(max(inside, 0.0))
            table.loc[name, ["lower", "upper"]] = [(middle - half) / square, (middle + half) / square]
            continue
        table.loc[name, ["lower", "upper"]] = [-np.inf, np.inf]
        if inside <= 0:
            notes.append(f"{name}: no ratio at all is ruled out at this level.")
        else:
            ends = sorted([(middle - np.sqrt(inside)) / square, (middle + np.sqrt(inside)) / square])
            notes.append(f"{name}: all ratios are in but those between {ends[0]:.6g} and {ends[1]:.6g}.")
    return notes


def lincom(fit: ChoiceResults, expressions: str | Sequence[str], *, alpha: float = 0.05) -> Derived:
    """Linear combinations of parameters, e.g. ``"time:car - time:air"``, with errors.

    Raises
    ------
    SpecificationError : an unknown parameter, an expression that is not linear, or an equation.
    """
    sampling = Sampling(alpha=alpha)
    texts = [expressions] if isinstance(expressions, str) else list(expressions)
    names = [str(name) for name in fit.parameters.index]
    forms = []
    for text in texts:
        found = linear_equations(text, names)
        if len(found) != 1 or "=" in text:
            raise SpecificationError(f"{text!r} is no single expression; an equation is tested by wald_test")
        forms.append(found[0])
    weights, constants = np.array([one.weights for one in forms]), np.array([one.constant for one in forms])

    def function(at: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        return weights @ at + constants, weights

    inferred = infer(fit, function, sampling)
    table = inferred.frame(pd.Index(texts, name="combination"))
    return Derived("Linear combinations", table, inferred.notes, "delta", alpha, inferred.covariance, fit.provenance)


def nlcom(
    fit: ChoiceResults,
    functions: str | Callable[[pd.Series], Any] | Mapping[str, str | Callable[[pd.Series], Any]],
    *,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """Smooth functions of parameters, with errors by numeric gradients or draws.

    Parameters
    ----------
    functions : text such as ``"exp(cost) / (1 - lambda:near)"`` with ``+ - * / **``, numbers, names of parameters (in
        backticks where they could be misread) and log, exp, sqrt, abs, log1p, expm1, log2, log10, nothing else is ever
        run; a callable of the Series of parameters; or a mapping of names to these.
    interval, alpha, draws, seed : see :func:`willingness_to_pay`; not Fieller's.

    Raises
    ------
    SpecificationError : the text is not of this kind, or the value at the estimates is not a finite number.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    given = functions if isinstance(functions, Mapping) else {_name(functions): functions}
    names = [str(name) for name in fit.parameters.index]
    made = {str(name): _compiled(one, names) for name, one in given.items()}

    def function(at: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        series = pd.Series(at, index=names)
        with np.errstate(all="ignore"):
            return np.array([_number(one(series), name) for name, one in made.items()]), None

    first, _ = function(np.array(fit.moments.theta, dtype=float), False)
    if not np.isfinite(first).all():
        bad = list(made)[int(np.flatnonzero(~np.isfinite(first))[0])]
        raise SpecificationError(f"{_short(bad)} is not a finite number at the estimates")
    inferred = infer(fit, function, sampling)
    table = inferred.frame(pd.Index(list(made), name="function"))
    title = "Functions of the parameters"
    return Derived(title, table, inferred.notes, interval, alpha, inferred.covariance, fit.provenance)


def _name(function: Any) -> str:
    return function if isinstance(function, str) else getattr(function, "__name__", "function")


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SpecificationError(f"{_short(name)} gives {type(value).__name__}, not a number") from None


def _compiled(function: Any, names: list[str]) -> Callable[[pd.Series], Any]:
    if callable(function):
        return function
    if not isinstance(function, str):
        raise SpecificationError(f"a function is text or a callable, not {type(function).__name__}")
    tree = _parsed(function, names)
    return lambda series: _value(tree, series.to_numpy(), function)


def _parsed(text: str, names: list[str]) -> ast.expr:
    """The tree of an expression whose parameters are called ``_p0``, ``_p1``, ..."""
    if len(text) > LONGEST:
        raise SpecificationError(f"an expression of {len(text)} characters is too long; give a callable")
    if re.search(r"\b_p\d+\b", text):
        raise SpecificationError(f"{_short(text)} holds a name that is reserved: _p and a number")
    longest = sorted(range(len(names)), key=lambda k: -len(names[k]))
    plain = [rf"`{re.escape(names[k])}`|(?<![\w.`]){re.escape(names[k])}(?![\w.:\[`])" for k in longest]
    found = re.compile("|".join(f"(?P<p{k}>{one})" for k, one in zip(longest, plain, strict=True)))
    try:
        tree = ast.parse(found.sub(lambda match: f"_{match.lastgroup}", text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecificationError(
            f"{_short(text)} is not an expression ({type(error).__name__}); {hint(text, names)}"
        ) from None
    _check_depth(tree, text)
    _check(tree, text, names)
    return tree


def _check_depth(tree: ast.expr, text: str) -> None:
    """Refuse a tree that recursion could not walk through."""
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise SpecificationError(f"{_short(text)} is nested more than {DEEPEST} deep; give a callable")


def _short(text: str) -> str:
    return repr(shortened(text))


def _check(node: ast.AST, text: str, names: list[str]) -> None:
    match node:
        case ast.Name(id=name):
            if not (name.startswith("_p") and name[2:].isdigit()):
                raise SpecificationError(f"{_short(name)} in {_short(text)} is no parameter; {hint(name, names)}")
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            if abs(value) > LARGEST_NUMBER:
                raise SpecificationError(f"the number {ast.unparse(node)[:20]} in {_short(text)} is too large")
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            _check(operand, text, names)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow(), right=right):
            _check(left, text, names)
            _check(right, text, names)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            _check(argument, text, names)
        case _:
            raise SpecificationError(
                f"{_short(ast.unparse(node))} in {_short(text)} is not allowed; allowed are + - * / **, numbers, "
                f"parameters and {', '.join(FUNCTIONS)}"
            )


def _value(node: ast.AST, theta: Floats, text: str) -> Any:
    match node:
        case ast.Name(id=name):
            return theta[int(name[2:])]
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, theta, text)
            return -inner if isinstance(op, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, theta, text), _value(right, theta, text)
            return _BINARY[type(op)](a, b)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return FUNCTIONS[name](_value(argument, theta, text))
    raise AssertionError(ast.dump(node))


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
