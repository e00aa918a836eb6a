"""A fit in a file: everything comes back, nothing in the file is trusted."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import OptionError, StoreError
from relocchoice.inference.covariance import Moments
from relocchoice.models import MultinomialLogit
from relocchoice.results import archive, codec, store
from relocchoice.results.store import load, save


@pytest.fixture
def data():
    frame = pd.DataFrame(
        {
            "move": np.repeat(np.arange(6), 3),
            "place": ["township", "Shanghai", "远方"] * 6,
            "chosen": [1, 0, 0, 0, 1, 0, 0, 0, 1] * 2,
            "land_price": np.linspace(1.0, 3.0, 18) ** 2,
            "assets": np.repeat([1.0, 2.0, 4.0, 3.0, 7.0, 5.0], 3),
        }
    )
    return ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")


@pytest.fixture
def fit(make_results, data):
    names = [
        ("Intercept:township", 1.25, 0.5, "free", "Constants", ""),
        ("Intercept:远方", -np.inf, np.nan, "infinite", "Constants", ""),
        ("log(land_price)", 1 / 3, 0.1, "free", "Generic", ""),
        ("log(assets):township", 0.0, np.nan, "fixed", "Case-specific", "fixed by the user"),
        ("log(assets):远方", 2.0, np.nan, "flat", "Case-specific", ""),
        ("lambda:near", 0.5, 0.25, "at bound", "Dissimilarity (lambda)", ""),
    ]
    plain = make_results(tuple(names))
    spec = replace(plain.spec, specification=replace_formula(plain.spec.specification), base="Shanghai")
    return replace(
        plain,
        spec=spec,
        encoding=spec.specification.learn(data, "Shanghai"),
        identification=replace(
            plain.identification,
            ok=False,
            flat=("log(assets):远方",),
            infinite=(("Intercept:远方", -1),),
            cells=("A cell.",),
        ),
        llconstants=float("nan"),
        starts=pd.DataFrame({"llf": [-1.0, -np.inf], "ok": [True, False], "seed": [1, 2], "why": ["fine", None]}),
        moments=Moments(
            free=np.arange(3.0),
            theta=np.arange(6.0),
            hessian=-np.eye(3),
            opg=np.eye(3),
            opg_squared=np.eye(3) * 2,
            jacobian=np.ones((6, 3)),
            moving=np.array([True, True, False]),
            flat=np.empty((3, 0)),
            finite=np.array([True, False, True, False, True, True]),
            nobs=6.0,
            weight_kind=None,
        ),
        problem=object(),
    )


def replace_formula(formula):
    return type(formula)("chosen ~ log(land_price) | log(assets)")


@pytest.fixture
def file(fit, tmp_path):
    return save(fit, tmp_path / "fit.relocchoice")


def rewrite(path, change=lambda text: None, members=None):
    """The same file with ``fit.json`` changed in place by ``change``, or with other members."""
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    text = json.loads(contents["fit.json"])
    change(text)
    contents["fit.json"] = json.dumps(text).encode()
    contents |= members or {}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in contents.items():
            if content is not None:
                new.writestr(name, content)
    return path


def assert_same(first, second):
    assert type(first) is type(second)
    if isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second)
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second, strict=True)
    elif hasattr(first, "to_dict"):
        assert first.to_dict() == second.to_dict()
    elif hasattr(type(first), "__dataclass_fields__"):
        for field in fields(first):
            assert_same(getattr(first, field.name), getattr(second, field.name))
    else:
        np.testing.assert_equal(second, first)


def test_everything_but_the_problem_comes_back(fit, file):
    loaded = load(file)
    for field in fields(fit):
        if field.name != "problem":
            assert_same(getattr(fit, field.name), getattr(loaded, field.name))
    assert loaded.problem is None
    assert str(loaded.summary()) == str(fit.summary())


def test_the_loaded_encoding_encodes_as_before(fit, file, data):
    columns = load(file).encoding.columns(data)
    for one, other in zip(fit.encoding.columns(data).columns, columns.columns, strict=True):
        assert one.label == other.label
        np.testing.assert_array_equal(one.coef, other.coef)
        np.testing.assert_array_equal(one.values, other.values)


def test_saving_twice_gives_the_same_bytes(fit, file, tmp_path):
    other = fit.save(str(tmp_path / "other.relocchoice"))
    assert other.read_bytes() == file.read_bytes()
    assert load(file).save(other).read_bytes() == file.read_bytes()


def test_the_text_is_json_without_extensions(file):
    def refuse(name):
        raise AssertionError(name)

    with zipfile.ZipFile(file) as packed:
        text = json.loads(packed.read("fit.json"), parse_constant=refuse)
        with np.load(io.BytesIO(packed.read("arrays.npz")), allow_pickle=False) as arrays:
            assert any(np.array_equal(arrays[name], -np.eye(3)) for name in arrays)
    assert text["schema"] == 1
    assert text["results"]["llconstants"] == {"$float": "nan"}


def test_a_failed_save_leaves_the_old_file_and_nothing_else(fit, file, monkeypatch):
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.1 is a object"):
        save(replace(fit, notes=("fine", object())), file)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        save(fit, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_cannot_be_saved_is_named(fit, tmp_path):
    target = tmp_path / "f"
    with pytest.raises(StoreError, match=r"moments\.a is a set"):
        save(replace(fit, moments={"a": {1}}), target)
    with pytest.raises(StoreError, match=r"starts\['x'\]"):
        save(replace(fit, starts=pd.DataFrame({"x": [(1, 2)]})), target)
    with pytest.raises(StoreError, match="two columns of one name"):
        save(replace(fit, starts=pd.DataFrame([[1, 2]], columns=["x", "x"])), target)
    with pytest.raises(StoreError, match=r"covariance\.matrix is an array of type object"):
        save(replace(fit, covariance=replace(fit.covariance, matrix=np.array([object()]))), target)
    assert not target.exists()


def test_a_missing_folder_or_file_is_named(fit, tmp_path):
    with pytest.raises(StoreError, match=r"cannot be written.*No such file"):
        save(fit, tmp_path / "nowhere" / "f")
    with pytest.raises(StoreError, match=r"cannot be read.*No such file"):
        load(tmp_path / "f")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 40, b"\x80\x04cos\nsystem\n(S'x'\ntR."])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        load(path)


def test_every_truncation_is_refused(file):
    content = file.read_bytes()
    for end in range(0, len(content), max(1, len(content) // 60)):
        file.write_bytes(content[:end])
        with pytest.raises(StoreError):
            load(file)


def test_flipped_bytes_are_refused_or_harmless(fit, file):
    content = file.read_bytes()
    summary = str(fit.summary())
    for place in range(0, len(content), max(1, len(content) // 120)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            loaded = load(file)
        except StoreError:
            continue
        assert str(loaded.summary()) == summary


def set_in(*path, value):
    def change(text):
        for step in path[:-1]:
            text = text[step]
        text[path[-1]] = value

    return change


def drop(*path):
    def change(text):
        for step in path[:-1]:
            text = text[step]
        del text[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("format", value="other"), "not a saved fit"),
        (set_in("schema", value=2), "schema 2; this version reads schema 1"),
        (drop("results"), "damaged"),
        (set_in("results", value=[]), "damaged"),
        (drop("results", "llf"), r"missing \['llf'\]"),
        (set_in("results", "extra", value=1), r"unknown \['extra'\]"),
        (set_in("results", "llf", value="high"), "not a number"),
        (set_in("results", "llf", value={"$float": "1e5"}), "damaged"),
        (set_in("results", "llf", value={"$eval": "1"}), "newer version"),
        (set_in("results", "n_cases", value=-1), "whole number"),
        (set_in("results", "n_cases", value=True), "whole number"),
        (set_in("results", "converged", value="yes"), "true or false"),
        (set_in("results", "weight_kind", value="heavy"), "weight_kind"),
        (set_in("results", "notes", value=[1]), "notes"),
        (set_in("results", "trace", value=None), "trace"),
        (set_in("results", "spec", value=None), "damaged"),
        (set_in("results", "spec", "family", value="probit"), "family='probit'"),
        (set_in("results", "spec", "normalisation", value="x"), "normalisation='x'"),
        (set_in("results", "encoding", "kind", value="pickle"), "not known"),
        (set_in("results", "covariance", "$record", value="Popen"), "'Popen', which is not known"),
        (set_in("results", "covariance", "$record", value="Moments"), "fields"),
        (drop("results", "covariance", "fields", "factor"), "fields"),
        (set_in("results", "covariance", "fields", "matrix", value={"$array": "nowhere"}), "damaged"),
        (set_in("results", "covariance", "fields", "matrix", value={"$array": "a0"}), "covariance does not belong"),
        (set_in("results", "moments", "fields", "hessian", value={"$array": "a0"}), "moments do not belong"),
        (set_in("results", "parameters", value=None), "damaged"),
        (set_in("results", "identification", "fields", "flat", value={"$tuple": ["x"]}), "do not exist"),
        (set_in("results", "parameters", "$frame", "index", value=6), "parameters"),
        (set_in("results", "parameters", "$frame", "index", value=["x"] * 6), "parameters"),
        (set_in("results", "parameters", "$frame", "index", value=["x"] * 5), "damaged"),
        (set_in("results", "parameters", "$frame", "index", value=list("abcdef")), "do not exist"),
    ],
)
def test_inconsistent_contents_are_refused(file, change, message):
    with pytest.raises(StoreError, match=message):
        load(rewrite(file, change))


def places(value, path=()):
    """Every path into the JSON text."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from places(item, (*path, key))


@pytest.mark.parametrize("value", [None, -1, "x", [], {"x": 1}, {"$tuple": [1, []]}])
def test_whatever_stands_in_the_text_no_other_error_comes_out(file, value):
    with zipfile.ZipFile(file) as packed:
        text = json.loads(packed.read("fit.json"))
    for path in list(places(text["results"]))[1::7]:
        content = json.loads(json.dumps(text))
        set_in("results", *path, value=value)(content)
        with zipfile.ZipFile(file) as packed:
            numbers = packed.read("arrays.npz")
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("fit.json", json.dumps(content))
            packed.writestr("arrays.npz", numbers)
        with contextlib.suppress(StoreError):
            load(file)


def npz(name, content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr(name, content)
    return packed.getvalue()


def npy(value, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, value, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"fit.json": None}, "does not hold"),
        ({"extra": b""}, "does not hold"),
        ({"../outside": b""}, "does not hold"),
        ({"fit.json": b"[]"}, "object"),
        ({"fit.json": b"\xff\xfe"}, "damaged"),
        ({"fit.json": b'{"format": NaN}'}, "NaN, which is not JSON"),
        ({"fit.json": b"[" * 200_000}, "damaged"),
        ({"arrays.npz": b"no zip"}, "damaged"),
        ({"arrays.npz": npz("a0.npy", b"no array")}, "damaged"),
        ({"arrays.npz": npz("a0.npy", npy(np.array([{}], dtype=object), allow_pickle=True))}, "type object"),
        ({"arrays.npz": npz("a0.npy", npy(np.array(["x"])))}, "type <U1"),
        ({"arrays.npz": npz("a0.npy", npy(np.zeros(4))[:-8])}, "bear out"),
        (
            {"arrays.npz": npz("a0.npy", npy(np.zeros(4)).replace(b"(4,), }", b"(1000000000000,), }")[:200])},
            "damaged|bear out",
        ),
    ],
)
def test_hostile_members_are_refused(file, members, message):
    with pytest.raises(StoreError, match=message):
        load(rewrite(file, members=members))


def test_bombs_are_not_unpacked(file, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST_TEXT", 10_000_000)
    monkeypatch.setattr(archive, "LARGEST_NUMBERS", 10_000_000)
    bomb = npz("a0.npy", b"\0" * 20_000_000)
    with pytest.raises(StoreError, match="10000000"):
        load(rewrite(file, members={"arrays.npz": bomb}))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("fit.json", b" " * 20_000_000)
        packed.writestr("arrays.npz", b"")
    with pytest.raises(StoreError, match=r"fit\.json says it has 20000000 bytes"):
        load(file)


def test_deep_nesting_is_refused():
    value = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(StoreError, match="nested more than"):
        codec.decode(value, {})


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        float("inf"),
        "text",
        (1, ("a", 2.5), []),
        [1, [2]],
        {"a": 1, "b": (1,)},
        {"$float": 1},
        {1: "a", (2, "x"): None},
        np.float64(0.25),
    ],
)
def test_plain_values_round_trip(value):
    encoder = codec.Encoder()
    stored = json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False))
    assert codec.decode(stored, encoder.arrays) == value


@pytest.mark.parametrize(
    "value", [np.arange(6).reshape(2, 3), np.asfortranarray(np.eye(3)[:, :2]), np.float64(np.zeros((0, 3)))]
)
def test_arrays_keep_their_shape(value):
    encoder = codec.Encoder()
    back = codec.decode(encoder.encode(value, "value"), encoder.arrays)
    np.testing.assert_array_equal(back, value, strict=True)


def test_records_are_named_where_they_live():
    for name, module in codec.RECORDS.items():
        assert getattr(__import__(module, fromlist=[name]), name).__name__ == name
    assert store.FORMAT == "relocchoice fit"


@pytest.mark.parametrize("path", [None, 3, b"fit", "", True])
def test_what_is_no_path_is_refused_by_name(fit, path):
    with pytest.raises(OptionError, match="path="):
        save(fit, path)
    with pytest.raises(OptionError, match="path="):
        load(path)


def test_a_folder_is_refused_by_name(fit, tmp_path):
    with pytest.raises(StoreError, match=r"path=.* is a folder"):
        save(fit, tmp_path)
    with pytest.raises(StoreError, match=r"path=.* is a folder"):
        load(str(tmp_path))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("labels", [["a", "b", ("c", 1)], [b"a", b"b", b"c"]])
def test_labels_that_cannot_be_saved_are_named(labels, tmp_path):
    place = pd.Series(labels * 12, dtype=object)
    frame = pd.DataFrame({"case": np.repeat(np.arange(12), 3), "place": place, "x": np.sin(np.arange(36.0))})
    frame["chosen"] = [int(k % 3 == (k // 3) % 3) for k in range(36)]
    data = ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    results = MultinomialLogit("chosen ~ x | 0").fit(data)
    with pytest.raises(StoreError, match=re.escape(f"{labels[-1] if labels[0] == 'a' else labels[0]!r}") + ".*text"):
        save(results, tmp_path / "fit")
    assert not any(tmp_path.iterdir())


def test_a_fit_of_several_starts_comes_back(tmp_path):
    from builders import choice_data, choice_frame
    from relocchoice.models import NestedLogit

    nests = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
    made = NestedLogit("chosen ~ cost", nests, lambdas="common").fit(choice_data(choice_frame(150, 3)), starts=3)
    assert made.starts.index.tolist() == [1, 2, 3]
    back = load(save(made, tmp_path / "fit.relocchoice"))
    pd.testing.assert_frame_equal(back.starts, made.starts, check_index_type=False)
    assert back.starts.index.name == made.starts.index.name
