"""What pages show of a ScriptModel from Pachyderm and the API server, as far as it has been read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from click import unstyle

from scriptmodel_cli.commands.why import job_row
from scriptmodel_cli.diagnosis import as_value, events_path, evidence, pods_path
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.leaderboard import best_of, counts_of, ordered, progress_of, rows_of
from scriptmodel_cli.logs import newest_jobs
from scriptmodel_cli.options import now
from scriptmodel_cli.session import parsed
from scriptmodel_cli.text import condition
from scriptmodel_cli.training import Training, epochs, generation, training
from scriptmodel_cli.trials import TrialReader
from scriptmodel_cli.ui.model import Model, Place
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.web.charts import spark
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.pachyderm.gateway import Gateway

_LIVE_SECONDS, _LIST_SECONDS, _EVIDENCE_SECONDS = 1.0, 5.0, 5.0
_JOBS = 3
"""Jobs of each pipeline that are shown."""
_LAST_LINES = 3
_TAIL_BYTES = 1 << 20
_WIDEST = 1000
"""Characters of a message."""


def training_of(model: Model, reads: Reads) -> Answer[Training]:
    """Return the train job that status reports; one that has ended is read once."""
    version = started, ended = model.training.get("startTime"), model.training.get("completionTime")
    if not started:
        return Answer(Training())
    every = None if ended else _LIVE_SECONDS
    return reads.pachyderm(("training", model.uid), lambda pachd: training(pachd, parsed(model.found)), version, every)


def generation_of(model: Model, reads: Reads) -> Training:
    """Return the generate job that status reports, which has a log but no curve; nothing before there is a model."""
    if condition(model.found, "Trained").get("status") != "True":
        return Training()
    version, every = condition(model.found, "Generated"), _LIVE_SECONDS if model.tone == "working" else None
    key = ("generation", model.uid)
    found = reads.pachyderm(key, lambda pachd: generation(pachd, parsed(model.found)), version, every)
    return found.value or Training()


def spark_of(model: Model, reads: Reads) -> str:
    """Return the sparkline of validation perplexity: of the training in progress, else of the model."""
    key, place = ("curve", model.uid), model.place("model")
    if model.trains:
        started = model.training["startTime"]
        known = reads.pachyderm(
            key, lambda pachd: training(pachd, parsed(model.found)).curve.epochs, started, _LIST_SECONDS
        )
    elif place:
        known = reads.pachyderm(key, lambda pachd: epochs(pachd, place.repo, place.commit), place)
    else:
        return ""
    return spark([each.valid for each in known.value or ()])


def last_lines_of(model: Model, reads: Reads) -> str:
    """Return the last lines of the newest script, of its excerpt as long as the rest is not read; else a sample."""
    place, text = model.place("script"), str(model.script.get("excerpt") or model.training.get("sample") or "")
    if place and len(text.encode()) < int(model.script.get("sizeBytes") or 0):
        path = str(model.script.get("path", ""))
        text = reads.pachyderm(("last", model.uid), lambda pachd: _tail(pachd, place, path), place).value or text
    return _last_lines(text)


def _tail(gateway: Gateway, place: Place, path: str) -> str:
    return _last_lines(gateway.read_file(place.repo, place.commit, path, _TAIL_BYTES).decode(errors="replace"))


def _last_lines(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])


def search_of(model: Model, reads: Reads, sort: str) -> dict[str, Any] | None:
    """Return the trials of a search as a table, best first or sorted by a column; without Pachyderm the best ten."""
    if not model.spec.get("search"):
        return None
    status, settled = model.status.get("search") or {}, model.tone != "working"
    version, every = (model.found["metadata"]["resourceVersion"], None) if settled else ("", _EVIDENCE_SECONDS)
    key = ("search", model.uid)
    read = reads.pachyderm(key, lambda pachd: TrialReader(pachd).read(parsed(model.found)), version, every)
    shown = {"algorithm": "", **status, "trials": status.get("top") or [], **(read.value or {})}
    trials = shown["trials"]
    with suppress(InputError):  # an address with another column
        trials = ordered(trials, sort)
    columns, rows = rows_of(trials)
    heads = [head.lower() if head.isupper() else head for head in columns]
    return {
        "progress": progress_of(shown, counts_of(trials)),
        "best": best_of(shown["trials"]),
        "error": "" if read.value else read.error,
        "heads": heads,
        "links": {head: f"?sort={'-' if sort == head.lower() else ''}{quote(head.lower())}#search" for head in heads},
        "rows": [list(map(unstyle, row)) for row in rows],
    }


def evidence_of(model: Model, reads: Reads) -> dict[str, Any]:
    """Return the diagnosis of `scriptmodel why`, with its evidence as tables."""
    found, seconds = model.found, _EVIDENCE_SECONDS
    read: dict[str, Answer[Any]] = {"events": reads.listed(events_path(found), seconds)}
    if names := [str(each["name"]) for each in model.status.get("pipelines") or []]:
        read["pods"] = reads.listed(pods_path(names), seconds)
        read["jobs"] = reads.pachyderm(("jobs", model.uid), lambda pachd: _jobs(pachd, model), None, seconds)
    tables = evidence(found, now(), **{name: each.value or () for name, each in read.items()}, widest=_WIDEST)
    shown = [([*map(str.lower, heads)], [[*map(unstyle, row)] for row in rows]) for heads, rows in tables if rows]
    return as_value(found) | {"tables": shown}


def _jobs(gateway: Gateway, model: Model) -> list[tuple[str, ...]]:
    refs = references(parsed(model.found))
    return [job_row(job) for pipeline in (refs.train, refs.generate) for job in newest_jobs(gateway, pipeline, _JOBS)]
