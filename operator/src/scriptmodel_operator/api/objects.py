"""Parses a ScriptModel from the form that the API server sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from scriptmodel_operator.api.identity import ADOPT, ENGINE, GROUP, RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.api.marks import Owner, Ownership
from scriptmodel_operator.api.names import DEFAULT_PROJECT, Key
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.api.status import ScriptModelStatus


class InvalidSpecError(ValueError):
    """The spec does not fit this operator's version, which only happens if the CRD is older or newer."""


@dataclass(frozen=True)
class ScriptModel:
    """Identity, metadata, spec, and the last written status as it is on the wire."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: ScriptModelSpec
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    reconcile_at: str = ""
    retrain_at: str = ""
    adopt: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those of the API's group."""
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @cached_property
    def previous(self) -> ScriptModelStatus:
        """The last written status; pydantic's ValidationError for an invalid one."""
        # The server-side apply of another writer may leave null of an object that had fields before.
        return ScriptModelStatus.model_validate({key: value for key, value in self.status.items() if value})

    @property
    def engine(self) -> str:
        """The engine that its pipelines are made on (`api/identity.py`); empty before it is recorded."""
        return self.annotations.get(ENGINE, "")

    @property
    def reconcile_requested(self) -> bool:
        """Whether reconcile-at has a new value, which takes a snapshot that is newer than the annotation."""
        return bool(self.reconcile_at) and self.reconcile_at != self.previous.last_handled_reconcile_at

    def may_write(self, found: Ownership) -> bool:
        """Return whether the operator may write to an object in Pachyderm of that ownership, never if it is FOREIGN."""
        return found.ours or (self.adopt and found is Ownership.UNMARKED)

    def owner(self, cluster: str) -> Owner:
        return Owner(cluster=cluster, namespace=self.namespace, name=self.name, uid=self.uid)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse_object(raw: Mapping[str, Any]) -> ScriptModel:
    """Parse an object. Raises InvalidSpecError, which names the wrong field."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    try:
        spec = ScriptModelSpec.model_validate(raw.get("spec") or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidSpecError(f"spec.{where}: {first['msg']}") from error
    return ScriptModel(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata.get("generation", 0)),
        spec=spec,
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        reconcile_at=str(annotations.get(RECONCILE_AT, "")),
        retrain_at=str(annotations.get(RETRAIN_AT, "")),
        adopt=annotations.get(ADOPT) == "true",
        annotations={key: str(text) for key, text in annotations.items() if key.startswith(f"{GROUP}/")},
        status=raw.get("status") or {},
    )


def in_namespace(model: ScriptModel) -> ScriptModel:
    """Return an object as an engine reads it whose projects are namespaces: `default` is the object's own."""
    spec, own = model.spec, {"project": model.namespace}
    corpus, base = spec.corpus, spec.model.start
    if corpus.repo and corpus.repo.project == DEFAULT_PROJECT:
        corpus = corpus.model_copy(update={"repo": corpus.repo.model_copy(update=own)})
    if base and base.repo and base.repo.project == DEFAULT_PROJECT:
        base = base.model_copy(update={"repo": base.repo.model_copy(update=own)})
    parts = {
        "pachyderm": spec.pachyderm.model_copy(update=own),
        "corpus": corpus,
        "model": spec.model.model_copy(update={"start": base}),
    }
    return replace(model, spec=spec.model_copy(update=parts))


def parse_for_deletion(raw: Mapping[str, Any]) -> tuple[ScriptModel, str]:
    """Parse an object whose spec is invalid, as far as its deletion needs it, and return why that is unknown, if it is.

    An object that leaves everything as it is needs nothing.
    """
    spec = raw.get("spec") or {}
    known = {key: spec[key] for key in ("pachyderm", "deletionPolicy") if key in spec}
    try:
        return parse_object({**raw, "spec": {"corpus": {}, **known}}), ""
    except InvalidSpecError as error:
        unknown = "" if spec.get("deletionPolicy") == "Orphan" else str(error)
        return parse_object({**raw, "spec": {"corpus": {}, "deletionPolicy": "Orphan"}}), unknown
