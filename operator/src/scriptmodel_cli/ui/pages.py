"""What each page shows."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from scriptmodel_cli.session import parsed
from scriptmodel_cli.training import Training, epochs, training
from scriptmodel_cli.ui import views
from scriptmodel_cli.ui.model import Model, Place, settings_of
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.scripts import Sample, parts_of, read_samples
from scriptmodel_cli.web.scripts import colours_of
from scriptmodel_cli.web.site import Values
from scriptmodel_cli.web.training import Curve, chart_of
from scriptmodel_operator.api.text import short_id
from scriptmodel_operator.observe.files import SampleFigures
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import RepoRef

READS = web.AppKey("reads", Reads)
_TONES = ("working", "ready", "stalled", "paused")
_SHORT_SCRIPT, _SKETCHES = 14, 9
"""Paragraphs of a script, and lines that epochs wrote, on the page of a model."""
_MAX_BYTES = 8 << 20


def reads_of(request: web.Request) -> Reads:
    """Return what the visitor may read. All pages ask here, so that a login could give each one their own rights."""
    return request.app[READS]


async def _models(request: web.Request) -> dict[str, Model]:
    """Return all ScriptModels by NAMESPACE/NAME."""
    return (await reads_of(request).objects()).value or {}


async def _found(request: web.Request) -> Model:
    """Return the model of an address. Raises HTTPNotFound without one."""
    key = "{namespace}/{name}".format(**request.match_info)
    if found := (await _models(request)).get(key):
        return found
    raise web.HTTPNotFound(text=f"There is no ScriptModel {key}, or you may not read it.")


async def all_models(request: web.Request) -> Values:
    """Return a row for each ScriptModel."""
    models, reads = (await _models(request)).values(), reads_of(request)
    tones = [each.tone for each in models]
    return {
        "title": "ScriptModels",
        "rows": [(m, views.spark_of(m, reads), parts_of(views.last_lines_of(m, reads))) for m in models],
        "counts": {tone: tones.count(tone) for tone in _TONES},
        "namespace": reads.namespace,
    }


async def one_model(request: web.Request) -> Values:
    """From the corpus to the script: curve, logs, script, diagnosis, and earlier models."""
    m, reads = await _found(request), reads_of(request)
    trained, generated = views.training_of(m, reads), views.generation_of(m, reads)
    train, newest = trained.value or Training(), m.place("model")
    return {
        "title": f"{m.name} · ScriptModel",
        "m": m,
        "other_pachd": reads.other_pachd(m.namespace),
        "why": views.evidence_of(m, reads),
        "search": views.search_of(m, reads, request.query.get("sort", "")),
        "trained": trained,
        "curve": train.curve,
        "logs": {"train": train, "generate": generated},
        "chart": chart_of([("", train.curve, m.training.get("epochs") or 0)]),
        "newest": newest,
        "report": f"{newest.path}/file?path=/report.html" if newest else "",
        "parts": parts_of(str(m.script.get("excerpt") or ""))[:_SHORT_SCRIPT],
        "sketches": {each.epoch: parts_of(each.sample) for each in train.curve.epochs[:-_SKETCHES:-1] if each.sample},
        "settings": settings_of(m.spec),
    }


async def one_script(request: web.Request) -> Values:
    """Return the samples of one commit, set for reading: one of them, or all side by side as sample 0."""
    m, query = await _found(request), request.query
    newest = m.place("script")
    if newest is None:
        raise web.HTTPNotFound(text=f"{m.name} has no script yet: {m.message}")
    place = Place(newest.repo, query.get("commit") or newest.commit)
    number = query.get("sample", "1")
    sample = int(number) if number.isdecimal() and len(number) < 5 else 1
    values = await _samples(reads_of(request), place, sample, m.script.get("excerpt"))
    title = f"The script of {m.name}"
    return values | {"title": title, "m": m, "place": place, "newer": newest != place, "sample": sample}


async def _samples(reads: Reads, place: Place, chosen: int, excerpt: str | None) -> dict[str, Any]:
    """Return the numbers of a commit's samples, those chosen, and why there is only the excerpt, if so."""
    read = await reads.answer(lambda gateway: read_samples(gateway, place, chosen))
    numbers, samples = read.value or ([], [])
    if read.error and excerpt:
        samples = [Sample(1, parts_of(excerpt), {}, SampleFigures())]
    colours = colours_of(part for each in samples for part in each.parts)
    missing = "" if samples else f"This commit has no sample {chosen}."
    return {"numbers": numbers, "samples": samples, "colours": colours, "error": read.error or missing}


async def two_models(request: web.Request) -> Values:
    """Return the newest models of two objects, or NAMESPACE/NAME@COMMIT of an object's history, side by side."""
    models, keys = await _models(request), (request.query.get("a", ""), request.query.get("b", ""))
    chosen = [(m, key.partition("@")[2]) for key in keys if (m := models.get(key.partition("@")[0]))]
    sides = [side for m, commit in chosen if (side := await _side(reads_of(request), m, commit))]
    known = [part for part in ("spec", "used") if all(side[part] for side in sides)]
    settings = _rows([{name: value for part in known for name, value in side[part].items()} for side in sides])
    return {
        "title": "Two models",
        "sides": sides,
        "keys": keys,
        "figures": _rows([side["figures"] for side in sides]),
        "changed": [row for row in settings if row[1] != row[-1]],
        "same": [row[:2] for row in settings if row[1] == row[-1]],
        "chart": chart_of([(f"{side['name']}, ", side["curve"], side["epochs"]) for side in sides]),
        "choices": sorted({*models, *(f"{m.key}@{commit}" for m, _ in chosen for commit in m.history)}),
    }


def _rows(columns: list[dict[str, str]]) -> list[tuple[str, ...]]:
    """Return the rows of a table that has the names of all values in its first column."""
    names = dict.fromkeys(name for column in columns for name in column)
    return [(name, *(column.get(name) or "–" for column in columns)) for name in names]


async def _side(reads: Reads, m: Model, commit: str) -> dict[str, Any] | None:
    """Return what the page shows of a model, or of an older one of its history; None if it does not exist."""
    if commit and commit not in m.history:
        return None
    # All commits that a push to the corpus leads to have one id.
    place, script = (m.place(kind, commit) for kind in ("model", "script"))
    at = place if commit or m.spec.get("search") else None
    read = await reads.answer(lambda gateway: _curve(gateway, at) if at else training(gateway, parsed(m.found)).curve)
    used = await reads.answer(lambda gateway: _trained_with(gateway, place) if place else {})
    written: dict[str, Any] = {"samples": [], "colours": {}, "error": "No script yet."}
    if script:
        written = await _samples(reads, script, 1, None if commit else m.script.get("excerpt"))
    curve, best, total = read.value or Curve(), m.training.get("perplexity") or {}, m.training.get("epochs")
    figures = m.history[commit] if commit else {"perplexity": best.get("best"), "testPerplexity": best.get("test")}
    return written | {
        "name": f"{m.name} ({short_id(commit)})" if commit else m.name,
        "m": m,
        "curve": curve,
        "epochs": 0 if commit else total or 0,
        "spec": {} if commit else settings_of(m.spec),
        "used": settings_of(used.value, "trained") if used.value else {},
        "figures": {
            "lowest validation perplexity": figures.get("perplexity"),
            "test perplexity": figures.get("testPerplexity"),
            "epochs": f"{len(curve.epochs)} of {total}" if total and not commit else str(len(curve.epochs)),
            "the judge": next((each.verdict for each in written["samples"]), ""),
        },
    }


def _curve(gateway: Gateway, place: Place) -> Curve:
    return Curve(epochs(gateway, place.repo, place.commit))


def _trained_with(gateway: Gateway, place: Place) -> dict[str, Any]:
    """Return the settings of a finished model, with those that `auto` chose."""
    found = json.loads(gateway.read_file(place.repo, place.commit, "/model.json", _MAX_BYTES))
    return {**{key: found[key] for key in ("preset", "seed", "temperature") if key in found}, **found["parameters"]}


async def one_commit(request: web.Request) -> Values:
    """Return the files of a commit."""
    place = place_of(request)
    listed = await reads_of(request).answer(lambda gateway: gateway.walk_files(place.repo, place.commit))
    return {"title": f"Commit {place.commit[:8]} of {place.repo}", "place": place, "listed": listed}


def place_of(request: web.Request) -> Place:
    """Return the commit of an address."""
    project, repo, commit = (request.match_info[part] for part in ("project", "repo", "commit"))
    return Place(RepoRef(project, repo), commit)
