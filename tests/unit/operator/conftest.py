"""Fixtures of the operator's unit tests. Property tests have no time limit, because machines are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
