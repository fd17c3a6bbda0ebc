"""The requests of people, who have no credentials of the bucket, as values. Pure; forms: docs/contributing/jobs.md."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from scriptmodel_operator.api.identity import GROUP
from scriptmodel_operator.engine.errors import RefusedError

LABEL = f"{GROUP}/request"
NAME_PREFIX = "scriptmodel-request-"
LIFETIME = timedelta(hours=1)
WRITE_LIFETIME = timedelta(hours=12)
"""An upload may take hours."""
_LONGEST_REQUEST = 4096
_NAME = re.compile(f"{NAME_PREFIX}[a-z0-9]{{1,40}}")
_STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Read:
    """A request for the bytes of a version, by the SHA-256 of its manifest: `NAMESPACE@SHA256`."""

    __pydantic_config__ = _STRICT
    read: Annotated[str, Field(pattern="^[a-z0-9-]{1,63}@[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class ReadObject:
    """A request for one object: the id of the engine, or the log of an attempt in the namespace."""

    __pydantic_config__ = _STRICT
    object: Annotated[
        str, Field(pattern=r"^v1/(engine\.json|[a-z0-9-]{1,63}/runs/[0-9a-f]{1,64}/[0-9]{1,9}/log\.jsonl)$")
    ]


@dataclass(frozen=True, slots=True)
class Write:
    """A request to add files to a repo of the namespace."""

    __pydantic_config__ = _STRICT
    write: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]{1,200}$")]
    replace: bool = False


_ADAPTER: TypeAdapter[Read | ReadObject | Write] = TypeAdapter(Read | ReadObject | Write)


@dataclass(frozen=True, slots=True)
class Request:
    namespace: str
    name: str
    uid: str
    created: datetime
    data: Mapping[str, str]

    @property
    def prefix(self) -> str:
        return f"v1/{self.namespace}/uploads/{self.uid}"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps/{self.name}"

    @property
    def lifetime(self) -> timedelta:
        return WRITE_LIFETIME if '"write"' in self.data.get("request", "") else LIFETIME

    def parsed(self) -> Read | ReadObject | Write:
        """Raises RefusedError if the request is not valid."""
        text = self.data.get("request", "")
        try:
            if len(text) <= _LONGEST_REQUEST:
                return _ADAPTER.validate_json(text)
        except ValidationError:
            pass
        raise RefusedError(f"reading request {self.namespace}/{self.name}", "data.request is not valid")

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def request_of(config_map: Mapping[str, Any]) -> Request | None:
    """Return the request in a ConfigMap; None if it has a name that its Secret must not have."""
    metadata = config_map["metadata"]
    if not _NAME.fullmatch(metadata["name"]):
        return None
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    return Request(metadata["namespace"], metadata["name"], metadata["uid"], created, config_map.get("data") or {})
