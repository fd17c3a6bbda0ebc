"""kopf, imported without the `kubernetes` package, which only kubeconfigs that name a program need."""

import sys

_HIDDEN = "kubernetes" not in sys.modules
if _HIDDEN:
    sys.modules["kubernetes"] = None  # type: ignore[assignment]  # the import system documents None for this
import kopf  # noqa: E402 - while the package looks as if it were not installed

if _HIDDEN:
    del sys.modules["kubernetes"]

__all__ = ["kopf"]
