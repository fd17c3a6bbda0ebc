"""References to repos, branches, commits, pipelines and jobs, formatted as in the messages of the real server."""

from __future__ import annotations

from dataclasses import dataclass, replace

from localpach.names import DEFAULT_PROJECT

USER = "user"
SPEC = "spec"
META = "meta"


@dataclass(frozen=True, slots=True)
class RepoRef:
    project: str
    name: str
    type: str = USER

    def __str__(self) -> str:
        base = f"{self.project}/{self.name}" if self.project else self.name
        return base if self.type == USER else f"{base}.{self.type}"

    @property
    def sorted_by(self) -> str:
        return f"{self.project}/{self.name}.{self.type}"

    def of_type(self, kind: str) -> RepoRef:
        return replace(self, type=kind)

    def branch(self, name: str) -> BranchRef:
        return BranchRef(self, name)


@dataclass(frozen=True, slots=True)
class BranchRef:
    repo: RepoRef
    name: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.name}"

    @property
    def sorted_by(self) -> str:
        return f"{self.repo.sorted_by}@{self.name}"


@dataclass(frozen=True, slots=True)
class CommitKey:
    """A commit that exists. Commits of one commit set have the same id, in different repos."""

    repo: RepoRef
    id: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.id}"


@dataclass(frozen=True, slots=True)
class CommitRef:
    """A reference to a commit as in a request: by id, by branch, or by an id with an ancestry suffix."""

    repo: RepoRef
    id: str = ""
    branch: str = ""

    def __str__(self) -> str:
        return f"{self.repo}@{self.id}"


@dataclass(frozen=True, slots=True)
class PipelineRef:
    name: str
    project: str = DEFAULT_PROJECT

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"

    def repo(self, kind: str = USER) -> RepoRef:
        """Return the output repo, or the spec or meta repo."""
        return RepoRef(self.project, self.name, kind)


@dataclass(frozen=True, slots=True)
class JobRef:
    """A reference to a job: its pipeline, and the id of its commit set."""

    pipeline: PipelineRef
    id: str

    def __str__(self) -> str:
        return f"{self.pipeline}@{self.id}"
