"""Observes a search: its runs, the results of the newest job for the current spec and corpus, and the plan."""

from collections.abc import Mapping

from scriptmodel_operator.api.marks import Mark, mark_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.digest import digest
from scriptmodel_operator.desired.pipelines import retraining, train_compute
from scriptmodel_operator.desired.search import RunResult, plan
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import JobInfo
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.view import ModelView, PipelineView, SearchView


def search_view(gateway: Gateway, lineages: Lineages, model: ScriptModel, observed: ModelView) -> SearchView | None:
    """Return the search of an object that was observed without it; None if it has none.

    Blocking; raises EngineError where a read fails.
    """
    search, refs, train, owned = model.spec.search, observed.refs, observed.train, observed.owned.trials
    if search is None:
        return None
    newest = lineages.read_by(train.newest) if train and train.newest else None
    compute, retrain = train_compute(model, refs), retraining(model, train.mark if train else None)
    of = digest({"compute": compute, "retrain": retrain, "corpus": newest.corpus or "" if newest else ""})
    good = train.last_good if train else None
    mark = mark_of_job(gateway, train, good) if train and good else None
    made = lineages.read_by(good) if good and mark and (mark.compute, mark.retrain_at) == (compute, retrain) else None
    found: tuple[Mapping[str, RunResult], str] = ({}, "")
    if made and newest and made.trials and made.corpus == newest.corpus:
        found = lineages.results.runs((refs.own_trials, made.trials), (made.repo, made.model))
    head = owned.head.id if owned and owned.ownership.ours and owned.head else ""
    return SearchView(
        plan=plan(search, model.spec.model.seed, found[0], of),
        of=of,
        results=found[0],
        digest=found[1],
        source=made.model if made and found[0] else "",
        present=lineages.results.inputs(refs.own_trials, head) if head else {},
        newest=newest,
        in_progress=bool(newest and newest.trials == head and train and train.newest and not train.newest.state.final),
    )


def mark_of_job(gateway: Gateway, train: PipelineView, job: JobInfo) -> Mark | None:
    if job.version == train.info.version:
        return train.mark
    versions = gateway.list_pipeline_versions(train.info.ref)
    return next((mark_of(each.spec.annotations) for each in versions if each.version == job.version), None)
