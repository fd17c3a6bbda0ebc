"""Reads corpora that are outside Pachyderm: ConfigMaps, of at most 1 MiB, at once, and downloads in the background."""

from __future__ import annotations

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.source import Files, from_config_map
from scriptmodel_operator.ingest.values import request_of
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.reconcile.corpus import Sourced
from scriptmodel_operator.reconcile.state import Problem


async def fetch_corpus(gateway: KubeGateway, downloads: Downloads, model: ScriptModel) -> Sourced:
    """Return the corpus in a ConfigMap or the newest download attempt; None without either. Raises KubeError."""
    corpus = model.spec.corpus
    if corpus.http is None or model.spec.suspend:
        downloads.forget(model.uid)
    if model.spec.suspend:
        return None
    if corpus.http is not None:
        return downloads.attempt(model.uid, request_of(corpus.http))
    return await _config_map(gateway, model.namespace, corpus.config_map.name) if corpus.config_map else None


def next_check(downloads: Downloads, model: ScriptModel, interval: float) -> float | None:
    """Return the seconds until the source has to be checked again, a ConfigMap each `interval`; None if never."""
    if model.spec.corpus.http is not None:
        return downloads.due_in(model.uid)
    return interval if model.spec.corpus.config_map is not None else None


async def _config_map(gateway: KubeGateway, namespace: str, name: str) -> Files | Problem:
    try:
        return from_config_map(await gateway.get_config_map(namespace, name))
    except KubeNotFoundError:
        text = f"ConfigMap {name!r} does not exist: create it with `kubectl create configmap {name} --from-file DIR`"
        return Problem(Reason.CONFIG_MAP_NOT_FOUND, text)
    except KubeForbiddenError as error:
        return Problem(Reason.NOT_ALLOWED, f"{error}: let the operator's role get configmaps in this namespace")
    except SourceError as error:
        return Problem(error.reason, f"ConfigMap {name!r}: {error}")
