"""Observes a search: its runs, the results of the newest job for the current spec and corpus, and the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scriptmodel_operator.api.conditions import Condition, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.digest import digest
from scriptmodel_operator.desired.pipelines import retraining, train_compute
from scriptmodel_operator.observe.lineage import Lineages, mark_of_job
from scriptmodel_operator.observe.view import ModelCommits, ModelView
from scriptmodel_operator.search.outcomes import inputs, outcomes
from scriptmodel_operator.search.trials import Plan, RunInput, RunResult, plan


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search: the runs in its repo, their results, and the plan that follows from both."""

    plan: Plan
    of: str
    """Identifies the spec and the corpus commit of the newest train job."""
    results: Mapping[str, RunResult]
    """The results of the newest job for the current spec and corpus, by the folder of the run."""
    digest: str = ""
    """Digest of those results."""
    source: str = ""
    """The commit of train's output that has them."""
    present: Mapping[str, RunInput] = field(default_factory=dict)
    """The runs in the newest commit of the repo, by folder."""
    newest: ModelCommits | None = None
    in_progress: bool = False
    """Whether that job is training the runs in the repo."""

    @property
    def selection(self) -> tuple[str, ...]:
        over = self.plan.finished and not self.plan.failure
        return ("--best", self.plan.winner, "--of", self.digest) if over else ()

    @property
    def unfinished(self) -> Condition | None:
        if self.plan.failure:
            what = "change spec.search or spec.model, or annotate scriptmodel.dev/retrain-at"
            return Problem(Reason.TRAINING_FAILED, f"the search failed: {self.plan.failure}: {what}")
        return None if self.plan.finished else Condition(Reason.TRAINING, f"{self.plan.title} is next")

    @property
    def starting(self) -> str:
        return f"{self.plan.title} is being started"

    @property
    def winner(self) -> str:
        return f"trial {self.plan.winner.lstrip('0')} is the best" if self.plan.winner else ""


def search_view(lineages: Lineages, model: ScriptModel, observed: ModelView) -> SearchView | None:
    """Return the search of an object that was observed without it; None if it has none.

    Blocking; raises EngineError where a read fails.
    """
    search, refs, train, owned = model.spec.search, observed.refs, observed.train, observed.owned.trials
    if search is None:
        return None
    results, newest = lineages.results, lineages.read_by(train.newest) if train and train.newest else None
    compute, retrain = train_compute(model, refs), retraining(model, train.mark if train else None)
    of = digest({"compute": compute, "retrain": retrain, "corpus": newest.corpus or "" if newest else ""})
    good = train.last_good if train else None
    mark = mark_of_job(results.gateway, train, good) if train and good else None
    made = lineages.read_by(good) if good and mark and (mark.compute, mark.retrain_at) == (compute, retrain) else None
    found: tuple[Mapping[str, RunResult], str] = ({}, "")
    if made and newest and made.trials and made.corpus == newest.corpus:
        found = outcomes(results, (refs.own_trials, made.trials), (made.repo, made.model))
    head = owned.head.id if owned and owned.ownership.ours and owned.head else ""
    return SearchView(
        plan=plan(search, model.spec.model.seed, found[0], of),
        of=of,
        results=found[0],
        digest=found[1],
        source=made.model if made and found[0] else "",
        present=inputs(results, refs.own_trials, head) if head else {},
        newest=newest,
        in_progress=bool(newest and newest.trials == head and train and train.newest and not train.newest.state.final),
    )
