"""Worlds with a search, whose jobs end as the trainer's would: what is unchanged is skipped."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import BranchRef, JobInfo, JobState, RepoRef
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.job_worlds import SCRIPT, best_run, generated, trained_trial
from tests.unit.operator.world import PLAYS, World, scriptmodel

PARAMETERS = [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}]
RANDOM: dict[str, Any] = {"search": {"parameters": PARAMETERS, "numTrials": 3, "parallelTrials": 2}}
Outcomes = Mapping[str, float | str]
"""What runs come to, by folder: the value, or the reason of a failure.

Else the number of the trial is the value.
"""


def search_world(spec: dict[str, Any], pachyderm: FakePachyderm | None = None, **changes: Any) -> World:
    """A world with a corpus, not reconciled yet."""
    world = World(model=scriptmodel(spec, **changes), pachyderm=pachyderm or FakePachyderm())
    world.pachyderm.put(world.corpus, PLAYS)
    return world


def trials(world: World) -> BranchRef:
    return references(world.model).trials


def put(world: World) -> dict[str, dict[str, Any]]:
    """Return what the newest commit of the repo of runs has: trial.json by folder."""
    branch = trials(world)
    files = world.pachyderm.files[branch.repo, world.pachyderm.heads[branch]]
    found = {path.split("/")[1]: json.loads(text) for path, text in files.items() if path.endswith("/trial.json")}
    return dict(sorted(found.items()))


def train(world: World, outcomes: Outcomes | None = None) -> JobInfo:
    """End the oldest unfinished train job."""
    pachyderm, ref = world.pachyderm, world.train
    job = pachyderm.oldest_unfinished(ref)
    inputs = _runs(world, job)
    base = _base(world, job)
    before = _runs(world, base) if base else {}
    old = pachyderm.files[ref.output, base.ref.id] if base else {}
    files: dict[str, bytes] = {}
    skipped = [name for name, given in inputs.items() if before.get(name) == given]
    for name, given in inputs.items():
        if name in skipped:
            files |= {path: text for path, text in old.items() if path.startswith(f"/{name}/")}
        else:
            files |= trained_trial(name, given, (outcomes or {}).get(name, float(name[:4])))
    pachyderm.write(ref, files, total=len(inputs), skipped=len(skipped))
    return pachyderm.jobs[job.ref]


def write(world: World) -> None:
    """End the oldest unfinished generate job, which writes with the best run."""
    pachyderm, ref = world.pachyderm, world.generate
    (source,) = pachyderm.commits[ref.output, pachyderm.oldest_unfinished(ref).ref.id].provenance
    run = best_run(pachyderm.files[source])
    if run:
        pachyderm.write(ref, {"/new_script.txt": SCRIPT, "/generation.json": generated(run)}, total=1)
    else:
        pachyderm.fail(ref, [])


def finish(world: World, outcomes: Outcomes | None = None) -> None:
    """End all jobs, each pipeline's before those that read its output."""
    train_pipeline = world.pachyderm.pipelines.get(world.train)
    searches = train_pipeline and train_pipeline[-1].spec.input.trials
    steps = {world.train: partial(train, world, outcomes), world.generate: partial(write, world)}
    world.end_jobs(steps if searches else {})


def search(world: World, outcomes: Outcomes | None = None, reconcile: Callable[[], object] | None = None) -> list[int]:
    """Reconcile and end jobs until nothing is left; return how many runs each train job trained."""
    trained = []
    for _ in range(10):
        (reconcile or world.reconcile)()
        jobs = world.pachyderm.jobs
        if all(job.state.final for job in jobs.values()):
            return trained
        known = set(jobs)
        unfinished = {ref for ref, job in jobs.items() if not job.state.final}
        finish(world, outcomes)
        trained += [jobs[ref].data_processed for ref in unfinished if ref.pipeline == world.train and ref in known]
    raise AssertionError("does not end")


def _runs(world: World, job: JobInfo) -> dict[str, dict[str, bytes]]:
    """Return the input of each run of a job: its folder, and the corpus."""
    provenance = world.pachyderm.commits[world.train.output, job.ref.id].provenance
    files: dict[RepoRef, dict[str, bytes]] = {repo: world.pachyderm.files[repo, commit] for repo, commit in provenance}
    runs: dict[str, dict[str, bytes]] = {}
    for path, text in files.pop(trials(world).repo, {}).items():
        runs.setdefault(path.split("/")[1], {})[path] = text
    (corpus,) = files.values()
    return {name: {**run, **corpus} for name, run in runs.items()} if corpus else {}


def _base(world: World, job: JobInfo) -> JobInfo | None:
    """Return the newest earlier job with a result, unless everything is to be computed again."""
    earlier = [
        each
        for each in world.pachyderm.jobs.values()
        if each.ref.pipeline == world.train and each.state is JobState.SUCCESS and each.version <= job.version
    ]
    found = earlier[-1] if earlier else None
    again = found and found.version != job.version and world.pachyderm.reprocessed[world.train]
    return None if again else found
