"""pylogit 1.0.1 on TravelMode: conditional and nested logit; see README.md for how to run it."""

import collections
import collections.abc
import warnings
from collections import OrderedDict

import numpy as np

collections.Iterable = collections.abc.Iterable  # pylogit imports it from where it stood before Python 3.10
warnings.simplefilter("ignore")
import pylogit  # noqa: E402
from statsmodels.datasets import modechoice  # noqa: E402

frame = modechoice.load_pandas().data.astype({"individual": int, "mode": int, "choice": int})
frame["income_air"] = frame["hinc"] * (frame["mode"] == 1)  # 1 air, 2 train, 3 bus, 4 car


def conditional():
    specification = OrderedDict(intercept=[1, 2, 3], gc=[[1, 2, 3, 4]], ttme=[[1, 2, 3, 4]], income_air=[[1, 2, 3, 4]])
    names = OrderedDict(
        intercept=["asc_air", "asc_train", "asc_bus"], gc=["gc"], ttme=["ttme"], income_air=["income_air"]
    )
    model = pylogit.create_choice_model(
        data=frame,
        alt_id_col="mode",
        obs_id_col="individual",
        choice_col="choice",
        specification=specification,
        names=names,
        model_type="MNL",
    )
    model.fit_mle(np.zeros(6), print_res=False)
    print(model.summary[["parameters", "std_err", "t_stats", "robust_std_err"]].round(6))
    print("log-likelihood", round(model.llf, 4))


def nested():
    specification = OrderedDict(intercept=[1, 2, 3], gc=[[1, 2, 3, 4]], ttme=[[1, 2, 3, 4]], income_air=[[1, 2, 3, 4]])
    names = OrderedDict(
        intercept=["asc_air", "asc_train", "asc_bus"], gc=["gc"], ttme=["ttme"], income_air=["income_air"]
    )
    model = pylogit.create_choice_model(
        data=frame,
        alt_id_col="mode",
        obs_id_col="individual",
        choice_col="choice",
        specification=specification,
        names=names,
        nest_spec=OrderedDict(fly=[1], ground=[2, 3, 4]),
        model_type="Nested Logit",
    )
    start = np.r_[40.0, 0.0, np.zeros(6)]  # logit(lambda): 40 holds lambda_fly at 1, 0 starts lambda_ground at 0.5
    model.fit_mle(start, constrained_pos=[0], print_res=False)
    print(model.summary[["parameters", "std_err", "t_stats", "robust_std_err"]].round(6))
    print("log-likelihood", round(model.llf, 4))


def attempt(table, columns):
    """Generic coefficients on a table with a fault: what comes back."""
    specification = OrderedDict((name, [[1, 2, 3, 4]]) for name in columns)
    names = OrderedDict((name, [name]) for name in columns)
    try:
        model = pylogit.create_choice_model(table, "mode", "individual", "choice", specification, "MNL", names=names)
        model.fit_mle(np.zeros(len(columns)), print_res=False)
    except Exception as error:
        print(type(error).__name__, "-", " ".join(str(error).split())[:150])
    else:
        print(model.summary[["parameters", "std_err"]].round(6))
        print("log-likelihood", round(model.llf, 4))


print("-- conditional")
conditional()
print("-- nested")
nested()
print("-- gc twice, once in other units")
attempt(frame.assign(gc_cents=100 * frame["gc"]), ["gc", "gc_cents", "ttme"])
print("-- one value of gc is missing")
attempt(frame.assign(gc=frame["gc"].where(frame.index != 5)), ["gc", "ttme"])
print("-- traveller 1 chose nothing")
attempt(frame.assign(choice=frame["choice"].where(frame["individual"] != 1, 0)), ["gc", "ttme"])
