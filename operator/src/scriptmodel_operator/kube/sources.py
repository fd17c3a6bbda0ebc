"""Corpus sources that are in Kubernetes."""

from __future__ import annotations

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.source import Source, SourceError, from_config_map
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.reconcile.state import Problem


class Sources:
    """Reads a source whole: a ConfigMap holds at most 1 MiB."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def fetch(self, model: ScriptModel) -> Source | Problem | None:
        """The files, what keeps us from them, or None where the corpus is a repo already. Raises KubeError."""
        config_map = model.spec.corpus.config_map
        if config_map is None:
            return None
        name = config_map.name
        try:
            return from_config_map(await self._client.get_config_map(model.namespace, name))
        except KubeNotFoundError:
            text = (
                f"ConfigMap {name!r} does not exist: create it with `kubectl create configmap {name} --from-file DIR`"
            )
            return Problem(Reason.CONFIG_MAP_NOT_FOUND, text)
        except KubeForbiddenError as error:
            return Problem(Reason.NOT_ALLOWED, f"{error}: let the operator's role get configmaps in this namespace")
        except SourceError as error:
            return Problem(Reason.INVALID_SPEC, f"ConfigMap {name!r}: {error}")
