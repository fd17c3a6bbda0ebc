"""Reads the corpus from outside Pachyderm: a ConfigMap, of at most 1 MiB, at once, and downloads in the background."""

from __future__ import annotations

import math

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.source import corpus_files
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.reconcile.corpus import Sourced


async def fetch_corpus(gateway: KubeGateway, downloads: Downloads, model: ScriptModel) -> Sourced:
    """Return the corpus in a ConfigMap or the newest download attempt; None without either. Raises KubeError."""
    http = model.spec.corpus.http
    if http is None or model.spec.suspend:
        downloads.forget(model.uid)
        return await corpus_files(gateway.get_config_map, model)
    return downloads.attempt(model.uid, http)


def next_check(downloads: Downloads, model: ScriptModel, interval: float) -> float | None:
    """Return the seconds until something has to be checked again; None if never.

    A download is due by itself; a ConfigMap, or a base model that is followed, each `interval`.
    """
    spec = model.spec
    due = downloads.due_in(model.uid) if spec.corpus.http is not None else None
    polled = spec.corpus.config_map or spec.generation.continuation or spec.model.follows
    return min(due or math.inf, interval) if polled else due
