"""statsmodels ConditionalLogit on TravelMode; see README.md for how to run it."""

import pandas as pd
from statsmodels.datasets import modechoice
from statsmodels.discrete.conditional_models import ConditionalLogit

frame = modechoice.load_pandas().data
frame["mode"] = frame["mode"].map({1: "air", 2: "train", 3: "bus", 4: "car"})


def conditional():
    design = frame[["gc", "ttme"]].copy()
    for mode in ("air", "train", "bus"):
        design["asc_" + mode] = (frame["mode"] == mode).astype(float)
    design["income_air"] = frame["hinc"] * (frame["mode"] == "air")
    fit = ConditionalLogit(frame["choice"], design, groups=frame["individual"]).fit(disp=0)
    print(pd.DataFrame({"coef": fit.params, "stderr": fit.bse}).round(6))
    print("log-likelihood", round(fit.llf, 4))
    try:
        fit.predict()
    except NotImplementedError as error:
        print("predict:", type(error).__name__, error)


def attempt(table, columns):
    """Generic coefficients on a table with a fault: what comes back."""
    try:
        fit = ConditionalLogit(table["choice"], table[columns], groups=table["individual"]).fit(disp=0)
    except Exception as error:
        print(type(error).__name__, "-", " ".join(str(error).split())[:150])
    else:
        print(pd.DataFrame({"coef": fit.params, "stderr": fit.bse}).round(6))
        print("log-likelihood", round(fit.llf, 4))


print("-- conditional")
conditional()
print("-- gc twice, once in other units")
attempt(frame.assign(gc_cents=100 * frame["gc"]), ["gc", "gc_cents", "ttme"])
print("-- one value of gc is missing")
attempt(frame.assign(gc=frame["gc"].where(frame.index != 5)), ["gc", "ttme"])
print("-- traveller 1 chose nothing")
attempt(frame.assign(choice=frame["choice"].where(frame["individual"] != 1, 0)), ["gc", "ttme"])
