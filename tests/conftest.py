"""Settings of all tests: property tests draw the same examples every time, and slow machines are no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("laws", derandomize=True, deadline=None)
settings.load_profile("laws")
