"""Replaces the API server: keeps one ScriptModel in a file, and serves the ConfigMaps of its manifest."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scriptmodel_cli.documents import Documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.options import now
from scriptmodel_cli.text import parse_time
from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.api.identity import API_VERSION, KIND, RECONCILE_AT
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.kube.errors import KubeConflictError, KubeNotFoundError

Object = dict[str, Any]
_NOT_HERE = "the file has no such document"


class Objects:
    """Implements `KubeGateway` for one object; events are dropped."""

    def __init__(self, file: Path) -> None:
        """Read the file if it exists. Raises InputError if it is damaged."""
        self._file = file
        self._config_maps: Mapping[str, Object] = {}
        self.raw: Object = _stored(file) if file.exists() else {}

    def apply(self, documents: Documents, namespace: str) -> None:
        """Apply the manifest and request a reconcile. Raises InputError for an invalid spec."""
        desired = documents.scriptmodel
        name, namespace = desired["metadata"]["name"], desired["metadata"].get("namespace") or namespace
        old = self.raw
        kept = f"{old['metadata']['namespace']}/{old['metadata']['name']}" if old else ""
        if kept not in ("", f"{namespace}/{name}"):
            raise InputError(
                f"{self._file.parent} holds ScriptModel {kept}: use another --keep folder for {namespace}/{name}"
            )
        spec = checked(desired["spec"])
        before: Object = old.get("metadata") or {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "generation": 0,
            "resourceVersion": "0",
            "creationTimestamp": timestamp(now()),
        }
        generation = before["generation"] + (spec != old.get("spec"))
        annotations = {**(desired["metadata"].get("annotations") or {}), RECONCILE_AT: uuid.uuid4().hex}
        metadata = {**before, "generation": generation, "annotations": annotations}
        self._config_maps = documents.config_maps
        self._keep({"apiVersion": API_VERSION, "kind": KIND, **old, "metadata": metadata, "spec": spec})

    @property
    def is_reconciled(self) -> bool:
        requested: str = self.raw["metadata"]["annotations"][RECONCILE_AT]
        return bool((self.raw.get("status") or {}).get("lastHandledReconcileAt") == requested)

    async def get_config_map(self, namespace: str, name: str) -> Object:
        if name not in self._config_maps:
            raise KubeNotFoundError(f"reading ConfigMap {namespace}/{name}", 404, _NOT_HERE)
        return self._config_maps[name]

    async def is_ending(self, _namespace: str) -> bool:
        return False

    async def patch_scriptmodel(self, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        metadata, change = self.raw["metadata"], patch["metadata"]
        if change.get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            raise KubeConflictError(f"changing {namespace}/{name}", 409, "the object has been modified")
        annotations = {**metadata["annotations"], **change.get("annotations", {})}
        return self._keep({**self.raw, "metadata": {**metadata, **change, "annotations": annotations}})

    async def replace_status(self, _namespace: str, _name: str, _uid: str, status: Mapping[str, Any]) -> Object:
        return self._keep({**self.raw, "status": dict(status)})

    async def create_event(self, _namespace: str, _body: Mapping[str, Any]) -> None:
        """Drop the event: the status has the same content."""

    def _keep(self, raw: Object) -> Object:
        version = str(int(raw["metadata"]["resourceVersion"]) + 1)
        self.raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": version}}
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self.raw, indent=1))
        new.replace(self._file)
        return self.raw


def checked(spec: Mapping[str, Any]) -> Object:
    """Return a spec with its defaults. Raises InputError for an unknown field, a wrong type or a value out of range.

    Of the rules in CEL, which need an API server, only the one without which nothing can run is here, too.
    """
    try:
        found = ScriptModelSpec.model_validate_json(json.dumps(spec), strict=True, extra="forbid", by_name=False)
    except ValidationError as error:
        causes = (f"spec.{'.'.join(map(str, each['loc']))}: {_cause(each)}" for each in error.errors())
        raise InputError(f"the ScriptModel is invalid: {'; '.join(causes)}") from error
    corpus = found.corpus
    if sum(source is not None for source in (corpus.repo, corpus.http, corpus.bucket, corpus.config_map)) != 1:
        raise InputError("name exactly one source of the corpus in spec.corpus: repo, http, bucket or configMap")
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)


def _cause(error: ErrorDetails) -> str:
    given = json.dumps(error["input"])
    if error["type"] == "extra_forbidden":
        return "unknown field"
    if error["type"] == "string_type":
        return f'must be a string: quote it, "{given}"'
    said = error["msg"].replace("Input should", "must").replace("String should", "must")
    return said if error["type"] == "missing" else f"{said}, not {given}"


def _stored(file: Path) -> Object:
    try:
        found: Object = json.loads(file.read_bytes())
        parse_object(found)
        int(found["metadata"]["resourceVersion"])
        parse_time(found["metadata"]["creationTimestamp"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        text = f"{file} is damaged: it is not a ScriptModel; use another --keep folder to start again"
        raise InputError(text) from error
    return found
