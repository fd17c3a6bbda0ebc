"""Schedules the reading of corpora that are outside Pachyderm: ConfigMaps and downloads."""

from __future__ import annotations

from scriptmodel_operator.api.corpus import CorpusConfigMap
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.source import Files, from_config_map
from scriptmodel_operator.ingest.values import request_of
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.reconcile.corpus import Sourced
from scriptmodel_operator.reconcile.state import ModelState, Problem


class CorpusSources:
    """Reads a ConfigMap in the reconcile, since it holds at most 1 MiB, and starts downloads in the background."""

    def __init__(self, gateway: KubeGateway, downloads: Downloads, interval: float) -> None:
        self._gateway = gateway
        self._downloads = downloads
        self._interval = interval

    async def fetch(self, model: ScriptModel) -> Sourced:
        """Return the corpus in a ConfigMap or the newest download attempt; None without either. Raises KubeError."""
        corpus = model.spec.corpus
        if corpus.http is None or model.spec.suspend:
            self._downloads.forget(model.uid)
        if model.spec.suspend:
            return None
        if corpus.http is not None:
            return self._downloads.attempt(model.uid, request_of(corpus.http))
        return await self._config_map(model, corpus.config_map) if corpus.config_map else None

    def start_download(self, model: ScriptModel, state: ModelState) -> None:
        """Start the download that `state` requests, if it is due."""
        if state.source.download is not None:
            self._downloads.start(model.uid, state.source.download)

    def downloading(self, model: ScriptModel) -> bool:
        """Return whether a download for `model` is in progress."""
        return self._downloads.in_progress(model.uid)

    def next_check(self, model: ScriptModel) -> float | None:
        """Return the seconds until the source has to be checked again; None if it need not."""
        if model.spec.corpus.http is not None:
            return self._downloads.due_in(model.uid)
        return self._interval if model.spec.corpus.config_map is not None else None

    def forget(self, model: ScriptModel) -> None:
        """Cancel the download of an object that is being deleted."""
        self._downloads.forget(model.uid)

    def close(self) -> None:
        """Cancel all downloads."""
        self._downloads.close()

    async def _config_map(self, model: ScriptModel, config_map: CorpusConfigMap) -> Files | Problem:
        name = config_map.name
        try:
            return from_config_map(await self._gateway.get_config_map(model.namespace, name))
        except KubeNotFoundError:
            text = (
                f"ConfigMap {name!r} does not exist: create it with `kubectl create configmap {name} --from-file DIR`"
            )
            return Problem(Reason.CONFIG_MAP_NOT_FOUND, text)
        except KubeForbiddenError as error:
            return Problem(Reason.NOT_ALLOWED, f"{error}: let the operator's role get configmaps in this namespace")
        except SourceError as error:
            return Problem(error.reason, f"ConfigMap {name!r}: {error}")
