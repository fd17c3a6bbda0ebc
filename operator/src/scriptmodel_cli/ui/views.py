"""What pages show of a ScriptModel, from the object and from what has been read so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from scriptmodel_cli.commands.why import job_row
from scriptmodel_cli.diagnosis import as_value
from scriptmodel_cli.screen import restarts_of
from scriptmodel_cli.session import parsed
from scriptmodel_cli.text import age, condition, is_observed, parse_time, suspended
from scriptmodel_cli.ui.charts import Chart, Series, spark
from scriptmodel_cli.ui.names import Object, commit_path, key_of, place_of
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.ui.scripts import Piece, typeset
from scriptmodel_cli.ui.training import Training, epochs, jobs, last_lines, training
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.text import short_id

_LIVE_SECONDS = 1.0
_LIST_SECONDS = 5.0
_EVIDENCE_SECONDS = 5.0
_LAST_LINES = 3
_EVENTS = 12
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


def training_of(found: Object, reads: Reads) -> Answer[Training]:
    """Return the train job that status reports; one that has ended is read once."""
    trained = status_of(found).get("training") or {}
    if not trained.get("startTime"):
        return Answer(Training())
    ended, key = trained.get("completionTime"), ("training", found["metadata"]["uid"], trained["startTime"])

    def read() -> Training:
        return training(reads.gateway, parsed(found))

    if ended:
        return reads.get((*key, ended), read, large=True, until=key)
    return reads.get(key, read, every=_LIVE_SECONDS, large=True)


def spark_of(found: Object, reads: Reads) -> str:
    """Return the sparkline of validation perplexity: of the training in progress, else of the model."""
    started = (status_of(found).get("training") or {}).get("startTime")
    key = ("curve", found["metadata"]["uid"], started)
    if is_training(found):
        live = reads.get(key, lambda: training(reads.gateway, parsed(found)).epochs, every=_LIST_SECONDS)
        return spark([each.valid for each in live.value or () if each.valid])
    place = place_of((status_of(found).get("lineage") or {}).get("model"))
    if place is None:
        return ""
    known = reads.get(("epochs", place), lambda: epochs(reads.gateway, place), until=key)
    return spark([each.valid for each in known.value or () if each.valid])


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


def chart_of(title: str, trained: Sequence[tuple[str, str, Training, int]]) -> Chart:
    """Return the curves of one training, or of several: name, CSS class, training, and its number of epochs."""
    series = []
    for name, style, each, _epochs in trained:
        train = [(float(epoch.epoch), epoch.train) for epoch in each.epochs if epoch.train]
        valid = [(float(epoch.epoch), epoch.valid) for epoch in each.epochs if epoch.valid]
        series.append(Series(f"{name}training", f"{style} train", [*train, *each.running]))
        series.append(Series(f"{name}validation", f"{style} valid", valid, dots=True))
    return Chart(title, series, max(epochs for *_rest, epochs in trained))


def eta_of(found: Object, now: datetime) -> str:
    """Return when the training is done, with the time until then."""
    eta = (status_of(found).get("training") or {}).get("eta")
    if not eta or not is_training(found):
        return ""
    try:
        done = (now + timedelta(seconds=parse_duration(eta).total_seconds())).astimezone()
    except ValueError:
        return ""
    return f"{eta} to go, done at about {done:%H:%M}"


def evidence_of(found: Object, reads: Reads, now: datetime) -> dict[str, Any]:
    """Return the diagnosis of `scriptmodel why`, as a value."""
    uid, where = found["metadata"]["uid"], found["metadata"]["namespace"]
    names = [str(each["name"]) for each in status_of(found).get("pipelines") or []]
    listing = f"/apis/events.k8s.io/v1/namespaces/{where}/events?fieldSelector=regarding.uid={uid}"
    of_them = f"suite%3Dpachyderm%2CpipelineName%20in%20%28{'%2C'.join(names)}%29"
    settled = tone_of(found) != "working"
    every = _EVIDENCE_SECONDS * (6 if settled else 1)
    stamp = (uid, found["metadata"]["resourceVersion"] if settled else "")
    events = reads.get(("events", *stamp), lambda: reads.items("events", listing), every=every).value or []
    pods = jobs_found = None
    if names:
        path = f"/api/v1/pods?labelSelector={of_them}"
        pods = reads.get(("pods", uid), lambda: reads.items("worker pods", path), every=every).value
        jobs_found = reads.get(("jobs", *stamp), lambda: jobs(reads.gateway, parsed(found)), every=every).value
    newest = sorted(events, key=lambda each: str(each.get("eventTime") or ""))[-_EVENTS:]
    value = as_value(found, events=newest[::-1], jobs=[job_row(job) for job in jobs_found or ()], pods=pods or ())
    for each in value["events"]:
        each["age"] = age(each["eventTime"], now) if each["eventTime"] else ""
    value["ages"] = {each["type"]: age(each["lastTransitionTime"], now) for each in value["conditions"]}
    value["meaning"] = next((each.doc for each in Reason if each.value == value["reason"]), "")
    return value


def lineage_of(found: Object) -> list[dict[str, str]]:
    """Return the steps from the corpus to the script, with the pages of their commits."""
    spec, status = found["spec"], status_of(found)
    lineage, trained, script = (status.get(part) or {} for part in ("lineage", "training", "script"))
    corpus = spec.get("corpus") or {}
    source = (corpus.get("repo") or {}).get("name") or (corpus.get("configMap") or {}).get("name") or "files by URL"
    base = (spec.get("model") or {}).get("from") or {}
    steps = [("corpus", "Corpus", str(source)), ("model", "Model", str(spec["model"].get("preset", "")))]
    if base or lineage.get("base"):
        steps.insert(1, ("base", "Base model", str((base.get("scriptModel") or base).get("name", "")) or "a commit"))
    words = f"{script['words']:,} words" if script.get("words") else "not written yet"
    steps.append(("script", "Script", words))
    if trained.get("epochProgress") and is_training(found):
        steps = [
            (kind, title, f"{text}, epoch {trained['epochProgress']}" if kind == "model" else text)
            for kind, title, text in steps
        ]
    return [
        {
            "kind": kind,
            "title": title,
            "text": text,
            "commit": short_id(str((lineage.get(kind) or {}).get("commit") or "")),
            "href": href_of(found, "script") if kind == "script" and script else commit_path(lineage.get(kind) or {}),
            "files": commit_path(lineage.get(kind) or {}) if kind == "script" else "",
        }
        for kind, title, text in steps
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
