"""What pages show of a ScriptModel, from the object and from what has been read so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from click import unstyle

from scriptmodel_cli.diagnosis import events_path, evidence, if_worker_is_lost, next_step, pods_path
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.leaderboard import best_of, counts_of, ordered, progress_of, rows_of
from scriptmodel_cli.screen import restarts_of
from scriptmodel_cli.session import parsed
from scriptmodel_cli.text import age, condition, is_observed, parse_time, suspended
from scriptmodel_cli.trials import trials_of
from scriptmodel_cli.ui.names import Object, commit_path, key_of, place_of
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.ui.scripts import Piece, typeset
from scriptmodel_cli.ui.training import Training, epochs, generation, job_rows, last_lines, training
from scriptmodel_cli.web.charts import spark
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.text import short_id

_LIVE_SECONDS = 1.0
_LIST_SECONDS = 5.0
_EVIDENCE_SECONDS = 5.0
_LAST_LINES = 3
_WIDEST = 1000
"""Characters of a message."""
_FIGURES = {
    "originality": "new text rather than copies of the corpus",
    "variety": "no repetition of itself",
    "order": "words in an order that the corpus knows",
    "vocabulary": "the words of the corpus",
    "form": "speeches and directions like those of the corpus",
}


def status_of(found: Object) -> dict[str, Any]:
    return found.get("status") or {}


def href_of(found: Object, page: str = "") -> str:
    """Return the address of an object's page."""
    namespace, name = (quote(str(found["metadata"][part]), safe="") for part in ("namespace", "name"))
    return f"/models/{namespace}/{name}" + (f"/{page}" if page else "")


def tone_of(found: Object) -> str:
    """Return ready, stalled, paused or working."""
    if suspended(found):
        return "paused"
    if condition(found).get("status") == "True" and is_observed(found):
        return "ready"
    return "stalled" if condition(found, "Stalled").get("status") == "True" else "working"


def summary(found: Object, now: datetime) -> dict[str, Any]:
    """Return what every page shows of an object."""
    status, ready = status_of(found), condition(found)
    trained = status.get("training") or {}
    preset = str((found["spec"].get("model") or {}).get("preset", ""))
    return {
        "key": key_of(found),
        "uid": found["metadata"]["uid"],
        "name": found["metadata"]["name"],
        "namespace": found["metadata"]["namespace"],
        "href": href_of(found),
        "tone": tone_of(found),
        "reason": ready.get("reason", "Pending"),
        "message": ready.get("message", "The operator has not observed this object yet."),
        "preset": f"{preset} ({trained['preset']})" if trained.get("preset") else preset,
        "age": age(found["metadata"]["creationTimestamp"], now),
        "training": trained,
        "trains": is_training(found),
        "perplexity": status.get("perplexity", ""),
        "script": status.get("script") or {},
    }


def is_training(found: Object) -> bool:
    trained = status_of(found).get("training") or {}
    return bool(trained.get("startTime")) and not trained.get("completionTime")


def epochs_of(found: Object) -> int:
    """Return the number of epochs that a training is to have; 0 if it is not known yet."""
    return int((status_of(found).get("training") or {}).get("epochs") or 0)


def training_of(found: Object, reads: Reads) -> Answer[Training]:
    """Return the train job that status reports; one that has ended is read once."""
    trained = status_of(found).get("training") or {}
    if not trained.get("startTime"):
        return Answer(Training())
    ended, key = trained.get("completionTime"), ("training", found["metadata"]["uid"], trained["startTime"])

    def read() -> Training:
        return training(reads.gateway, parsed(found))

    if ended:
        return reads.get((*key, ended), read, until=key)
    return reads.get(key, read, every=_LIVE_SECONDS)


def generation_of(found: Object, reads: Reads) -> Answer[Training]:
    """Return the generate job that status reports, which has a log but no curve; nothing before there is a model."""
    if condition(found, "Trained").get("status") != "True":
        return Answer(Training())
    key = ("generation", found["metadata"]["uid"], condition(found, "Generated").get("lastTransitionTime"))
    every = _LIVE_SECONDS if tone_of(found) == "working" else None
    return reads.get(key, lambda: generation(reads.gateway, parsed(found)), every=every)


def spark_of(found: Object, reads: Reads) -> str:
    """Return the sparkline of validation perplexity: of the training in progress, else of the model."""
    started = (status_of(found).get("training") or {}).get("startTime")
    key = ("curve", found["metadata"]["uid"], started)
    if is_training(found):
        live = reads.get(key, lambda: training(reads.gateway, parsed(found)).curve.epochs, every=_LIST_SECONDS)
        return spark([each.valid for each in live.value or ()])
    place = place_of((status_of(found).get("lineage") or {}).get("model"))
    if place is None:
        return ""
    known = reads.get(("epochs", place), lambda: epochs(reads.gateway, place), until=key)
    return spark([each.valid for each in known.value or ()])


def last_lines_of(found: Object, reads: Reads) -> list[Piece]:
    """Return the last lines of the newest script, of its excerpt as long as the rest is not read; else a sample."""
    script, place = (
        status_of(found).get("script") or {},
        place_of((status_of(found).get("lineage") or {}).get("script")),
    )
    excerpt = str(script.get("excerpt") or (status_of(found).get("training") or {}).get("sample", ""))
    lines: tuple[str, ...] = tuple(filter(str.strip, excerpt.splitlines()))[-_LAST_LINES:]
    if place and len(excerpt.encode()) < int(script.get("sizeBytes") or 0):
        path = str(script.get("path", ""))
        lines = reads.get(("last", place), lambda: last_lines(reads.gateway, place, path)).value or lines
    return typeset("\n".join(lines))


def search_of(found: Object, reads: Reads, sort: str) -> dict[str, Any] | None:
    """Return the trials of a search as a table, best first or sorted by a column; without Pachyderm the best ten."""
    if not found["spec"].get("search"):
        return None
    settled, key = tone_of(found) != "working", ("search", found["metadata"]["uid"])
    stamp = found["metadata"]["resourceVersion"] if settled else ""
    every = None if settled else _EVIDENCE_SECONDS
    read = reads.get((*key, stamp), lambda: trials_of(reads.gateway, parsed(found)), every=every, until=(*key, ""))
    status = status_of(found).get("search") or {}
    shown = {"algorithm": "", **status, "trials": status.get("top") or [], **(read.value or {})}
    trials = shown["trials"]
    with suppress(InputError):  # an address with another column
        trials = ordered(trials, sort)
    heads, rows = rows_of(trials)
    return {
        "progress": progress_of(shown, counts_of(trials)),
        "best": best_of(shown["trials"]),
        "error": read.error,
        "heads": [(head.lower() if head.isupper() else head, "-" if sort == head.lower() else "") for head in heads],
        "rows": [list(map(unstyle, row)) for row in rows],
    }


def evidence_of(found: Object, reads: Reads, now: datetime) -> dict[str, Any]:
    """Return the diagnosis of `scriptmodel why`: what the reason means, the next step, and tables of evidence."""
    uid, reason = found["metadata"]["uid"], str(condition(found).get("reason", ""))
    names = [str(each["name"]) for each in status_of(found).get("pipelines") or []]
    settled = tone_of(found) != "working"
    every = _EVIDENCE_SECONDS * (6 if settled else 1)
    stamp = (uid, found["metadata"]["resourceVersion"] if settled else "")
    read: dict[str, Any] = {
        "events": reads.get(("events", *stamp), lambda: reads.items(events_path(found)), every=every)
    }
    if names:
        read["pods"] = reads.get(("pods", uid), lambda: reads.items(pods_path(names)), every=every)
        read["jobs"] = reads.get(("jobs", *stamp), lambda: job_rows(reads.gateway, parsed(found)), every=every)
    known = {name: answer.value or () for name, answer in read.items()}
    tables = evidence(found, now, **known, widest=_WIDEST)
    return {
        "tables": [(headers, [list(map(unstyle, row)) for row in rows]) for headers, rows in tables if rows],
        "next": next_step(found, reason),
        "meaning": next((each.doc for each in Reason if each.value == reason), ""),
        "current": is_observed(found),
        "if_worker_is_lost": if_worker_is_lost(found),
    }


def lineage_of(found: Object) -> list[dict[str, str]]:
    """Return the steps from the corpus to the script, with the pages of their commits."""
    spec, status = found["spec"], status_of(found)
    lineage, trained, script = (status.get(part) or {} for part in ("lineage", "training", "script"))
    corpus, base = spec.get("corpus") or {}, (spec.get("model") or {}).get("from") or {}
    source = (corpus.get("repo") or {}).get("name") or (corpus.get("configMap") or {}).get("name") or "files by URL"
    model = str(spec["model"].get("preset", ""))
    if trained.get("epochProgress") and is_training(found):
        model += f", epoch {trained['epochProgress']}"
    steps = [
        ("corpus", "Corpus", str(source)),
        ("base", "Base model", str((base.get("scriptModel") or base).get("name", "")) or "a commit"),
        ("model", "Model", model),
        ("script", "Script", f"{script['words']:,} words" if script.get("words") else "not written yet"),
    ]
    return [
        {
            "title": title,
            "text": text,
            "commit": short_id(str((lineage.get(kind) or {}).get("commit") or "")),
            "href": href_of(found, "script") if kind == "script" and script else commit_path(lineage.get(kind)),
            "files": commit_path(lineage.get(kind)),
        }
        for kind, title, text in steps
        if kind != "base" or base or lineage.get("base")
    ]


def history_of(found: Object, now: datetime) -> list[dict[str, Any]]:
    """Return the trained models, newest first, with the pages of their commits."""
    where = (status_of(found).get("lineage") or {}).get("model") or {}
    return [
        {
            **entry,
            "short": short_id(str(entry.get("modelCommit", ""))),
            "href": commit_path({**where, "commit": entry.get("modelCommit")}),
            "current": entry.get("modelCommit") == where.get("commit"),
            "ago": f"{age(entry['finished'], now)} ago" if entry.get("finished") else "",
        }
        for entry in status_of(found).get("history") or []
    ]


def score_of(score: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Return figure, meaning and value, at most 1, of a verdict of the judge."""
    return [(name, _FIGURES[name], min(1.0, float(score[name]))) for name in _FIGURES if name in score]


def facts_of(found: Object, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the figures of the training."""
    trained = status_of(found).get("training") or {}
    figures, device = trained.get("perplexity") or {}, trained.get("device") or {}
    for key, name in (("best", "best validation"), ("test", "test"), ("valid", "validation"), ("train", "training")):
        if figures.get(key):
            yield f"{name} perplexity", figures[key]
    if trained.get("wordsPerSecond"):
        yield "speed", f"{trained['wordsPerSecond']:,} words/s"
    if trained.get("startTime"):
        end = trained.get("completionTime")
        took = int(((parse_time(end) if end else now) - parse_time(trained["startTime"])).total_seconds())
        yield "time", f"{timedelta(seconds=max(0, took))}{'' if end else ' so far'}"
    if device.get("name") or device.get("kind"):
        yield "device", f"{device.get('name') or device['kind']} {device.get('precision', '')}".strip()
    if trained.get("stoppedBy"):
        yield "ended by", trained["stoppedBy"]
    if trained.get("restarts"):
        yield "restarts", restarts_of(trained)


def settings_of(value: Any, prefix: str = "") -> dict[str, str]:
    """Return the fields of a spec by their paths."""
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for key, child in value.items():
            found |= settings_of(child, f"{prefix}.{key}" if prefix else str(key))
        return found
    return {prefix: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
