"""Defines the actions that can be carried out in Pachyderm, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.values import BranchRef, Copies, JobRef, PipelineApply, PipelineRef, RepoRef


class ChangeKind(Enum):
    CREATE = "create"
    RECOMPUTE = "recompute"
    RESHAPE = "reshape"
    """A change that needs no new computation."""
    ADOPT = "adopt"
    CORRECT = "correct"
    """Drift."""


@dataclass(frozen=True, slots=True)
class PipelineChange:
    kind: ChangeKind
    apply: PipelineApply
    why: str

    @property
    def ref(self) -> PipelineRef:
        return self.apply.spec.ref

    def describe(self) -> str:
        if not self.apply.update:
            return f"create step {self.ref}"
        how = "computing everything again" if self.apply.reprocess else "computing nothing again"
        return f"update step {self.ref} ({self.why}), {how}"


@dataclass(frozen=True, slots=True)
class ApplyPipelines:
    changes: tuple[PipelineChange, ...]

    def describe(self) -> str:
        return "asking the engine to " + "; ".join(change.describe() for change in self.changes)


@dataclass(frozen=True, slots=True)
class StartPipeline:
    ref: PipelineRef
    stopped_after: str = ""
    """The newest job at the time somebody stopped the pipeline; empty if spec.suspend stopped it."""

    def describe(self) -> str:
        return f"starting step {self.ref}" + (" (somebody stopped it)" if self.stopped_after else "")


@dataclass(frozen=True, slots=True)
class StopPipeline:
    ref: PipelineRef

    def describe(self) -> str:
        return f"stopping step {self.ref}"


@dataclass(frozen=True, slots=True)
class StopJob:
    ref: JobRef
    why: str

    def describe(self) -> str:
        return f"stopping job {self.ref}: {self.why}"


@dataclass(frozen=True, slots=True)
class DeletePipeline:
    ref: PipelineRef
    keep_repo: bool

    def describe(self) -> str:
        return f"deleting step {self.ref}" + (", keeping its repo" if self.keep_repo else "")


@dataclass(frozen=True, slots=True)
class DeleteRepo:
    ref: RepoRef

    def describe(self) -> str:
        return f"deleting repo {self.ref}"


@dataclass(frozen=True, slots=True)
class CreateRepo:
    """Creates a repo, or with `adopt` replaces the description of one that exists."""

    ref: RepoRef
    description: str
    adopt: bool = False

    def describe(self) -> str:
        return f"{'adopting' if self.adopt else 'creating'} repo {self.ref}"


@dataclass(frozen=True, slots=True)
class ReplaceFiles:
    """Writes, deletes and copies files in one commit. What is only copied is a base model."""

    branch: BranchRef
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content by path; small files only."""
    gone: tuple[str, ...] = ()
    copies: Copies | None = None

    def describe(self) -> str:
        if self.copies and not self.files:
            base = f"{self.copies.repo}@{short_id(self.copies.commit)}"
            return f"copying the base model {base} into {self.branch.repo}"
        return f"putting {len(self.files)} files into {self.branch}"


Action = (
    CreateRepo | ReplaceFiles | ApplyPipelines | StartPipeline | StopPipeline | StopJob | DeletePipeline | DeleteRepo
)
