"""Firth's penalty against tables that other packages print: logistf, brglm, brglm2 (binary), brmultinom (multinomial).

Data: urinary tract infections (Foxman et al. 1997; logistf's ``sex2``), endometrial cancer (Heinze & Schemper 2002),
lizards (Schoener 1970; McCullagh & Nelder 1989), housing in Copenhagen (Madsen 1976). Sources of the printed figures:
logistf's output for its example, the read-me files of firthlogist (errors and 95 % intervals of the same) and brglm2,
and mclogit's article on Firth.
"""

from __future__ import annotations

import pandas as pd
import pytest

import relocchoice as rc

# pattern of age, oc, vic, vicl, vis, dia -> (controls, cases)
SEX2 = {
    "000010": (1, 1), "001000": (2, 14), "001010": (1, 3), "001100": (8, 10), "001110": (18, 12), "001111": (0, 1),
    "010000": (42, 44), "010001": (0, 3), "010010": (1, 0), "011000": (1, 15), "011001": (0, 1), "011010": (0, 2),
    "011100": (5, 7), "011110": (6, 3), "101000": (0, 2), "101010": (0, 1), "101011": (0, 1), "101100": (2, 1),
    "101110": (4, 0), "101111": (0, 1), "110000": (14, 5), "110010": (1, 0), "111000": (1, 3), "111110": (2, 0),
}  # fmt: skip
SEX2_PRINTED = {  # estimate, chi-squared and p of the penalised likelihood ratio; error and 95 % profile interval
    "Intercept": (0.12025405, 0.06286298, 8.020268e-01, 0.485542, -0.818559, 1.07315),
    "age": (-1.10598131, 7.50773092, 6.143472e-03, 0.42366, -1.97379, -0.307427),
    "oc": (-0.06881673, 0.02467044, 8.751911e-01, 0.443793, -0.941436, 0.789202),
    "vic": (2.26887464, 22.93139022, 1.678877e-06, 0.548416, 1.27304, 3.43543),
    "vicl": (-2.11140817, 19.10407252, 1.237805e-05, 0.543082, -3.26086, -1.11774),
    "vis": (-0.78831694, 3.69740975, 5.449701e-02, 0.417368, -1.60809, 0.0151846),
    "dia": (3.09601166, 7.89693139, 4.951873e-03, 1.67501, 0.774568, 8.03028),
}
# NV, PI, EH, HG
ENDOMETRIAL = """
0 13 1.64 0  0 16 2.26 0  0 8 3.14 0  0 34 2.68 0  0 20 1.28 0  0 5 2.31 0  0 17 1.8 0  0 10 1.68 0  0 26 1.56 0
0 17 2.31 0  0 8 2.01 0  0 7 1.89 0  0 20 3.15 0  0 10 1.23 0  0 18 1.27 0  0 16 1.76 0  0 18 2 0  0 8 2.64 1
0 29 0.88 1  0 12 1.27 1  0 20 1.37 1  1 38 0.97 1  1 22 1.14 1  1 7 0.88 1  1 25 0.91 1  1 15 0.58 1  0 7 0.97 1
0 28 1.5 0  0 11 1.33 0  0 19 2.37 0  0 10 1.82 0  0 10 3.13 0  0 18 1.31 0  0 14 1.92 0  0 21 1.64 0  0 11 2.01 0
0 17 1.88 0  0 25 1.93 0  0 16 2.11 0  0 19 1.29 0  0 15 1.72 0  0 33 0.75 0  0 24 1.92 0  0 48 1.84 1  0 12 1.11 1
0 19 1.61 1  0 2 1.18 1  1 22 1.44 1  1 40 1.18 1  1 5 0.93 1  1 0 1.17 1  0 21 1.19 1  0 15 1.06 1  0 29 2.02 0
0 15 2.29 0  0 12 2.33 0  0 3 2.9 0  0 20 1.7 0  0 23 1.41 0  0 12 2.25 0  0 22 1.54 0  0 42 1.97 0  0 15 1.75 0
0 13 2.16 0  0 14 2.57 0  0 19 1.37 0  0 12 3.61 0  0 13 2.04 0  0 10 2.17 0  0 12 1.69 1  1 49 0.27 1  0 6 1.84 1
0 5 1.3 1  0 17 0.96 1  1 11 1.01 1  1 21 0.98 1  0 5 0.35 1  1 19 1.02 1  0 33 0.85 1
"""
# light, diameter, height -> (grahami, opalinus) early, midday, late
LIZARDS = {
    ("sunny", "<=2in", "<5ft"): ((20, 2), (8, 1), (4, 4)),
    ("sunny", "<=2in", ">=5ft"): ((13, 0), (8, 0), (12, 0)),
    ("sunny", ">2in", "<5ft"): ((8, 3), (4, 1), (5, 3)),
    ("sunny", ">2in", ">=5ft"): ((6, 0), (0, 0), (1, 1)),
    ("shady", "<=2in", "<5ft"): ((34, 11), (69, 20), (18, 10)),
    ("shady", "<=2in", ">=5ft"): ((31, 5), (55, 4), (13, 3)),
    ("shady", ">2in", "<5ft"): ((17, 15), (60, 32), (8, 8)),
    ("shady", ">2in", ">=5ft"): ((12, 1), (21, 5), (4, 4)),
}
# contact, type -> (low, medium, high satisfaction) at low, medium, high influence
HOUSING = {
    ("Low", "Tower"): ((21, 21, 28), (34, 22, 36), (10, 11, 36)),
    ("Low", "Apartment"): ((61, 23, 17), (43, 35, 40), (26, 18, 54)),
    ("Low", "Atrium"): ((13, 9, 10), (8, 8, 12), (6, 7, 9)),
    ("Low", "Terrace"): ((18, 6, 7), (15, 13, 13), (7, 5, 11)),
    ("High", "Tower"): ((14, 19, 37), (17, 23, 40), (3, 5, 23)),
    ("High", "Apartment"): ((78, 46, 43), (48, 45, 86), (15, 25, 62)),
    ("High", "Atrium"): ((20, 23, 20), (10, 22, 24), (7, 10, 21)),
    ("High", "Terrace"): ((57, 23, 13), (31, 21, 13), (5, 6, 13)),
}


@pytest.fixture(scope="module")
def infections() -> rc.ChoiceResults:
    names = ["age", "oc", "vic", "vicl", "vis", "dia"]
    table = pd.DataFrame([[*map(int, key), *counts] for key, counts in SEX2.items()], columns=[*names, "no", "yes"])
    data = rc.ChoiceData.from_counts(table, alternatives=["no", "yes"], cell=names)
    return rc.MultinomialLogit(f"~ 0 | {' + '.join(names)}", base="no").fit(data, penalty="firth")


def test_logistf_estimates_and_errors(infections: rc.ChoiceResults) -> None:
    assert infections.nobs == 239
    assert infections.llf_penalised == pytest.approx(-132.5394, abs=5e-5)
    for name, (estimate, _, _, error, *_) in SEX2_PRINTED.items():
        assert infections.params[f"{name}:yes"] == pytest.approx(estimate, abs=2e-6)
        assert infections.bse[f"{name}:yes"] == pytest.approx(error, abs=2e-5)


def test_logistf_profile_intervals_and_tests(infections: rc.ChoiceResults) -> None:
    intervals = infections.profile_conf_int()
    for name, (_, statistic, p, _, lower, upper) in SEX2_PRINTED.items():
        assert intervals.loc[f"{name}:yes", 0] == pytest.approx(lower, abs=1e-4)
        assert intervals.loc[f"{name}:yes", 1] == pytest.approx(upper, abs=1e-4)
        test = infections.lr_test(f"{name}:yes = 0")
        assert test.statistic == pytest.approx(statistic, abs=1e-6)
        assert test.pvalue == pytest.approx(p, rel=1e-5)


def test_endometrial_cancer() -> None:
    """Maximum likelihood sends NV to infinity and keeps the others; brglm2 prints the mean-bias-reduced estimates."""
    values = [float(number) for number in ENDOMETRIAL.split()]
    frame = pd.DataFrame([values[at : at + 4] for at in range(0, len(values), 4)], columns=["NV", "PI", "EH", "HG"])
    assert len(frame) == 79
    data = rc.ChoiceData.from_wide(frame, chosen="HG", alternatives=[0.0, 1.0])
    model = rc.MultinomialLogit("HG ~ 0 | NV + PI + EH", base=0.0)
    plain, firth = model.fit(data), model.fit(data, penalty="firth")
    assert plain.identification.infinite == (("NV:1.0", 1),)
    assert plain.params.drop("NV:1.0").to_list() == pytest.approx([4.30452, -0.04218, -2.90261], abs=6e-6)
    assert plain.bse.drop("NV:1.0").to_list() == pytest.approx([1.63730, 0.04433, 0.84555], abs=6e-6)
    assert -2 * plain.llf == pytest.approx(55.393, abs=6e-4)
    assert firth.params.to_list() == pytest.approx([3.77456, 2.92927, -0.03475, -2.60416], abs=6e-6)
    assert firth.bse.to_list() == pytest.approx([1.48869, 1.55076, 0.03958, 0.77602], abs=6e-6)
    assert -2 * firth.llf == pytest.approx(56.575, abs=6e-4)


def test_lizards() -> None:
    frame = pd.DataFrame(
        [
            (*place, time, *counts)
            for place, by_time in LIZARDS.items()
            for time, counts in zip(("early", "midday", "late"), by_time, strict=True)
        ],
        columns=["light", "diameter", "height", "time", "grahami", "opalinus"],
    )
    levels = {"light": ["sunny", "shady"], "time": ["early", "midday", "late"]}
    frame = frame.assign(**{name: pd.Categorical(frame[name], order) for name, order in levels.items()})
    data = rc.ChoiceData.from_counts(
        frame, alternatives=["opalinus", "grahami"], cell=["light", "diameter", "height", "time"]
    )
    formula = "~ 0 | height + diameter + light + time"
    fit = rc.MultinomialLogit(formula, base="opalinus").fit(data, penalty="firth")
    assert fit.params.to_list() == pytest.approx([1.9018, 1.1064, -0.7536, -0.8177, 0.2280, -0.7273], abs=6e-5)
    assert fit.bse.to_list() == pytest.approx([0.3374, 0.2544, 0.2103, 0.3186, 0.2488, 0.2975], abs=6e-5)
    assert fit.tvalues.to_list() == pytest.approx([5.638, 4.349, -3.584, -2.566, 0.916, -2.445], abs=6e-4)
    assert fit.pvalues.iloc[2:].to_list() == pytest.approx([0.000338, 0.010277, 0.359621, 0.014482], abs=6e-7)


def test_housing_in_copenhagen() -> None:
    """A multinomial logit of three classes: brglm2's brmultinom (AS_mean) and mclogit's mblogit agree on it."""
    levels = {"infl": ["Low", "Medium", "High"], "type": ["Tower", "Apartment", "Atrium", "Terrace"]}
    frame = pd.DataFrame(
        [
            (contact, kind, influence, *counts)
            for (contact, kind), by_influence in HOUSING.items()
            for influence, counts in zip(levels["infl"], by_influence, strict=True)
        ],
        columns=["cont", "type", "infl", "Low", "Medium", "High"],
    )
    levels["cont"] = ["Low", "High"]
    frame = frame.assign(**{name: pd.Categorical(frame[name], order) for name, order in levels.items()})
    data = rc.ChoiceData.from_counts(frame, alternatives=["Low", "Medium", "High"], cell=["cont", "type", "infl"])
    fit = rc.MultinomialLogit("~ 0 | infl + type + cont", base="Low").fit(data, penalty="firth")
    medium = [-0.41687, 0.44413, 0.66149, -0.43385, 0.13005, -0.66200, 0.35873]
    high = [-0.13851, 0.73136, 1.60325, -0.73136, -0.40671, -1.40361, 0.47923]
    assert fit.params.filter(like=":Medium").to_list() == pytest.approx(medium, abs=6e-6)
    assert fit.params.filter(like=":High").to_list() == pytest.approx(high, abs=6e-6)
    assert -2 * fit.llf == pytest.approx(3470.092, abs=6e-4)
