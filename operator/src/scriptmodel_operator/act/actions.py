"""Defines actions: calls of the engine that a state requires, each with the words for it. The calls block."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Mark, Owner, Ownership, marked
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import BranchRef, Copies, JobRef, PipelineApply, PipelineRef, RepoRef
from scriptmodel_operator.observe.view import OwnedRepo

_PUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PipelineChange:
    apply: PipelineApply
    why: str
    waits: bool = False
    """Whether it computes nothing again, so that a running job need not be killed for it."""

    @property
    def ref(self) -> PipelineRef:
        return self.apply.spec.ref

    def describe(self) -> str:
        if not self.apply.update:
            return f"create step {self.ref}"
        how = "computing everything again" if self.apply.reprocess else "computing nothing again"
        return f"update step {self.ref} ({self.why}), {how}"


@dataclass(frozen=True, slots=True)
class Action:
    text: str
    """What it does, from its verb on."""
    call: Callable[[Gateway], None]
    event: Reason | None = None
    """Reason of the event that is recorded before it."""
    occasion: str = ""
    """What tells two such events apart."""
    changes: tuple[PipelineChange, ...] = ()


def execute(gateway: Gateway, actions: Iterable[Action]) -> None:
    """Raise EngineError at the first action that fails; the next snapshot shows what was done before it."""
    for action in actions:
        action.call(gateway)


def apply_pipelines(changes: tuple[PipelineChange, ...]) -> Action:
    text = "asking the engine to " + "; ".join(change.describe() for change in changes)
    event = Reason.UPDATING if any(each.apply.update for each in changes) else Reason.CREATING
    occasion = " ".join(str(sorted(each.apply.spec.annotations.items())) for each in changes)
    return Action(text, lambda to: to.apply_pipelines([each.apply for each in changes]), event, occasion, changes)


def start_pipeline(ref: PipelineRef) -> Action:
    return Action(f"starting step {ref}", lambda to: to.start_pipeline(ref))


def stop_pipeline(ref: PipelineRef) -> Action:
    return Action(f"stopping step {ref}", lambda to: to.stop_pipeline(ref))


def stop_job(ref: JobRef, why: str) -> Action:
    return Action(f"stopping job {ref}: {why}", lambda to: to.stop_job(ref, why), Reason.JOB_STOPPED, ref.id)


def delete_pipeline(ref: PipelineRef, *, keep_repo: bool) -> Action:
    text = f"deleting step {ref}" + (", keeping its repo" if keep_repo else "")
    return Action(text, lambda to: to.delete_pipeline(ref, keep_repo=keep_repo))


def delete_repo(ref: RepoRef) -> Action:
    return Action(f"deleting repo {ref}", lambda to: to.delete_repo(ref))


def put_files(branch: BranchRef, files: Mapping[str, bytes], gone: tuple[str, ...]) -> Action:
    """Return the action that writes small files and deletes others, in one commit."""

    def call(to: Gateway) -> None:
        to.replace_files(branch, ((path, [content]) for path, content in sorted(files.items())), gone, _PUT_SECONDS)

    removed = f" and remove {len(gone)}" if gone else ""
    return Action(f"putting {len(files)} files into {branch}{removed}", call)


def copy_base(branch: BranchRef, copies: Copies) -> Action:
    text = f"copying the base model {copies.repo}@{short_id(copies.commit)} into {branch.repo}"
    return Action(text, lambda to: to.replace_files(branch, (), (), _PUT_SECONDS, copies))


def own_repo(
    model: ScriptModel, owner: Owner, ref: RepoRef, owned: OwnedRepo | None, what: str, effect: str = ""
) -> Action | Problem | None:
    """Return what makes a repo the object's own, or what prevents that; None if it is already.

    `effect` says what taking it over does besides.
    """
    if owned is not None and owned.ownership.ours:
        return None
    if owned is not None and not model.may_write(owned.ownership):
        return conflict(model, f"{what} {ref}", owned.ownership, owned.mark, effect)
    description = marked(Mark(owner), owned.description if owned else "")
    text = f"{'adopting' if owned else 'creating'} repo {ref}"
    return Action(text, lambda to: to.create_repo(ref, description, update=owned is not None))


def conflict(model: ScriptModel, what: str, found: Ownership, mark: Mark | None, effect: str = "") -> Problem:
    """Say who owns `what` and what to do. It must not reveal names of other namespaces."""
    if found is not Ownership.FOREIGN or mark is None:
        text = "was not created by this operator: delete it, or annotate this object with scriptmodel.dev/adopt=true"
        return Problem(Reason.NAME_CONFLICT, f"{what} {text} to take it over{effect}")
    if (mark.owner.namespace, mark.owner.name) == model.key:
        text = f"belongs to ScriptModel {model} of another cluster: give the operator the --cluster-id of that one"
        return Problem(Reason.NAME_CONFLICT, f"{what} {text}, or delete it")
    near = mark.owner.namespace == model.namespace
    whose = f"ScriptModel {mark.owner}" if near else "a ScriptModel of another namespace"
    text = f"{what} belongs to {whose} and is never taken over: delete it or rename this object"
    return Problem(Reason.NAME_CONFLICT, text)
