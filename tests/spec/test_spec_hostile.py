"""The closed name space: nothing of a hostile formula ever runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import SpecificationError
from relocchoice.spec.encoding import encoding_from_dict
from relocchoice.spec.expressions import CALLABLE, checked_expression
from relocchoice.spec.formula import Formula
from relocchoice.spec.utility import UtilitySpec

HOSTILE = (
    "__import__('os').system('touch {path}')",
    "{{__import__('os').system('touch {path}')}}",
    "I(__import__('os').system('touch {path}'))",
    "log(price, out=__import__('os').system('touch {path}'))",
    "eval('1')",
    "I(eval('1'))",
    "I(open('{path}', 'w'))",
    "{{open('{path}', 'w').write('x')}}",
    "I(price.__class__.__mro__)",
    "{{price.to_csv('{path}')}}",
    "{{().__class__.__bases__[0].__subclasses__()}}",
    "np.save('{path}', price)",
    "np.load('{path}')",
    "{{np.__builtins__}}",
    "np.lib.npyio.open('{path}', 'w')",
    "contr.custom(price)",
    "C(kind, contr.__init__)",
    "C(kind, contr.treatment(base=open('{path}', 'w')))",
    "C(kind, levels=[open('{path}', 'w')])",
    "I((lambda: open('{path}', 'w'))())",
    "{{[open('{path}', 'w') for i in price]}}",
    "{{(x := open('{path}', 'w'))}}",
    "I(f'{{open(chr(97))}}')",
    "{{price if open('{path}', 'w') else price}}",
    "{{`lambda`: open('{path}', 'w')}}",
    "{{price[open('{path}', 'w')]}}",
    "poly(price, 2, _state={{}})",
    "log(*price)",
    "log(price, **price)",
    "I(9**9**9**9)",
    "I('a' * 10000000000)",
    "I((1, 2) * 1000000000)",
    "I(1 << 10000000000)",
    "I(3)",
    "lag(price)",
    "hashed(kind)",
    "exec('1')",
    "Q('price')",
    "C(price > 3)",
    "log(C(kind))",
    "I(price < policy < 3)",
    "I(price and policy)",
    "I(not price)",
    "I(price @ price)",
    "I(price is policy)",
    "I(await price)",
    "log(price)(policy)",
    "log(price).real",
    "ｅｖａｌ('1')",  # Python reads wide letters as plain ones
    "I(price.＿＿class＿＿)",
    "exp(price, price)",
    "np.square(price, policy)",
    "np.minimum(price, policy, price)",
    "log(price, dtype='float16')",
    "scale(price, policy)",
    "poly(price, policy)",
    "I(price, policy)",
    "I(price\x00)",
    "I(price\n); __import__('os').system('touch {path}')",
    "I(price + 10**10**8)",
    "I(price * 1j)",
    "I(price + ...)",
    "I('{{0.__class__}}'.format(price))",
    "C(kind, levels=range(10**10))",
    "C(kind, contr.helmert(reverse=open('{path}', 'w')))",
    "bs(price, knots=(x for x in [1]))",
    "I(sum(x for x in price))",
    "I(price + " + "9" * 5_000 + ")",
)


@pytest.mark.parametrize("place", ["{} | 0", "0 | {}", "price | 0 | {}", "price + {} | 0"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_terms_never_run(hostile: str, place: str, tmp_path: Path, data: ChoiceData) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(SpecificationError):
        Formula(place.format(hostile.format(path=trace))).learn(data)
    assert not trace.exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_terms_never_run_elsewhere(hostile: str, tmp_path: Path, data: ChoiceData) -> None:
    trace = tmp_path / "trace"
    text = hostile.format(path=trace)
    with pytest.raises(SpecificationError):
        Formula("price | 0", offset=text).learn(data)
    with pytest.raises(SpecificationError):
        UtilitySpec({"east": {"b": text}, "metro": {}, "west": {}})
    with pytest.raises(SpecificationError):
        Formula(f"{text} ~ price | 0").learn(data)
    stored = Formula("price | 0").learn(data).to_dict()
    stored["text"] = f"{text} | 0"
    stored["parts"][0]["text"] = text
    with pytest.raises(SpecificationError):
        encoding_from_dict(stored).columns(data)
    assert not trace.exists()


@pytest.mark.parametrize("deep", ["({}", "log({}", "I(-{}", "[{}", "{{"])
def test_depth_is_no_crash(deep: str, data: ChoiceData) -> None:
    opening = deep.format("")
    with pytest.raises(SpecificationError):
        Formula(opening * 3000 + "price").learn(data)
    with pytest.raises(SpecificationError):
        Formula("I(" + "log(" * 3000 + "price" + ")" * 3001).learn(data)


@pytest.mark.parametrize("sign", ["-", "+", "~"])
def test_no_end_of_signs_is_no_crash(sign: str, data: ChoiceData) -> None:
    with pytest.raises(SpecificationError):
        Formula("I(" + sign * 50_000 + "price)").learn(data)


@pytest.mark.parametrize("part", ["{} ~ price", "chosen ~ {}", "chosen ~ 0 | {}"])
def test_formulas_too_long_to_be_read_are_refused_at_once(part: str) -> None:
    began = time.perf_counter()
    with pytest.raises(SpecificationError, match="characters, more than the 60,000") as error:
        Formula(part.format("price + " * 12_000_000 + "price"))
    assert len(str(error.value)) < 300
    with pytest.raises(SpecificationError, match="characters, more than the 60,000"):
        Formula("chosen ~ price", offset="(" * 100_000 + "price" + ")" * 100_000)
    assert time.perf_counter() - began < 5


def test_a_function_writes_nothing_into_the_data(data: ChoiceData) -> None:
    before = data.row_frame(["price"])
    for hostile in ("exp(price, price)", "np.minimum(price, policy, price)"):
        with pytest.raises(SpecificationError, match=r"takes .* and no options"):
            Formula(f"{hostile} | 0").learn(data)
    Formula("np.minimum(price, policy) + np.square(price) | 0").learn(data)
    assert data.row_frame(["price"]).equals(before)


def test_the_callers_names_are_not_seen(data: ChoiceData) -> None:
    secret = data.row_frame(["price"])["price"]
    with pytest.raises(SpecificationError, match="column 'secret'"):
        Formula("secret | 0").learn(data)
    assert len(secret) == data.n_rows


def test_the_message_says_what_is_allowed() -> None:
    with pytest.raises(SpecificationError) as error:
        Formula("I(price.mean()) | 0")
    assert "'price.mean' in 'I(price.mean())'" in str(error.value)
    assert all(name in str(error.value) for name in CALLABLE)


def test_columns_are_read_from_expressions() -> None:
    expression = checked_expression("log(`land price`) / abs(assets - 1)")
    assert expression.columns == ("land price", "assets")
    assert expression.functions == ("log", "abs")
    assert checked_expression("C(kind, contr.treatment(base='zone'))").columns == ("kind",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(a + b + c + d + e)**9", "power 9 of 5 terms .* more than 2,000 products"),
        ("(a)**999999999", "power 999999999 of 1 terms"),
        ("((a + b + c)**3)**5", "power 5 of 27 terms"),
        ("*".join("abcdefghijklmnopqrstuvwxyz"), "more than 2,000 terms"),
        ("(a + b)**8 * (c + d)**8 * (e + f)**8", "more than 2,000 terms"),
        ("bs(a, df=500)", "at most 50 columns"),
        ("poly(a, 9999)", "at most 50 columns"),
        ("bs(a, knots=[" + ", ".join(map(str, range(99))) + "])", "at most 50 columns"),
    ],
)
def test_formulas_that_would_never_come_back_are_refused_soon(text: str, words: str) -> None:
    began = time.perf_counter()
    with pytest.raises(SpecificationError, match=words):
        Formula(f"chosen ~ {text}")
    assert time.perf_counter() - began < 0.5


def test_formulas_of_usual_size_are_read() -> None:
    for text in ("(a + b + c)**3", "a*b*c*d", "bs(a, df=5) + poly(b, 3)", " + ".join(f"x{k}" for k in range(600))):
        Formula(f"chosen ~ {text}")
