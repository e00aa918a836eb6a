"""The closed name space of formulas: arithmetic on columns and the functions listed here, nothing else is ever run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from formulaic.transforms import TRANSFORMS
from formulaic.utils.code import sanitize_variable_names

from relocchoice.errors import Finding, SpecificationError

UFUNCS: tuple[str, ...] = (
    *("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "abs"),
    *("square", "sign", "minimum", "maximum"),
)
PLAIN_UFUNCS = UFUNCS[:8]
OF_TWO = ("minimum", "maximum")
STATEFUL: tuple[str, ...] = ("center", "scale", "poly", "bs")
BASES = ("poly", "bs")
MOST_COLUMNS = 50
CONTRASTS: tuple[str, ...] = ("treatment", "sum", "helmert", "diff")

FUNCTIONS: Mapping[str, Any] = {
    **{name: getattr(np, name) for name in PLAIN_UFUNCS},
    **{name: TRANSFORMS[name] for name in (*STATEFUL, "C", "I")},
    "np": SimpleNamespace(**{name: getattr(np, name) for name in UFUNCS}),
    "contr": SimpleNamespace(**{name: getattr(TRANSFORMS["contr"], name) for name in CONTRASTS}),
}
NAMESPACES: Mapping[str, tuple[str, ...]] = {"np": UFUNCS, "contr": CONTRASTS}
CALLABLE: tuple[str, ...] = (*PLAIN_UFUNCS, *STATEFUL, "C", "I")

ALLOWED = (
    f"+ - * / // % ** and comparisons of columns, {', '.join(CALLABLE)}, "
    f"np.{{{', '.join(UFUNCS)}}}, contr.{{{', '.join(CONTRASTS)}}}"
)

BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr)
UNARY = (ast.UAdd, ast.USub, ast.Invert)
COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Expression:
    """One factor of a term, checked.

    Attributes
    ----------
    text : as formulaic writes it; column names that are no Python names stand in backticks.
    columns : the columns it reads, in order of appearance.
    functions : the functions it calls.
    levels : the levels given in ``C(column, levels=[...])``, else None.
    """

    text: str
    columns: tuple[str, ...]
    functions: tuple[str, ...] = ()
    levels: tuple[Any, ...] | None = None


def checked_expression(text: str) -> Expression:
    """Parse a factor and refuse all that is not arithmetic on columns and the listed functions. Nothing is evaluated.

    Parameters
    ----------
    text : Python code of one factor, e.g. ``"log(`land price`)"``.

    Raises
    ------
    SpecificationError : names the expression, the part of it that is refused, and the functions that are allowed.
    """
    aliases: dict[str, str] = {}
    try:
        # the same clean-up formulaic does before it evaluates, so what is checked is what would be run
        tree = ast.parse(sanitize_variable_names(text, {}, aliases), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError) as error:
        raise refused(text, text, f"it is not an expression ({type(error).__name__})") from None
    try:
        names = list(_read(tree, text, outermost=True))
    except RecursionError:
        raise refused(text, text, "it is nested too deeply") from None
    columns = tuple(dict.fromkeys(aliases.get(name, name) for kind, name in names if kind == "column"))
    functions = tuple(dict.fromkeys(name for kind, name in names if kind == "function"))
    if not columns:
        raise refused(text, text, "it reads no column")
    if _is_call_of(tree, "C"):
        return Expression(text, columns, functions, _given_levels(tree))
    return Expression(text, columns, functions)


def refused(text: str, part: str, reason: str) -> SpecificationError:
    """The error on an expression that is not in the closed name space."""
    where = f"{part!r} in {text!r}" if part != text else f"{text!r}"
    message = f"{where} is not allowed in a formula: {reason}; allowed are {ALLOWED}"
    return SpecificationError([Finding(rule="expression_not_allowed", message=message, value=text)])


def _given_levels(call: ast.AST) -> tuple[Any, ...] | None:
    keywords = call.keywords if isinstance(call, ast.Call) else []
    given = [keyword.value for keyword in keywords if keyword.arg == "levels"]
    return tuple(ast.literal_eval(given[0])) if given and isinstance(given[0], ast.List | ast.Tuple) else None


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _read(node: ast.AST, text: str, outermost: bool = False) -> Iterator[tuple[str, str]]:
    """Walk an expression; yields ("column" | "function", name); raises on anything not listed."""
    match node:
        case ast.Name(id=name):
            yield "column", name
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return
        case ast.UnaryOp(op=op, operand=operand) if isinstance(op, UNARY):
            yield from _read(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, BINARY):
            found = [*_read(left, text), *_read(right, text)]
            if isinstance(op, ast.Pow) and not any(kind == "column" for kind, _ in found):
                # 9**9**9 would never come back
                raise refused(text, ast.unparse(node), "a power of numbers alone; write the number")
            yield from found
        case ast.Compare(ops=ops, left=left, comparators=[right]) if isinstance(ops[0], COMPARISONS):
            for side in (left, right):
                if not _is_literal(side):
                    yield from _read(side, text)
        case ast.Call():
            yield from _read_call(node, text, outermost)
        case _:
            raise refused(text, ast.unparse(node), _reason(node))


def _read_call(node: ast.Call, text: str, outermost: bool) -> Iterator[tuple[str, str]]:
    name = _function_name(node.func, text)
    if name == "C" and not outermost:
        raise refused(text, ast.unparse(node), "C() must stand alone, not inside an expression")
    if name == "C" and not (node.args and isinstance(node.args[0], ast.Name)):
        raise refused(text, ast.unparse(node), "C() takes the name of one column")
    _check_arguments(node, text)
    if name in BASES:
        _check_basis(node, text)
    yield "function", name
    for position, argument in enumerate(node.args):
        if position and (_is_literal(argument) or _is_contrast(argument, text)):
            continue
        yield from _read(argument, text)
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg.startswith("_"):
            raise refused(text, ast.unparse(keyword), "only named options can be given")
        if not (_is_literal(keyword.value) or _is_contrast(keyword.value, text)):
            raise refused(text, ast.unparse(keyword), "an option is a number, a text, True, False, None or a list")


def _check_arguments(node: ast.Call, text: str) -> None:
    """Refuse a second array where none belongs: NumPy would take it for the place to write its result to."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    wanted = 2 if function in OF_TWO else 1
    if function in UFUNCS and (len(node.args) != wanted or node.keywords):
        number = "two arguments" if wanted == 2 else "one argument"
        raise refused(text, ast.unparse(node), f"{function} takes {number} and no options")
    expressions = [one for one in node.args[1:] if not (_is_literal(one) or _is_contrast(one, text))]
    if function not in UFUNCS and expressions:
        raise refused(text, ast.unparse(node), f"{function} takes one expression, then options")


def _check_basis(node: ast.Call, text: str) -> None:
    """Refuse polynomials and splines of more columns than anybody can estimate."""
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    numbers = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, int | float)]
    longest = max((len(one.elts) for one in given if isinstance(one, ast.List | ast.Tuple)), default=0)
    if any(number > MOST_COLUMNS for number in numbers) or longest > MOST_COLUMNS:
        raise refused(text, ast.unparse(node)[:80], f"a basis has at most {MOST_COLUMNS} columns")


def _function_name(node: ast.AST, text: str) -> str:
    """Name of the function of a call, when it is one of the listed ones."""
    match node:
        case ast.Name(id=name) if name in CALLABLE:
            return name
        case ast.Attribute(value=ast.Name(id="np"), attr=attribute) if attribute in NAMESPACES["np"]:
            return "np"
    raise refused(text, ast.unparse(node), "the function is not one of the listed ones")


def _is_contrast(node: ast.AST, text: str) -> bool:
    """Whether an argument is ``contr.treatment`` or a call of it with plain options."""
    if isinstance(node, ast.Call):
        plain = all(_is_literal(value) for value in (*node.args, *(keyword.value for keyword in node.keywords)))
        named = all(keyword.arg and not keyword.arg.startswith("_") for keyword in node.keywords)
        return plain and named and _is_contrast(node.func, text)
    match node:
        case ast.Attribute(value=ast.Name(id="contr"), attr=attribute):
            return attribute in NAMESPACES["contr"]
    return False


def _is_literal(node: ast.AST) -> bool:
    """A number, text, True, False, None, a signed number, or a list of these."""
    if isinstance(node, ast.List | ast.Tuple):
        return all(_is_literal(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        node = node.operand
        return isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str | bool | int | float))


def _reason(node: ast.AST) -> str:
    reasons: dict[type[ast.AST], str] = {
        ast.Attribute: "names with a dot are not looked up (put a column name with a dot in backticks)",
        ast.Constant: "a text or constant can only be compared with a column or be an option of a function",
        ast.Compare: "only one comparison at a time, with == != < <= > >=",
        ast.BoolOp: "write (a) & (b) or (a) | (b)",
        ast.Subscript: "columns cannot be indexed",
        ast.Set: "braces stand only outside a function, and inside it the plain expression is enough",
        ast.Dict: "braces stand only outside a function, and inside it the plain expression is enough",
    }
    return reasons.get(type(node), f"a {type(node).__name__} is no arithmetic")
