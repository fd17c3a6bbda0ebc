"""The operator's requests to the API server, from the server's audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATOR_ACCOUNT = "system:serviceaccount:scriptmodel-system:scriptmodel-operator"
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass(frozen=True)
class Request:
    """One request; `credential` distinguishes tokens of the same account, `moment` sorts."""

    verb: str
    group: str
    resource: str
    """The resource with its subresource, as in a role."""
    name: str
    status: int
    credential: str
    moment: str


def requests_in(log: Path) -> Iterator[Request]:
    """All of them, in the order in which they were answered; a line that is still being written is left out."""
    for line in log.read_text().splitlines(keepends=True) if log.exists() else ():
        if not line.endswith("\n"):
            return
        entry = json.loads(line)
        what = entry.get("objectRef", {})
        resource = "/".join(part for part in (what.get("resource", ""), what.get("subresource", "")) if part)
        yield Request(
            verb=entry["verb"],
            group=what.get("apiGroup", ""),
            resource=resource,
            name=what.get("name", ""),
            status=entry.get("responseStatus", {}).get("code", 0),
            credential=next(
                iter(entry["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", [])), ""
            ),
            moment=entry["requestReceivedTimestamp"],
        )
