"""kopf, imported without the `kubernetes` package.

kopf imports all of `kubernetes` where it is installed, for two types that owner references have there. Only kubeconfigs
that name a program or a cloud's provider need it, and `login.py` then imports it late.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Make a package look as if it were not installed, unless it is imported already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # the import system documents None for this
    try:
        yield
    finally:
        del sys.modules[package]


with _hidden("kubernetes"):
    import kopf

__all__ = ["kopf"]
