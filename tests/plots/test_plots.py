"""What the plots show, read from the axes: the numbers, the labels, the words; and that nothing lies over anything."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors, font_manager, pyplot

import relocchoice as rc
from relocchoice import plots
from relocchoice.errors import DataError, IdentificationError, OptionError, RelocChoiceError, RelocChoiceWarning
from relocchoice.inference.tails import chi2_quantile
from relocchoice.plots import style

HOSTILE = "50%_of $x$ & <script> {y} \\alpha"
PLACES = ["coast", HOSTILE, "interior", "metro"]


def ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def effects_table():
    index = pd.MultiIndex.from_product([["assets"], PLACES], names=["variable", "alternative"])
    estimate = np.array([-0.1, 0.03, 0.05, np.nan])
    return pd.DataFrame({"estimate": estimate, "lower": estimate - 0.04, "upper": estimate + 0.02}, index=index)


def overlapping(ax, found):
    """Pairs of texts whose boxes share ground once the figure is drawn."""
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent().padded(-1) for text in found if text.get_text() and text.get_visible()]
    return [(a, b) for place, a in enumerate(boxes) for b in boxes[place + 1 :] if a.overlaps(b)]


def outside(ax):
    """Texts that the figure cuts off."""
    ax.figure.draw_without_rendering()
    page = ax.figure.bbox.padded(1.5)
    found = [*ax.texts, ax.xaxis.label, ax.yaxis.label]
    for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
        found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = {text.get_text(): text.get_window_extent() for text in found if text.get_text() and ax.axison}
    return [text for text, box in boxes.items() if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0]


# ------------------------------------------------------------------------------------------------------- coefficients


def test_coefficients(multinomial, nested):
    ax = plots.coefficients(multinomial, nested, names=["MNL", "NL"], labels={"cost": "Land cost"})
    rows = ticks(ax.yaxis)
    assert rows[-3:] == ["lambda:near", "lambda:away", "lambda:rich"]
    assert "Land cost" in rows
    place = rows.index("Land cost")
    points = [line for line in ax.lines if line.get_marker() in style.MARKERS and len(line.get_xdata()) > 1]
    for fit, line in zip((multinomial, nested), points, strict=True):
        drawn = dict(zip(np.round(line.get_ydata()), line.get_xdata(), strict=True))
        assert drawn[place] == fit.params["cost"]
        assert len(drawn) == len(fit.params)
    assert points[0].get_marker() != points[1].get_marker()
    intervals = ax.collections[0].get_segments()
    assert intervals[0][:, 0] == pytest.approx(multinomial.conf_int().iloc[0])
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["MNL", "NL"]
    assert ax.get_xlabel() == "estimate and 95% interval"
    assert not outside(ax)
    assert not overlapping(ax, ax.get_yticklabels())


def test_what_has_no_interval_says_why(multinomial):
    parameters = multinomial.parameters
    names = list(parameters.index[:5])
    for name, status, estimate in zip(
        names, ("infinite", "flat", "fixed", "dropped", "infinite"), (np.inf, 0.0, 0.5, np.nan, -np.inf), strict=True
    ):
        parameters.loc[name, ["status", "estimate"]] = [status, estimate]
    ax = plots.coefficients(replace(multinomial, parameters=parameters))
    assert texts(ax) == ["+∞", "not identified", "fixed", "dropped", "−∞"]
    arrows = [line.get_marker() for line in ax.lines if line.get_marker() in ("<", ">")]
    assert arrows == [">", "<"]
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert list(hollow[0].get_xdata()) == [0.5]


def test_coefficients_are_chosen(multinomial):
    assert ticks(plots.coefficients(multinomial, keep="assets:*", drop="*:metro").yaxis) == [
        f"assets:{place}" for place in ("coast", "county", "interior")
    ]
    narrow = plots.coefficients(multinomial, alpha=0.5)
    assert narrow.get_xlabel() == "estimate and 50% interval"
    with pytest.raises(OptionError, match="keep='price'"):
        plots.coefficients(multinomial, keep="price")
    with pytest.raises(OptionError, match="at least one fit"):
        plots.coefficients()
    with pytest.raises(OptionError, match="argument 1 is a list"):
        plots.coefficients([multinomial])
    with pytest.raises(OptionError, match="1 names, one for each fit"):
        plots.coefficients(multinomial, names=["a", "b"])


# ----------------------------------------------------------------------------------------------- effects and scenarios


def test_effects_take_a_table_or_what_holds_one():
    ax = plots.effects(effects_table(), xlabel="a label so long that one line of the figure cannot hold all of it")
    assert ticks(ax.yaxis)[0] == "coast"
    assert ticks(ax.yaxis)[1].replace("\n", " ") == style.label(HOSTILE).replace("\n", " ")
    assert texts(ax) == ["not available"]
    assert list(ax.lines[0].get_xdata()) == [-0.1, 0.03, 0.05]
    assert "\n" in ax.get_xlabel()
    assert not outside(ax)

    class Record:
        table = effects_table()

    assert ticks(plots.effects(Record()).yaxis) == ticks(ax.yaxis)


def test_effects_by_group():
    both = pd.concat({"foreign": effects_table(), "domestic": effects_table()}, names=["owner"])
    ax = plots.effects(both, by="owner", labels={"foreign": "étranger"})
    assert len(ticks(ax.yaxis)) == len(PLACES)
    legend = ax.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["étranger", "domestic"]


def test_scenario_differences():
    ax = plots.scenario_differences(effects_table().dropna())
    widths = [bar.get_width() for bar in ax.patches]
    assert sorted(widths, reverse=True) == pytest.approx([5.0, 3.0, -10.0])
    assert ticks(ax.yaxis)[0] == "interior"
    assert "percentage points" in ax.get_xlabel().replace("\n", " ")
    assert {bar.get_hatch() for bar in ax.patches if bar.get_width() < 0} == {"////"}
    plain = plots.scenario_differences(effects_table().dropna()[["estimate"]], sort=False, percentage_points=False)
    assert ticks(plain.yaxis)[0] == "coast"
    assert "interval" not in plain.get_xlabel()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.effects([1]), "not a list"),
        (lambda: plots.effects(effects_table(), lower="low"), "column='low' is not valid; valid: estimate"),
        (lambda: plots.effects(effects_table(), by="owner"), "by='owner'"),
        (lambda: plots.effects(effects_table().iloc[:0]), "no rows"),
        (lambda: plots.scenario_differences(effects_table(), estimate="x"), "column='x'"),
        (lambda: plots.elasticities([1]), "a data frame with one row"),
        (lambda: plots.elasticities(pd.DataFrame({"a": ["b"]})), "no numbers"),
        (lambda: plots.effects(effects_table(), ax=3), "ax=3"),
    ],
)
def test_what_is_no_table(call, message):
    with pytest.raises(OptionError, match=message):
        call()


# -------------------------------------------------------------------------------------------------------- elasticities


def test_elasticities():
    values = np.array([[-1.5, 0.2, 0.3], [0.1, -0.004, np.nan], [0.4, 0.5, -0.9]])
    names = ["coast", "50% of $x$", "a long name of a place"]
    index, columns = pd.Index(names, name="probability of"), pd.Index(names, name="variable of")
    ax = plots.elasticities(pd.DataFrame(values, index=index, columns=columns), labels={"coast": "Küste"})
    assert texts(ax)[:6] == ["−1.50", "0.20", "0.30", "0.10", "0.00", "–"]
    image = ax.images[0]
    assert image.get_clim() == (-1.5, 1.5)
    assert ticks(ax.yaxis)[0] == "Küste"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("variable of", "probability of")
    written = dict(zip(texts(ax), ax.texts, strict=True))
    assert written["−1.50"].get_color() == "white"
    assert written["0.20"].get_color() == "black"
    assert not overlapping(ax, ax.texts)
    many = plots.elasticities(pd.DataFrame(np.eye(20)))
    assert texts(many) == []


# ----------------------------------------------------------------------------------------------------------- nest tree


def test_nest_tree(nested):
    ax = plots.nest_tree(nested, labels={"near": "in town", "coast": "Küste"})
    shown = texts(ax)
    rich = nested.params["lambda:rich"]
    assert any(text.startswith("rich\nλ = ") and f"{rich:.3g}"[:4] in text for text in shown)
    assert any(text.startswith("in town\n") for text in shown)
    assert "Küste" in shown
    assert {"township", "county", "metro", "interior"} <= set(shown)
    assert not overlapping(ax, ax.texts)
    bare = plots.nest_tree(nested.spec.nests)
    assert not any("λ" in text for text in texts(bare))
    with pytest.raises(OptionError, match="has no nests"):
        plots.nest_tree(3)


def test_nest_tree_says_what_is_odd(nested, multinomial):
    parameters = nested.parameters
    parameters.loc["lambda:rich", "estimate"] = 1.25
    parameters.loc["lambda:away", "status"] = "fixed"
    parameters.loc["lambda:near", "status"] = "flat"
    ax = plots.nest_tree(replace(nested, parameters=parameters))
    found = {text.get_text().split("\n")[0]: text for text in ax.texts}
    assert found["rich"].get_text().endswith("above 1")
    assert found["rich"].get_color() == style.COLOURS[1]
    assert found["away"].get_text().endswith("fixed")
    assert found["near"].get_text() == "near\nλ not identified"
    with pytest.raises(OptionError, match="has no nests"):
        plots.nest_tree(multinomial)


def test_deep_trees_do_not_overlap():
    nests = {"a": {"b": {"c": {"d": ["one", "two"], "an alternative that stands alone": None}, "e": ["three", "four"]}}}
    ax = plots.nest_tree(rc.NestTree.from_dict({**nests, "out": None}))
    assert not overlapping(ax, ax.texts)


# -------------------------------------------------------------------------------------------------------------- shares


def test_share_curves_are_the_mean_predictions(multinomial, choices):
    ax = plots.share_curves(multinomial, "cost", values=[-1.0, 0.0, 1.0], of="metro")
    names = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert names == list(map(str, choices.alternatives))
    frame = choices.row_frame()
    frame.loc[frame["place"] == "metro", "cost"] = 1.0
    moved = rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen=None)
    expected = multinomial.predict(moved).mean()
    for name, line in zip(names, ax.lines, strict=True):
        assert list(line.get_xdata()) == [-1.0, 0.0, 1.0]
        assert line.get_ydata()[-1] == pytest.approx(expected[name], rel=1e-12)
    assert sum(line.get_ydata()[1] for line in ax.lines) == pytest.approx(1)
    assert ax.get_xlabel() == "cost of metro"
    assert len({line.get_color() for line in ax.lines}) == 5


def test_share_curves_of_a_case_column(multinomial):
    ax = plots.share_curves(multinomial, "assets", alternatives=["coast"], labels={"coast": "_Küste"})
    assert len(ax.lines) == 1
    assert len(ax.lines[0].get_xdata()) == 25
    assert ax.figure.legends[0].get_texts()[0].get_text() == " _Küste"


@pytest.mark.parametrize("interval", ["delta", "krinsky-robb"])
def test_share_curves_have_the_intervals_of_the_shares(multinomial, interval):
    options = {"interval": interval, "draws": 60, "alpha": 0.1, "seed": 3}
    ax = plots.share_curves(multinomial, "cost", values=[-1.0, 1.0], of="metro", alternatives=["coast"], **options)
    at = {"cost": [{"metro": -1.0}, {"metro": 1.0}]}
    expected = rc.shares(multinomial, at=at, **options).table.xs("coast", level="alternative")
    (corners,) = [path.vertices for path in ax.collections[0].get_paths()]
    drawn = {float(x): np.unique(corners[corners[:, 0] == x, 1]) for x in (-1.0, 1.0)}
    for (x, ends), (_, row) in zip(drawn.items(), expected.iterrows(), strict=True):
        assert ends == pytest.approx([row["lower"], row["upper"]], rel=1e-12), x
    assert ax.get_ylabel() == "mean share, 90% intervals"


def test_the_interval_of_alternatives_put_together_is_that_of_their_sum(multinomial, monkeypatch):
    monkeypatch.setattr("relocchoice.plots.shares._MOST", 3)
    ax = plots.share_curves(multinomial, "assets", values=[0.0, 1.0])
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()][-1] == "3 others"
    rest = [str(name) for name in multinomial.encoding.alternatives]
    rest = [name for name in rest if name not in [text.get_text() for text in ax.figure.legends[0].get_texts()]]
    found = rc.shares(multinomial, at={"assets": 1.0})
    rows = [list(found.table.index.get_level_values("alternative")).index(name) for name in rest]
    centre = found.table["estimate"].iloc[rows].sum()
    half = 1.9599639845 * np.sqrt(found.covariance[np.ix_(rows, rows)].sum())
    corners = ax.collections[-1].get_paths()[0].vertices
    ends = np.unique(corners[corners[:, 0] == 1.0, 1])
    assert ends == pytest.approx([centre - half, centre + half], rel=1e-9)
    assert ax.lines[-1].get_ydata()[1] == pytest.approx(centre, rel=1e-12)


def test_share_curves_without_intervals_say_so(multinomial):
    ax = plots.share_curves(multinomial, "cost", values=[0.0, 1.0], interval="none")
    assert not ax.collections
    assert ax.get_ylabel() == "mean predicted share"
    ax = plots.share_curves(multinomial.with_cov("none"), "cost", values=[0.0, 1.0])
    assert ax.get_ylabel() == "mean predicted share"
    assert all(text.get_text().endswith(" (no interval)") for text in ax.figure.legends[0].get_texts())


def test_many_alternatives_are_put_together():
    from relocchoice.plots.shares import _selected

    shares = np.tile(np.arange(1, 13) / 78, (3, 1))
    chosen = _selected(shares, [f"p{k}" for k in range(12)], None)
    assert list(chosen) == [*(f"p{k}" for k in range(6, 12)), "6 others"]
    assert sorted(code for codes in chosen.values() for code in codes) == list(range(12))


def test_calibration_by_alternative(multinomial, choices):
    ax = plots.calibration(multinomial)
    points = next(line for line in ax.lines if line.get_marker() == "o")
    assert points.get_xdata() == pytest.approx(points.get_ydata(), abs=1e-6)
    assert texts(ax) == list(map(str, choices.alternatives))
    assert not overlapping(ax, ax.texts)


def test_calibration_by_probability(multinomial, choices):
    ax = plots.calibration(multinomial, by="probability", bins=5)
    points = next(line for line in ax.lines if line.get_marker() == "o")
    probabilities = multinomial.predict().to_numpy()
    chosen = np.zeros_like(probabilities)
    chosen[np.arange(choices.n_cases), choices.chosen] = 1
    lowest = probabilities <= np.quantile(probabilities, 0.2)
    assert points.get_xdata()[0] == pytest.approx(probabilities[lowest].mean(), abs=2e-3)
    assert points.get_ydata()[0] == pytest.approx(chosen[lowest].mean(), abs=6e-3)
    segments = ax.collections[0].get_segments()
    assert len(segments) == 5
    assert all(low[1] < y < high[1] for (low, high), y in zip(segments, points.get_ydata(), strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: plots.share_curves(fit, "price of land"), "variable='price of land'.*cost"),
        (lambda fit: plots.share_curves(fit, "assets", of="metro"), "one value a case"),
        (lambda fit: plots.share_curves(fit, "cost", of="moon"), "of='moon'.*metro"),
        (lambda fit: plots.share_curves(fit, "cost", alternatives=["moon"]), "alternatives='moon'"),
        (lambda fit: plots.share_curves(fit, "cost", values=[1.0]), "two or more finite"),
        (lambda fit: plots.share_curves(None, "cost"), "not a NoneType"),
        (lambda fit: plots.share_curves(fit, "cost", interval="wald"), "interval='wald'.*'krinsky-robb'.*'none'"),
        (lambda fit: plots.calibration(fit, by="nest"), "by='nest'"),
        (lambda fit: plots.calibration(fit, bins=1), "bins=1"),
        (lambda fit: plots.calibration(fit, data=3), "data= is a ChoiceData"),
        (lambda fit: plots.calibration(replace(fit, problem=None)), "pass data="),
    ],
)
def test_bad_questions_about_shares(multinomial, call, message):
    with pytest.raises((OptionError, DataError), match=message):
        call(multinomial)


# ------------------------------------------------------------------------------------------------ profile, replicates


def test_profile(nested):
    ax = plots.profile(nested, "lambda:rich")
    curve, cut = ax.lines[0], ax.lines[1]
    level = nested.llf - chi2_quantile(0.05, 1) / 2
    assert list(cut.get_ydata()) == pytest.approx([level, level])
    assert curve.get_ydata().max() <= nested.llf + 1e-9
    assert curve.get_ydata().max() == pytest.approx(nested.llf, abs=0.05)
    lower, upper = nested.profile_conf_int(parameters=["lambda:rich"]).loc["lambda:rich"]
    x, y = curve.get_xdata(), curve.get_ydata()
    assert np.interp(lower, x, y) == pytest.approx(level, abs=0.05)
    assert np.interp(upper, x, y) == pytest.approx(level, abs=0.05)
    assert ax.get_xlabel().startswith("lambda:rich; 95% interval [")
    assert not outside(ax)


def test_profile_of_an_infinite_estimate():
    frame = pd.DataFrame({"move": np.repeat(np.arange(60), 2), "place": ["a", "b"] * 60})
    rng = np.random.default_rng(3)
    chosen = rng.random(60) < 0.5
    frame["chosen"] = np.column_stack([~chosen, chosen]).ravel()
    frame["policy"] = np.column_stack([np.zeros(60), chosen & (np.arange(60) < 20)]).ravel().astype(float)
    fit = rc.MultinomialLogit("chosen ~ policy", base="a").fit(
        rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen"), separation="warn"
    )
    assert np.isinf(fit.params["policy"])
    ax = plots.profile(fit, "policy")
    assert "∞]" in ax.get_xlabel()
    assert np.isfinite(ax.get_xlim()).all()
    assert np.isfinite(ax.get_ylim()).all()


def test_bad_profiles(nested, make_fixed):
    with pytest.raises(RelocChoiceError, match="moon"):
        plots.profile(nested, "moon")
    with pytest.raises(OptionError, match="two or more different finite"):
        plots.profile(nested, "cost", values=[1.0])
    with pytest.raises(OptionError, match="not a list"):
        plots.profile([nested], "cost")
    with pytest.raises(IdentificationError, match="no profile: its status is 'fixed'"):
        plots.profile(make_fixed, "cost")


@pytest.fixture
def make_fixed(choices):
    return rc.MultinomialLogit("chosen ~ cost + distance", base="township", fixed={"cost": -1.0}).fit(choices)


def test_replicates(multinomial, draws):
    ax = plots.replicates(draws, "cost")
    assert sum(bar.get_height() for bar in ax.patches) == 40 - draws.failed
    lines = [line.get_xdata()[0] for line in ax.lines]
    assert lines[0] == multinomial.params["cost"]
    assert lines[1:] == pytest.approx(draws.conf_int().loc["cost"].tolist())
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert legend[1] == "95% percentile"
    assert ax.get_ylabel() == "replicates"
    values = draws.values.copy()
    values[:3] = np.nan
    lost = replace(draws, values=values, outcomes=("flat",) * 3 + draws.outcomes[3:])
    assert "3 of 40 without a maximum" in plots.replicates(lost, "cost").get_xlabel()
    few = replace(draws, values=draws.values[:10], outcomes=draws.outcomes[:10])
    assert len(plots.replicates(few, "cost").lines) == 1
    for bad, message in (((draws, "moon"), "parameter='moon'"), ((3, "cost"), "not a int")):
        with pytest.raises(OptionError, match=message):
            plots.replicates(*bad)


# --------------------------------------------------------------------------------------------------------------- style


def test_an_axes_in_is_the_axes_out(nested, multinomial, draws):
    calls = {
        "coefficients": lambda ax: plots.coefficients(multinomial, nested, ax=ax),
        "effects": lambda ax: plots.effects(effects_table(), ax=ax),
        "scenario_differences": lambda ax: plots.scenario_differences(effects_table().dropna(), ax=ax),
        "elasticities": lambda ax: plots.elasticities(pd.DataFrame(np.eye(3)), ax=ax),
        "nest_tree": lambda ax: plots.nest_tree(nested, ax=ax),
        "share_curves": lambda ax: plots.share_curves(multinomial, "assets", ax=ax),
        "calibration": lambda ax: plots.calibration(multinomial, ax=ax),
        "profile": lambda ax: plots.profile(multinomial, "cost", values=[-1.2, -1.0, -0.8], ax=ax),
        "replicates": lambda ax: plots.replicates(draws, "cost", ax=ax),
    }
    assert set(calls) == set(plots.__all__)
    for call in calls.values():
        figure, ax = pyplot.subplots(figsize=(3.3, 3), layout="constrained")
        assert call(ax) is ax
        assert pyplot.get_fignums()[-1] == figure.number
        figure.draw_without_rendering()
        pyplot.close(figure)


def test_labels_are_no_mathematics():
    ax = plots.effects(effects_table())
    ax.figure.draw_without_rendering()
    assert all(not text.get_parse_math() for text in ax.get_yticklabels())
    assert not ax.xaxis.label.get_parse_math()


def test_long_labels_are_cut_in_the_middle():
    name = "a_very_long_name_of_a_variable_" * 4 + "end"
    assert style.label(name).count("\n") <= 2
    assert "…" in style.label(name)
    assert style.label(name).endswith("end")
    assert style.label("上" * 60).count("…") == 1
    assert style.label("a\nb") == "a\\nb"
    assert "\n" not in style.label(name, 18, lines=1)


def test_labels_are_moved_apart_no_further_than_needed():
    assert style.spread([0.0, 10.0, 5.0], 1.0) == [0.0, 10.0, 5.0]
    assert style.spread([1.0, 1.0, 1.0], 1.0) == [0.0, 1.0, 2.0]
    moved = style.spread([0.0, 0.1, 0.9, 5.0], 1.0)
    assert np.diff(moved) == pytest.approx([1.0, 1.0, moved[3] - moved[2]])
    assert np.mean(moved[:3]) == pytest.approx(np.mean([0.0, 0.1, 0.9]))


def test_colours_differ_in_lightness_or_are_told_apart_by_markers():
    assert len(set(style.COLOURS)) == len(set(style.MARKERS)) == len(style.LINES)
    grey = [np.dot(colors.to_rgb(colour), [0.299, 0.587, 0.114]) for colour in style.COLOURS]
    assert max(grey) < 0.75


def test_a_font_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(style, "_FONTS", ("no such font",))
    with pytest.warns(RelocChoiceWarning, match="no installed font has the East Asian characters"):
        style.text_options(["上海"])
    family = font_manager.fontManager.ttflist[0].name
    monkeypatch.setattr(style, "_FONTS", ("no such font", family))
    assert style.text_options(["上海"])["fontfamily"][-1] == family
    assert style.text_options(["Shanghai"]) == {"parse_math": False}


def test_plots_are_imported_without_matplotlib():
    code = "import sys, relocchoice.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_way_out_is_named(monkeypatch, multinomial):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OptionError, match=r"this needs matplotlib.*pip install 'relocchoice\[plots\]'"):
        plots.coefficients(multinomial)


def test_effects_say_whose_attribute_and_whose_probability(multinomial):
    found = rc.marginal_effects(multinomial, "cost")
    ax = plots.effects(found)
    places = [str(one) for one in multinomial.problem.data.alternatives]
    assert ticks(ax.yaxis)[:2] == [f"{places[0]} → {places[0]}", f"{places[0]} → {places[1]}"]
    assert ax.get_ylabel() == "attribute of → probability of"
    assert not outside(ax)


def test_too_many_effects_name_the_way_out():
    many = pd.DataFrame({"estimate": 0.0, "lower": -1.0, "upper": 1.0}, index=[f"x{k}" for k in range(41)])
    with pytest.raises(OptionError, match=r"41 effects are too many rows.*matrix"):
        plots.effects(many)


def test_legends_of_long_names_are_whole(multinomial, nested):
    names = ["Multinomial logit with constants and assets of the firm", "Nested logit, near and away, free lambdas"]
    ax = plots.coefficients(multinomial, nested, names=names)
    legend = ax.figure.legends[0]
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == names
    ax.figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= ax.figure.bbox.x1


def test_no_figure_is_left_open_without_pyplot():
    code = (
        "import sys, pandas as pd; from relocchoice import plots; "
        "t = pd.DataFrame({'estimate': [1.0], 'lower': [0.0], 'upper': [2.0]}, index=['x']); "
        "ax = plots.effects(t); ax.figure.savefig(sys.argv[1]); print('matplotlib.pyplot' in sys.modules)"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, f"{folder}/x.png"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_labels_of_several_lines_do_not_overlap_in_a_tree() -> None:
    leaves = [f"manufacturing facility > county seat {k}" for k in range(12)]
    tree = rc.NestTree.from_dict({"R&D": None, "near": leaves[:6], "far": leaves[6:]})
    ax = plots.nest_tree(tree)
    figure = ax.get_figure()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("manufacturing")]
    assert len(boxes) == 12
    ends = sorted((box.y0, box.y1) for box in boxes)
    assert all(one[1] <= other[0] for one, other in pairwise(ends))
