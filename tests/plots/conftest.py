"""Figures without a screen, closed after every test; fits that the plots share."""

from __future__ import annotations

import matplotlib as mpl
import pytest

import builders
import relocchoice as rc

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def choices():
    return builders.choice_data(builders.choice_frame(200, nests=builders.NESTS, lambdas=builders.LAMBDAS))


@pytest.fixture(scope="session")
def multinomial(choices):
    return rc.MultinomialLogit("chosen ~ cost | assets", base="township").fit(choices)


@pytest.fixture(scope="session")
def draws(multinomial):
    return multinomial.bootstrap(40, seed=2)


@pytest.fixture(scope="session")
def nested(choices):
    return rc.NestedLogit("chosen ~ cost", nests=builders.NESTS, base="township").fit(choices)
