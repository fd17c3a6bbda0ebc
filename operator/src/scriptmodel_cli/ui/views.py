"""What pages show of a ScriptModel from Pachyderm and the API server, as far as it has been read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from click import unstyle

from scriptmodel_cli.commands.why import job_row
from scriptmodel_cli.diagnosis import events_path, evidence, if_worker_is_lost, next_step, pods_path
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.leaderboard import best_of, counts_of, ordered, progress_of, rows_of
from scriptmodel_cli.logs import newest_jobs
from scriptmodel_cli.options import now
from scriptmodel_cli.text import condition, is_observed
from scriptmodel_cli.trials import TrialReader
from scriptmodel_cli.ui.model import Model
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.ui.scripts import Piece, typeset
from scriptmodel_cli.ui.training import Training, epochs, generation, last_lines, training
from scriptmodel_cli.web.charts import spark
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.pachyderm.gateway import Gateway

_LIVE_SECONDS = 1.0
_LIST_SECONDS = 5.0
_EVIDENCE_SECONDS = 5.0
_JOBS = 3
"""Jobs of each pipeline that are shown."""
_LAST_LINES = 3
_WIDEST = 1000
"""Characters of a message."""


def training_of(model: Model, reads: Reads) -> Answer[Training]:
    """Return the train job that status reports; one that has ended is read once."""
    started, ended = (model.training.get(key) for key in ("startTime", "completionTime"))
    if not started:
        return Answer(Training())
    key = ("training", model.uid, started)
    every = None if ended else _LIVE_SECONDS
    return reads.pachyderm((*key, ended), lambda pachd: training(pachd, model.parsed), every=every, until=(*key, None))


def generation_of(model: Model, reads: Reads) -> Answer[Training]:
    """Return the generate job that status reports, which has a log but no curve; nothing before there is a model."""
    if condition(model.found, "Trained").get("status") != "True":
        return Answer(Training())
    key = ("generation", model.uid, condition(model.found, "Generated").get("lastTransitionTime"))
    every = _LIVE_SECONDS if model.tone == "working" else None
    return reads.pachyderm(key, lambda pachd: generation(pachd, model.parsed), every=every)


def spark_of(model: Model, reads: Reads) -> str:
    """Return the sparkline of validation perplexity: of the training in progress, else of the model."""
    key, place = ("curve", model.uid, model.training.get("startTime")), model.place("model")
    if model.trains:
        known = reads.pachyderm(key, lambda pachd: training(pachd, model.parsed).curve.epochs, every=_LIST_SECONDS)
    elif place:
        known = reads.pachyderm(("epochs", place), lambda gateway: epochs(gateway, place), until=key)
    else:
        return ""
    return spark([each.valid for each in known.value or ()])


def last_lines_of(model: Model, reads: Reads) -> list[Piece]:
    """Return the last lines of the newest script, of its excerpt as long as the rest is not read; else a sample."""
    place, excerpt = model.place("script"), model.excerpt or str(model.training.get("sample", ""))
    lines: tuple[str, ...] = tuple(filter(str.strip, excerpt.splitlines()))[-_LAST_LINES:]
    if place and len(excerpt.encode()) < int(model.script.get("sizeBytes") or 0):
        path = str(model.script.get("path", ""))
        lines = reads.pachyderm(("last", place), lambda gateway: last_lines(gateway, place, path)).value or lines
    return typeset("\n".join(lines))


def search_of(model: Model, reads: Reads, sort: str) -> dict[str, Any] | None:
    """Return the trials of a search as a table, best first or sorted by a column; without Pachyderm the best ten."""
    if not model.spec.get("search"):
        return None
    settled, key = model.tone != "working", ("search", model.uid)
    stamp = model.found["metadata"]["resourceVersion"] if settled else ""
    every = None if settled else _EVIDENCE_SECONDS
    read = reads.pachyderm(
        (*key, stamp), lambda pachd: TrialReader(pachd).read(model.parsed), every=every, until=(*key, "")
    )
    shown = {"algorithm": "", **model.search, "trials": model.search.get("top") or [], **(read.value or {})}
    trials = shown["trials"]
    with suppress(InputError):  # an address with another column
        trials = ordered(trials, sort)
    heads, rows = rows_of(trials)
    return {
        "progress": progress_of(shown, counts_of(trials)),
        "best": best_of(shown["trials"]),
        "error": "" if read.value else read.error,
        "heads": [(head.lower() if head.isupper() else head, "-" if sort == head.lower() else "") for head in heads],
        "rows": [list(map(unstyle, row)) for row in rows],
    }


def evidence_of(model: Model, reads: Reads) -> dict[str, Any]:
    """Return the diagnosis of `scriptmodel why`: what the reason means, the next step, and tables of evidence."""
    found, seconds = model.found, _EVIDENCE_SECONDS
    read: dict[str, Answer[Any]] = {"events": reads.listed(events_path(found), seconds)}
    if model.pipelines:
        read["pods"] = reads.listed(pods_path(model.pipelines), seconds)
        read["jobs"] = reads.pachyderm(("jobs", model.uid), lambda pachd: _jobs(pachd, model), every=seconds)
    tables = evidence(found, now(), **{name: each.value or () for name, each in read.items()}, widest=_WIDEST)
    return {
        "tables": [(headers, [list(map(unstyle, row)) for row in rows]) for headers, rows in tables if rows],
        "next": next_step(found, model.reason),
        "meaning": next((each.doc for each in Reason if each.value == model.reason), ""),
        "current": is_observed(found),
        "if_worker_is_lost": if_worker_is_lost(found),
    }


def _jobs(gateway: Gateway, model: Model) -> list[tuple[str, ...]]:
    refs = references(model.parsed)
    return [job_row(job) for pipeline in (refs.train, refs.generate) for job in newest_jobs(gateway, pipeline, _JOBS)]
