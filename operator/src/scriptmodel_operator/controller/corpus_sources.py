"""Reads what is outside Pachyderm: ConfigMaps, of at most 1 MiB, at once, and downloads in the background."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.source import from_config_map, text_from_config_map
from scriptmodel_operator.ingest.values import SourceError
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.reconcile.corpus import Sourced
from scriptmodel_operator.reconcile.state import Problem

T = TypeVar("T")


async def fetch_corpus(gateway: KubeGateway, downloads: Downloads, model: ScriptModel) -> Sourced:
    """Return the corpus in a ConfigMap or the newest download attempt; None without either. Raises KubeError."""
    corpus = model.spec.corpus
    if corpus.http is None or model.spec.suspend:
        downloads.forget(model.uid)
    if model.spec.suspend:
        return None
    if corpus.http is not None:
        return downloads.attempt(model.uid, corpus.http)
    if corpus.config_map is None:
        return None
    return await _config_map(gateway, model.namespace, corpus.config_map.name, "DIR", from_config_map)


async def fetch_continued(gateway: KubeGateway, model: ScriptModel) -> str | Problem:
    """Return the text that the script continues; empty without one. Raises KubeError."""
    continuation = model.spec.generation.continuation
    if continuation is None or model.spec.suspend:
        return ""
    name, key = continuation.config_map.name, continuation.config_map.key
    return await _config_map(gateway, model.namespace, name, f"{key}=FILE", partial(text_from_config_map, key=key))


def next_check(downloads: Downloads, model: ScriptModel, interval: float) -> float | None:
    """Return the seconds until something has to be checked again; None if never.

    A download is due by itself; a ConfigMap, or a base model that is followed, each `interval`.
    """
    spec = model.spec
    due = downloads.due_in(model.uid) if spec.corpus.http is not None else None
    polled = spec.corpus.config_map or spec.generation.continuation or spec.model.follows
    return min(due or math.inf, interval) if polled else due


async def _config_map(
    gateway: KubeGateway, namespace: str, name: str, files: str, read: Callable[[Mapping[str, Any]], T]
) -> T | Problem:
    """Return what `read` makes of a ConfigMap; `files` is what to create a missing one from."""
    try:
        return read(await gateway.get_config_map(namespace, name))
    except KubeNotFoundError:
        text = (
            f"ConfigMap {name!r} does not exist: create it with `kubectl create configmap {name} --from-file {files}`"
        )
        return Problem(Reason.CONFIG_MAP_NOT_FOUND, text)
    except KubeForbiddenError as error:
        return Problem(Reason.NOT_ALLOWED, f"{error}: let the operator's role get configmaps in this namespace")
    except SourceError as error:
        return Problem(error.reason, f"ConfigMap {name!r}: {error}")
