"""The state of a ScriptModel: a closed union, which `summary` and `requeue_after` match exhaustively. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.ingest.downloads import Download
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.chosen import NO_SCRIPT, Chosen
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
    """What is known of the source of the object's own corpus, and whether pipelines can read what is in its repo.

    They can unless there is a problem or something to wait for. Empty if the corpus is a repo of somebody else.
    """

    record: SourceStatus | None = None
    """What the newest commit was made from."""
    download: Download | None = None
    """The download to start once it is due."""
    problem: Problem | None = None
    """Keeps the corpus from its repo."""
    waits_for: str = ""
    """What pipelines wait for: `actions`, or the download where there are none."""
    actions: tuple[Action, ...] = ()
    unchecked: str = ""
    """Why the source could not be checked for something newer."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """The error of each URL that could not be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    stages: Stages
    source: CorpusSource
    difference: Difference = NO_DIFFERENCE
    """Between the desired and the observed pipelines, as far as the two were compared."""
    chosen: Chosen = NO_SCRIPT
    """Decided once, by `assess`."""
    runs_progress: SearchProgress | None = None
    """How far the runs are, if training is many."""
    actions: tuple[Action, ...] = ()
    """What is done now. After it the object is observed again."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """spec.suspend is true and pipelines still run. They are stopped first, whatever else is refused or unreadable."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The operator's configuration does not allow the spec, or to read its corpus or base model. No commit and no file
    is read, and nothing is changed.
    """

    problem: Problem
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended(_Observed):
    """spec.suspend is true, and no pipeline runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(_Observed):
    """A problem has to be solved before any pipeline is written. Deadlines of jobs still apply."""

    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingesting(_Observed):
    """Pipelines wait for the object's own corpus or base model: for `actions`, or for a download."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying(_Observed):
    """At least one pipeline has to be created or updated now (`difference.now`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(_Observed):
    """All pipelines are as desired, up to changes that wait for a job's end.

    How far they are is `stages.first_unfinished`: None once the script of the newest spec and corpus is written.
    """


Early = Stopping | Refused
"""States that are known before commits and files are read."""
ModelState = Suspended | Blocked | Ingesting | Applying | Applied


@dataclass(frozen=True, slots=True)
class Planned:
    """The state of an object, and the view that it follows from."""

    view: ModelView
    state: ModelState

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.state.actions
