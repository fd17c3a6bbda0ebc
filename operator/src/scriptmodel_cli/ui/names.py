"""Names of objects, and the addresses of their pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scriptmodel_operator.pachyderm.values import RepoRef

Object = dict[str, Any]


def key_of(found: Mapping[str, Any]) -> str:
    """Return NAMESPACE/NAME of an object."""
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


@dataclass(frozen=True)
class Place:
    """A commit of a repo, and the addresses of its pages."""

    repo: RepoRef
    commit: str

    @property
    def path(self) -> str:
        return f"/commits/{self._path}"

    @property
    def write_path(self) -> str:
        """The address below which the trainer shows a model."""
        return f"/write/{self._path}"

    @property
    def _path(self) -> str:
        return "/".join(quote(part, safe="") for part in (self.repo.project, self.repo.name, self.commit))


def place_of(where: Mapping[str, Any] | None) -> Place | None:
    """Return a commit as status.lineage has it; None if it is incomplete."""
    project, repo, commit = (str((where or {}).get(part) or "") for part in ("project", "repo", "commit"))
    return Place(RepoRef(project, repo), commit) if project and repo and commit else None


def commit_path(where: Mapping[str, Any] | None) -> str:
    """Return the address of the page of a commit; empty if it is incomplete."""
    place = place_of(where)
    return place.path if place else ""
