"""Renders the full status of a ScriptModel on one screen. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from scriptmodel_cli.charts import bar
from scriptmodel_cli.leaderboard import progress_of, rows_of
from scriptmodel_cli.output import style
from scriptmodel_cli.scripts import verdict
from scriptmodel_cli.text import Object, age, coloured, condition, is_observed, parse_time, table
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.values import commit_of

_BAR_WIDTH = 30
_ROW_WIDTH = 67
_EXCERPT_LINES = 8
_WIDEST_SAMPLE = 100
FIGURES = (("best", "best"), ("test", "test"), ("valid", "validation"), ("train", "training"), ("running", "running"))
"""Fields of status.training.perplexity and their display names."""


def screen_of(found: Object, now: datetime) -> list[str]:
    status = found.get("status") or {}
    training = status.get("training") or {}
    lines = [*head(found, now)]
    facts = [
        *_training(training, now),
        *_perplexity(training.get("perplexity") or {}),
        *([("sample", one_line(training["sample"], _WIDEST_SAMPLE))] if training.get("sample") else []),
        *_lineage(status.get("lineage") or {}),
    ]
    lines += ["", *table(facts)] if facts else []
    lines += _search(status.get("search") or {})
    lines += _history(status.get("history") or [], now)
    lines += _script(status.get("script") or {})
    return lines


def head(found: Object, now: datetime) -> Iterator[str]:
    metadata, ready = found["metadata"], condition(found)
    name = style(f"{metadata['namespace']}/{metadata['name']}", bold=True)
    yield f"{name}   preset {preset_of(found)}, {age(metadata['creationTimestamp'], now)} old"
    reason = coloured(found, ready.get("reason", "Pending"))
    yield f"{reason}: {ready.get('message', 'not reconciled yet')}"
    if not is_observed(found):
        yield "The operator has not observed the newest spec yet."


def preset_of(found: Object) -> str:
    preset = str(found["spec"]["model"]["preset"])
    chosen = ((found.get("status") or {}).get("training") or {}).get("preset")
    return f"{preset} ({chosen})" if chosen else preset


def _training(training: Object, now: datetime) -> list[tuple[str, str]]:
    if not training.get("epochProgress"):
        return []
    percent = int(training.get("progressPercent", 0))
    parts = [f"{bar(percent, _BAR_WIDTH)} {percent}%", f"epoch {training['epochProgress']}"]
    if training.get("wordsPerSecond"):
        parts.append(f"{training['wordsPerSecond']:,} words/s")
    return [("training", "  ".join(parts)), *facts(training, now)]


def facts(training: Object, now: datetime) -> Iterator[tuple[str, str]]:
    if elapsed := _elapsed(training, now):
        yield "time", elapsed
    device = training.get("device") or {}
    if name := device.get("name") or device.get("kind"):
        yield "device", f"{name} {device.get('precision') or ''}".strip()
    if training.get("stoppedBy"):
        yield "ended by", training["stoppedBy"]
    if training.get("restarts"):
        yield "restarts", _restarts(training)


def _restarts(training: Object) -> str:
    at = training.get("resumedAt")
    resumed = f", resumed at {float(at['share']):.0%} of epoch {at['epoch']}" if at else ""
    return f"{training['restarts']}{resumed}"


def _elapsed(training: Object, now: datetime) -> str:
    if not training.get("startTime"):
        return ""
    end = training.get("completionTime")
    seconds = ((parse_time(end) if end else now) - parse_time(training["startTime"])).total_seconds()
    parts = [f"{format_duration(seconds)}{'' if end else ' so far'}"]
    if training.get("eta"):
        parts.append(f"{training['eta']} to go")
    if training.get("gpuSeconds"):
        parts.append(f"{training['gpuSeconds']} GPU-seconds")
    return ", ".join(parts)


def _perplexity(figures: Object) -> list[tuple[str, str]]:
    """Return the figures in rows that fit on a terminal of 80 columns; only the first row has the title."""
    rows: list[tuple[str, str]] = []
    for part in (f"{name} {figures[kind]}" for kind, name in FIGURES if figures.get(kind)):
        if rows and len(rows[-1][1]) + len(part) + 2 <= _ROW_WIDTH:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]}, {part}")
        else:
            rows.append(("" if rows else "perplexity", part))
    return rows


def _lineage(lineage: Object) -> list[tuple[str, str]]:
    """Return what the script was made from: commits, or a base by its name."""
    found = [(kind, commit_of(lineage[kind])) for kind in ("corpus", "base", "model", "script") if lineage.get(kind)]
    return [(kind, f"{repo}@{short_id(commit)}" if repo.name else commit) for kind, (repo, commit) in found]


def _search(search: Object) -> list[str]:
    if not search:
        return []
    top = search.get("top") or []
    return ["", f"search {progress_of(search)}", *(["", *table(rows_of(top))] if top else [])]


def _history(history: Sequence[Object], now: datetime) -> list[str]:
    if len(history) < 2:
        return []
    rows = [("MODEL", "GENERATION", "PERPLEXITY", "FINISHED")]
    for entry in history:
        finished = entry.get("finished")
        ago = f"{age(finished, now)} ago" if finished else ""
        generation = str(entry.get("generation", ""))
        commit = short_id(str(entry.get("modelCommit")))
        rows.append((commit, generation, str(entry.get("perplexity", "")), ago))
    return ["", *table(rows)]


def _script(script: Object) -> list[str]:
    if not script:
        return []
    length = f", {script['words']} words" if script.get("words") else ""
    chosen = f", written at temperature {script['temperature']}" if script.get("temperature") else ""
    judged = f", {words}" if (words := verdict(script.get("score") or {})) else ""
    excerpt = str(script.get("excerpt", "")).splitlines()[:_EXCERPT_LINES]
    head = f"The script has {script.get('sizeBytes', 0)} bytes{length}{chosen}{judged}. It begins:"
    return ["", head, *(f"  {line}" for line in excerpt)]
