"""A specification file is data: what it may say, and the sentence for everything else."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest
from report_cases import SPEC

from relocchoice.errors import OptionError
from relocchoice.report.spec_file import LARGEST, read_spec, spec_of

DATA = '[data]\ncase = "move"\nalternative = "place"\nchosen = "chosen"\n'
MODEL = '[model]\nformula = "chosen ~ price"\n'


def refusal(text: str) -> str:
    with pytest.raises(OptionError) as caught:
        spec_of(text)
    return str(caught.value)


def test_models_and_options() -> None:
    spec = spec_of(SPEC + '\n[fit]\ncov_type = "robust"\npenalty = { sd = 2.5 }\n')
    assert list(spec.models) == ["plain", "nests"]
    assert [model.spec.family for model in spec.models.values()] == ["multinomial", "nested"]
    assert spec.models["nests"].spec.lambdas == "common"
    assert spec.fit["cov_type"] == "robust"
    assert spec.fit["penalty"].sd == 2.5
    assert spec.data["layout"] == "long"


def test_constraints_and_alternatives_outside_the_nests() -> None:
    text = DATA + MODEL + 'nests = { near = ["a", "b"] }\noutside = ["c"]\n'
    text += 'fixed = { price = -1 }\nequal = [["x", "y"]]\nbounds = { "lambda:near" = [0.1, inf] }\n'
    (model,) = spec_of(text).models.values()
    assert model.spec.nests.leaves == ("a", "b", "c")
    assert dict(model.fixed) == {"price": -1.0}
    assert dict(model.bounds) == {"lambda:near": (0.1, None)}
    assert model.equal == (("x", "y"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DATA + MODEL + "bse = 'c'", "[model] has no key 'bse'; did you mean 'base'?"),
        (DATA + MODEL + "[reprot]\ntitle = 'x'", "there is no table [reprot]; did you mean 'report'?"),
        (DATA + "chosn = 'x'\n" + MODEL, "[data] has no key 'chosn'; did you mean 'chosen'"),
        (DATA + MODEL + "[fit]\nstarts = '3'", "[fit] starts = '3' is not a whole number from 0 to 1,000,000"),
        (DATA + MODEL + "[fit]\nstarts = true", "[fit] starts = True is not a whole number"),
        (DATA + MODEL + "[fit]\ncov_type = 'sandwich'", "is not one of 'hessian', 'opg', 'robust'"),
        (DATA + MODEL + "[report]\nformats = ['pdf']", "is not a list of 'text', 'markdown', 'latex'"),
        (DATA + MODEL + "[report]\nalpha = 5", "[report] alpha = 5 is not a number between 0 and 1"),
        (DATA + MODEL + "[report]\nalpha = nan", "is not a number between 0 and 1"),
        (DATA + MODEL + "fixed = { price = 'x' }", "is not a table of numbers"),
        (DATA + MODEL + "fixed = { price = 2020-01-01 }", "is not a table of numbers"),
        (DATA + MODEL + f"fixed = {{ price = 1{'0' * 4000} }}", "is not a table of numbers"),
        (DATA + MODEL + "lambdas = 'common'", "[model] lambdas goes with kind = 'nested'"),
        (DATA + MODEL + "kind = 'nested'", "kind = 'nested' needs nests"),
        (DATA + "[model]\nbase = 'a'", "[model] needs formula"),
        (DATA, "there is no model"),
        (MODEL, "there is no table [data]"),
        ("[data]\ncase = 'move'\n" + MODEL, "layout = 'long' needs alternative"),
        (DATA + "varying = { c = { a = 'x' } }\n" + MODEL, "varying does not go with layout = 'long'"),
        (DATA + "population_by = 'x'\n" + MODEL, "population_by goes with population_shares"),
        ("data = 3\n" + MODEL, "data is a table, [data], not 3"),
        ("x = = 1", "is not TOML"),
        (DATA + MODEL + "[fit]\npenalty = { sd = -1 }", "sd=-1 is not valid"),
    ],
)
def test_what_is_wrong_is_named(text: str, expected: str) -> None:
    assert expected in refusal(text)


def test_all_problems_at_once() -> None:
    message = refusal(DATA + "x = 1\n" + MODEL + "y = 2\n[fit]\nz = 3\n")
    assert "3 problems" in message
    assert all(f"has no key '{key}'" in message for key in "xyz")


def test_two_models_of_one_name() -> None:
    twice = "[[model]]\nname = 'a'\nformula = 'chosen ~ price'\n" * 2
    assert "'a' is given twice" in refusal(DATA + twice)


@pytest.mark.parametrize(
    ("nests", "expected"),
    [
        ("{ near = ['a', 'b'], away = ['b', 'c'] }", "stands in nest 'near' and in nest 'away'"),
        ("{ near = ['a', 'a'] }", "'a' stands in"),
        ("{ near = { near = { near = ['a', 'b'] } } }", "nest name 'near' occurs 3 times"),
        ("{ near = [] }", "nest 'near' is empty"),
        ("{ near = 'a' }", "is not a table nest -> list"),
        ("{ near = [['a', 'b']] }", "without a name"),
        ("{ near = ['a', { near = ['b', 'c'] }] }", "occurs 2 times"),
    ],
)
def test_nests_with_cycles_and_duplicates(nests: str, expected: str) -> None:
    assert expected in refusal(DATA + MODEL + f"nests = {nests}")


@pytest.mark.parametrize(
    "bomb",
    [
        "x = " + "[" * 50_000,
        "x = " + "{a=" * 30_000,
        "x = " + "[" * 300 + "]" * 300,
        "[" + ".".join("a" * 60_000) + "]",
        ".".join("a" * 60_000) + " = 1",
        "nests = { " + ".".join("a" * 900) + " = ['b'] }",
        "x = " + "9" * 50_000,
        "#" * (LARGEST + 1),
        "x = '\x00'",
    ],
)
def test_bombs_are_refused_soon(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(DATA + MODEL + bomb)
    began = perf_counter()
    with pytest.raises(OptionError):
        read_spec(path)
    assert perf_counter() - began < 5


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        read_spec(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="not text in UTF-8"):
        read_spec(tmp_path / "bytes.toml")
