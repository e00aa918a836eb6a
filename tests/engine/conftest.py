"""The laws lay the same data out in several ways, so nothing may be kept from one fit to the next."""

from __future__ import annotations

import pytest

import relocchoice.results.prepared as prepared_module


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch):
    monkeypatch.setattr(prepared_module, "SMALL_ROWS", 0)
