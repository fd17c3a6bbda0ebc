"""Renders the full status of a ScriptModel on one screen. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from scriptmodel_cli.output import style
from scriptmodel_cli.text import Object, age, bar, coloured, condition, is_observed, parse_time, table
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.values import commit_of

_BAR_WIDTH = 20
_WIDEST_MESSAGE = 400
_EXCERPT_LINES = 8
_WIDEST_SAMPLE = 100
_FIGURES = {"best": "best", "test": "test", "valid": "validation", "train": "training", "running": "running"}
"""Fields of status.training.perplexity and their display names."""
Trial = Mapping[str, Any]
"""An item of status.search.top."""
_STATES = {"complete": "green", "running": "yellow", "waiting": None, "failed": "red"}
_WIDEST_REASON = 60
_MISSING = (None, "")


def screen_of(found: Object, now: datetime) -> list[str]:
    status = found.get("status") or {}
    training = status.get("training") or {}
    lines = [*head(found, now)]
    rows = [*_training(training), *facts(training, now), *_lineage(status.get("lineage") or {})]
    lines += ["", *table(rows)] if rows else []
    lines += _search(status.get("search") or {})
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


def line_of(found: Object) -> str:
    """Return one line for a log of changes: the reason, and how far training is or the message."""
    if not is_observed(found):
        return style("Pending", fg="yellow") + " " * 17 + "the operator has not observed the newest spec yet"
    training = (found.get("status") or {}).get("training") or {}
    reason = str(condition(found).get("reason", "Pending"))
    message = one_line(condition(found).get("message", ""), _WIDEST_MESSAGE)
    if reason == "Training" and training.get("epochProgress"):
        sample = (f"sample: {one_line(training['sample'], _WIDEST_SAMPLE)}",) if training.get("sample") else ()
        perplexity = (f"perplexity {text}" for text in filter(None, (_perplexity(training),)))
        message = "  ".join([*_progress(training), *perplexity, *sample])
    return f"{coloured(found, reason)}{' ' * (22 - len(reason))}  {message}"


def _progress(training: Object) -> Iterator[str]:
    """Yield how far a training is, and how fast."""
    yield f"{int(training.get('progressPercent', 0))}%"
    yield f"epoch {training['epochProgress']}"
    if training.get("restarts"):
        yield f"restarted {training['restarts']}x"
    if training.get("wordsPerSecond"):
        yield f"{training['wordsPerSecond']:,} words/s"
    if training.get("eta"):
        yield f"{training['eta']} to go"


def _training(training: Object) -> Iterator[tuple[str, str]]:
    if training.get("epochProgress"):
        drawn = bar(int(training.get("progressPercent", 0)), _BAR_WIDTH)
        yield "training", f"{drawn} {'  '.join(_progress(training))}"


def facts(training: Object, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what a screen and a page show of a training by its title."""
    if elapsed := _elapsed(training, now):
        yield "time", elapsed
    if figures := _perplexity(training):
        yield "perplexity", figures
    device = training.get("device") or {}
    if name := device.get("name") or device.get("kind"):
        yield "device", f"{name} {device.get('precision') or ''}".strip()
    if training.get("restarts"):
        yield "restarts", str(training["restarts"])
    if training.get("sample"):
        yield "sample", one_line(training["sample"], _WIDEST_SAMPLE)


def _elapsed(training: Object, now: datetime) -> str:
    if not training.get("startTime"):
        return ""
    end = training.get("completionTime")
    seconds = ((parse_time(end) if end else now) - parse_time(training["startTime"])).total_seconds()
    parts = [f"{format_duration(seconds)}{'' if end else ' so far'}"]
    if training.get("gpuSeconds"):
        parts.append(f"{training['gpuSeconds']} GPU-seconds")
    return ", ".join(parts)


def _perplexity(training: Object) -> str:
    figures = training.get("perplexity") or {}
    return ", ".join(f"{name} {figures[kind]}" for kind, name in _FIGURES.items() if figures.get(kind))


def _lineage(lineage: Object) -> list[tuple[str, str]]:
    """Return what the script was made from: commits, or a base by its name."""
    found = [(kind, commit_of(lineage[kind])) for kind in ("corpus", "base", "model", "script") if lineage.get(kind)]
    return [(kind, f"{repo}@{short_id(commit)}" if repo.name else commit) for kind, (repo, commit) in found]


def _search(search: Object) -> list[str]:
    if not search:
        return []
    top = search.get("top") or []
    return ["", f"search {progress_of(search)}", *(["", *table(rows_of(top))] if top else [])]


def _script(script: Object) -> list[str]:
    if not script:
        return []
    length = f", {script['words']} words" if script.get("words") else ""
    chosen = f", written at temperature {script['temperature']}" if script.get("temperature") else ""
    judged = f", {words}" if (words := verdict(script.get("score") or {})) else ""
    excerpt = str(script.get("excerpt", "")).splitlines()[:_EXCERPT_LINES]
    head = f"The script has {script.get('sizeBytes', 0)} bytes{length}{chosen}{judged}. It begins:"
    return ["", head, *(f"  {line}" for line in excerpt)]


def _cells(trial: Trial) -> dict[str, str]:
    known = {field: value for field, value in trial.items() if value not in _MISSING}

    def figure(field: str, form: Callable[[float], str]) -> str:
        return form(float(known[field])) if field in known else ""

    return {
        "TRIAL": str(int(trial["trial"])),
        "STATE": style(trial["state"], fg=_STATES.get(trial["state"])),
        "EPOCHS": "/".join(str(known[field]) for field in ("epochs", "epochsTotal") if field in known),
        "PERPLEXITY": figure("perplexity", "{:.1f}".format),
        "NATS/CHAR": figure("value", "{:.4f}".format),
        **{name: str(value) for name, value in (trial.get("parameters") or {}).items()},
        "TIME": figure("seconds", format_duration),
        "GPU": figure("gpuSeconds", format_duration),
        "REASON": one_line(
            ": ".join(known[field] for field in ("reason", "message") if field in known), _WIDEST_REASON
        ),
    }


def rows_of(trials: Sequence[Trial]) -> list[list[str]]:
    """Return headers and rows, with a column for each parameter, and none that is empty."""
    rows = [*map(_cells, trials)]
    columns = {head: [row.get(head, "") for row in rows] for row in rows for head in row}
    heads = [head for head, cells in columns.items() if any(cells)]
    return [heads, *([columns[head][number] for head in heads] for number in range(len(rows)))]


def progress_of(search: Mapping[str, Any]) -> str:
    counts = search.get("trials") or {}
    states = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    if not states:
        return "The search has no trials yet."
    time = f"{format_duration(search['seconds'])} of training" if search.get("seconds") else ""
    to_go = f"{format_duration(search['etaSeconds'])} to go" if search.get("etaSeconds") else ""
    gpu = f"{search['gpuSeconds']} GPU-seconds" if search.get("gpuSeconds") else ""
    return f"{search['algorithm']}: {'; '.join(filter(None, (states, time, to_go, gpu)))}"


def verdict(score: Mapping[str, Any]) -> str:
    """Return the judge's two words on a script, as `form good, sense fair`."""
    return ", ".join(f"{name} {score[name]}" for name in ("form", "sense") if score.get(name))
