"""kopf's storage of the last handled version of an object, without storing anything."""

from __future__ import annotations

from typing import Any

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps no version: kopf compares none here, so it need not copy each object whole."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise NotImplementedError("kopf writes nothing in this operator")
