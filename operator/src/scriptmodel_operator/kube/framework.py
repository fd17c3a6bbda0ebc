"""kopf, imported without the `kubernetes` package.

kopf imports all of `kubernetes` where it is installed, for two types that owner references have there: 48 MiB and
five times kopf's own start. Only kubeconfigs that need a program or a cloud's provider need it, and `login.py` then
gets it late.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Python takes None among the modules as a package that is not installed."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # what the import system's own documentation says to put
    try:
        yield
    finally:
        del sys.modules[package]


with _hidden("kubernetes"):
    import kopf

__all__ = ["kopf"]
