"""xlogit 0.2.7 on TravelMode: conditional logit; see README.md for how to run it."""

import pandas as pd
import xlogit
from statsmodels.datasets import modechoice

frame = modechoice.load_pandas().data
frame["mode"] = frame["mode"].map({1: "air", 2: "train", 3: "bus", 4: "car"})
frame["income_air"] = frame["hinc"] * (frame["mode"] == "air")


def conditional(table, available=None):
    model = xlogit.MultinomialLogit()
    model.fit(
        X=table[["gc", "ttme", "income_air"]],
        y=table["choice"],
        varnames=["gc", "ttme", "income_air"],
        alts=table["mode"],
        ids=table["individual"],
        fit_intercept=True,
        base_alt="car",
        avail=available,
        verbose=0,
    )
    print(pd.DataFrame({"name": model.coeff_names, "coef": model.coeff_, "stderr": model.stderr}).round(6))
    print("log-likelihood", round(model.loglikelihood, 4))


def attempt(table, columns):
    """Generic coefficients on a table with a fault: what comes back."""
    model = xlogit.MultinomialLogit()
    roles = {"y": table["choice"], "alts": table["mode"], "ids": table["individual"]}
    try:
        model.fit(X=table[columns], varnames=columns, verbose=0, **roles)
    except Exception as error:
        print(type(error).__name__, "-", " ".join(str(error).split())[:150])
    else:
        print(pd.DataFrame({"name": model.coeff_names, "coef": model.coeff_, "stderr": model.stderr}).round(6))
        print("log-likelihood", round(model.loglikelihood, 4), "convergence", model.convergence)


in_order = frame.sort_values(["individual", "mode"]).reset_index(drop=True)
print("-- rows in the order of the data set: air, train, bus, car")
conditional(frame)
print("-- rows sorted by label: air, bus, car, train")
conditional(in_order)
print("-- the same, the alternative that traveller 1 chose marked as unavailable")
conditional(in_order, available=~((in_order["individual"] == 1) & (in_order["choice"] == 1)))
print("-- gc twice, once in other units")
attempt(in_order.assign(gc_cents=100 * in_order["gc"]), ["gc", "gc_cents", "ttme"])
print("-- one value of gc is missing")
attempt(in_order.assign(gc=in_order["gc"].where(in_order.index != 5)), ["gc", "ttme"])
print("-- traveller 1 chose nothing")
attempt(in_order.assign(choice=in_order["choice"].where(in_order["individual"] != 1, 0)), ["gc", "ttme"])
