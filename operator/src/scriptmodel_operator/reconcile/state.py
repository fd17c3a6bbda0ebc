"""The state of a ScriptModel, and when it is observed again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.ingest.downloads import Download
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.chosen import NO_SCRIPT, Chosen
from scriptmodel_operator.reconcile.deadlines import remaining_wait
from scriptmodel_operator.reconcile.difference import NO_DIFFERENCE, Difference
from scriptmodel_operator.reconcile.search import SearchProgress

NOT_STARTED = Condition(Reason.NOT_STARTED, "an earlier stage comes first")


@dataclass(frozen=True, slots=True)
class Stages:
    """How far corpus, training and generation are: done (True), in progress or failed (False), or unknown."""

    corpus: Condition
    trained: Condition = NOT_STARTED
    generated: Condition = NOT_STARTED

    @property
    def first_unfinished(self) -> Condition | None:
        """The stage that Ready reports; None when the script is written.

        The corpus counts only if it is known to be missing or unfinished, and no failure of training explains more.
        A failed commit of the corpus does, as the cause of such a failure.
        """
        failed = self.corpus.reason is Reason.CORPUS_FAILED
        if self.corpus.status is ConditionStatus.FALSE and (failed or not self.trained.stalled):
            return self.corpus
        return next((stage for stage in (self.trained, self.generated) if not stage.done), None)


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """What is known of the source of the object's own corpus. Empty if the corpus is a repo of somebody else."""

    record: SourceStatus | None = None
    """What the newest commit was made from."""
    download: Download | None = None
    """The download to start once it is due."""
    blocks: Condition | None = None
    """What pipelines wait for: a problem, `actions`, or the download where there are none."""
    actions: tuple[Action, ...] = ()
    unchecked: str = ""
    """Why the source could not be checked for something newer."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """The error of each URL that could not be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the status says, and what is done now. After that the object is observed again."""

    ready: Condition
    actions: tuple[Action, ...] = ()
    view: ModelView | None = None
    stages: Stages | None = None
    """None while steps are being stopped, whatever else is refused or unreadable, and for a spec that the operator's
    configuration does not allow: then no commit and no file is read."""
    source: CorpusSource = CorpusSource()
    difference: Difference = NO_DIFFERENCE
    """Between the desired and the observed pipelines, as far as the two were compared."""
    chosen: Chosen = NO_SCRIPT
    runs: SearchProgress | None = None
    """How far the runs are, if training is many."""
    applied: bool = False
    """Whether all pipelines are as desired, up to changes that wait for a job's end."""

    @property
    def blocked(self) -> bool:
        """Whether a problem has to be solved before any pipeline is written. Deadlines of jobs still apply."""
        return isinstance(self.ready, Problem) and not self.applied


@dataclass(frozen=True, slots=True)
class Next:
    """When an object is reconciled again. A change of it or of its pipelines reconciles it in any case."""

    seconds: float | None = None
    """After this time."""
    snapshot: float | None = None
    """Once there is a snapshot that was started at or after this time (monotonic seconds)."""


ON_CHANGE = Next()
"""Only a change requires it."""


def requeue_after(state: State, model: ScriptModel, *, poll_interval: float, source_due: float | None) -> float | None:
    """Return seconds, or None when only a change of the object or of a snapshot matters.

    `source_due` is the time until the source of the corpus is checked again, None where it never is.
    """
    view = state.view
    if state.blocked or view is None:
        return poll_interval
    if state.ready.reason is Reason.SUSPENDED:
        return None
    over = state.applied and (state.ready.done or state.ready.stalled)
    if over and not any(seen.running for seen in view.pipelines):
        return source_due
    wait = remaining_wait(model, view)
    if wait is None:
        return poll_interval
    return max(poll_interval, min(wait.total_seconds(), source_due or wait.total_seconds()))
