"""A kopf operator as the tutorial writes and runs one: a handler for each occasion, and a timer; each calls for 5 ms.

kopf run -n NAMESPACE dev/bench/operator/naive.py
"""

from __future__ import annotations

import time
from typing import Any

import kopf

GROUP, VERSION, PLURAL = "scriptmodel.dev", "v1alpha1", "scriptmodels"
CALL_SECONDS = 0.005
LOOK_SECONDS = 5
"""The poll interval of the operator, so that both observe changes of a pipeline equally soon."""


def call(patch: kopf.Patch, meta: kopf.Meta) -> None:
    """Imitates the work; returns the status that reports it."""
    time.sleep(CALL_SECONDS)
    patch.status["observedGeneration"] = meta["generation"]


@kopf.on.create(GROUP, VERSION, PLURAL)
def created(patch: kopf.Patch, meta: kopf.Meta, **_: Any) -> None:
    call(patch, meta)


@kopf.on.update(GROUP, VERSION, PLURAL)
def updated(patch: kopf.Patch, meta: kopf.Meta, **_: Any) -> None:
    call(patch, meta)


@kopf.on.resume(GROUP, VERSION, PLURAL)
def resumed(patch: kopf.Patch, meta: kopf.Meta, **_: Any) -> None:
    call(patch, meta)


@kopf.on.delete(GROUP, VERSION, PLURAL)
def deleted(**_: Any) -> None:
    time.sleep(CALL_SECONDS)


@kopf.timer(GROUP, VERSION, PLURAL, interval=LOOK_SECONDS)
def looked_at(patch: kopf.Patch, meta: kopf.Meta, **_: Any) -> None:
    call(patch, meta)
