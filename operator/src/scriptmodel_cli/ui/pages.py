"""What each page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from scriptmodel_cli.ui import views
from scriptmodel_cli.ui.model import Model, Place, settings_of
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.scripts import colours_of, typeset
from scriptmodel_cli.ui.training import Sample, Training, curve_at, read_samples, trained_with
from scriptmodel_cli.web.training import Curve, chart_of
from scriptmodel_operator.api.text import short_id
from scriptmodel_operator.pachyderm.values import RepoRef

Values = dict[str, Any]
_TONES = ("working", "ready", "stalled", "paused")
_SHORT_SCRIPT, _SKETCHES = 14, 9
"""Paragraphs of a script, and lines that epochs wrote, on the page of a model."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Pages get everything from here, so that a login could give each visitor their own rights."""

    server: str
    reads: Reads

    async def models(self) -> dict[str, Model]:
        """Return all ScriptModels by NAMESPACE/NAME."""
        return (await self.reads.objects()).value or {}

    async def found(self, request: web.Request) -> Model:
        """Return the model of an address. Raises HTTPNotFound without one."""
        key = "{namespace}/{name}".format(**request.match_info)
        if found := (await self.models()).get(key):
            return found
        raise web.HTTPNotFound(text=f"There is no ScriptModel {key}, or you may not read it.")


async def all_models(visitor: Visitor, request: web.Request) -> Values:
    """A row for each ScriptModel."""
    del request
    models, reads = (await visitor.models()).values(), visitor.reads
    tones = [each.tone for each in models]
    rows = [(each, views.spark_of(each, reads), views.last_lines_of(each, reads)) for each in models]
    counts = {tone: tones.count(tone) for tone in _TONES if tone in tones}
    return {"rows": rows, "counts": counts, "namespace": reads.namespace}


async def one_model(visitor: Visitor, request: web.Request) -> Values:
    """From the corpus to the script: curve, logs, script, diagnosis, and earlier models."""
    m, reads = await visitor.found(request), visitor.reads
    trained = views.training_of(m, reads)
    train, generate = trained.value or Training(), views.generation_of(m, reads).value or Training()
    newest, epochs = m.place("model"), train.curve.epochs
    return {
        "m": m,
        "other_pachd": reads.other_pachd(m.namespace),
        "why": views.evidence_of(m, reads),
        "search": views.search_of(m, reads, request.query.get("sort", "")),
        "trained": trained,
        "curve": train.curve,
        "logs": [("train", train.job, train.lines), ("generate", generate.job, generate.lines)],
        "chart": chart_of([("", train.curve, m.epochs)]),
        "newest": newest,
        "report": f"{newest.path}/file?path=/report.html" if newest else "",
        "pieces": typeset(m.excerpt)[:_SHORT_SCRIPT],
        "sketches": [(each.epoch, typeset(each.sample)) for each in epochs[:-_SKETCHES:-1] if each.sample],
        "settings": settings_of(m.spec),
    }


async def one_script(visitor: Visitor, request: web.Request) -> Values:
    """The samples of one commit, set for reading: one of them, or all side by side as sample 0."""
    m, query = await visitor.found(request), request.query
    newest = m.place("script")
    if newest is None:
        raise web.HTTPNotFound(text=f"{m.name} has no script yet: {m.message}")
    place = Place(newest.repo, query.get("commit") or newest.commit)
    number = query.get("sample", "1")
    sample = int(number) if number.isdecimal() and len(number) < 5 else 1
    values = await _sheets(visitor.reads, place, sample, m.excerpt)
    return values | {"m": m, "place": place, "newer": newest != place, "sample": sample}


async def _sheets(reads: Reads, place: Place, sample: int, excerpt: str) -> Values:
    """Return the numbers of a commit's samples, those chosen as sheets, and why there is only the excerpt, if so."""
    read = await reads.answer(lambda gateway: read_samples(gateway, place, sample))
    numbers, samples = read.value or ([], [])
    if read.error and excerpt:
        samples = [Sample(1, excerpt, {})]
    colours = colours_of(*(each.text for each in samples))
    sheets = []
    for each in samples:
        downloads = {form: f"{place.path}/file?save=1&path={path}" for form, path in each.forms.items()}
        sheets.append({"sample": each, "pieces": typeset(each.text, colours), "downloads": downloads})
    missing = "" if sheets else f"This commit has no sample {sample}."
    return {"numbers": numbers, "sheets": sheets, "cast": colours.items(), "error": read.error or missing}


async def two_models(visitor: Visitor, request: web.Request) -> Values:
    """The newest models of two objects, or NAMESPACE/NAME@COMMIT of an object's history, beside each other."""
    models, keys = await visitor.models(), (request.query.get("a", ""), request.query.get("b", ""))
    chosen = [(key, model) for key in keys if (model := models.get(key.partition("@")[0]))]
    sides = [side for key, model in chosen if (side := await _side(visitor.reads, model, key.partition("@")[2]))]
    rows = _settings(sides) if sides else []
    older = {f"{model.key}@{each['modelCommit']}" for _, model in chosen for each in model.models() if each["short"]}
    return {
        "sides": sides,
        "keys": keys,
        "rows": rows,
        "changed": sum(row[1] != row[-1] for row in rows),
        "chart": chart_of([(f"{side['name']}, ", side["curve"], side["epochs"]) for side in sides]) if sides else None,
        "choices": sorted({*models, *older}),
    }


async def _side(reads: Reads, model: Model, commit: str) -> Values | None:
    """Return what the page shows of a model, or of an older one of its history; None if it does not exist."""
    entry = next((each for each in model.history if each.get("modelCommit") == commit), None)
    if commit and entry is None:
        return None
    # All commits that a push to the corpus leads to have one id.
    place, script = (model.place(kind, commit) for kind in ("model", "script"))
    at = place if entry or model.spec.get("search") else None
    curve = await reads.answer(lambda gateway: curve_at(gateway, at, model.parsed))
    used = await reads.answer(lambda gateway: trained_with(gateway, place) if place else {})
    sheets: Values = {"sheets": [], "error": "No script yet."}
    if script:
        sheets = await _sheets(reads, script, 1, "" if entry else model.excerpt)
    perplexity = model.training.get("perplexity") or {}
    return sheets | {
        "name": f"{model.name} ({short_id(commit)})" if entry else model.name,
        "m": model,
        "curve": curve.value or Curve(),
        "epochs": 0 if entry else model.epochs,
        "spec": {} if entry else settings_of(model.spec),
        "used": settings_of(used.value, "trained") if used.value else {},
        "figures": entry or {"perplexity": perplexity.get("best"), "testPerplexity": perplexity.get("test")},
        "verdict": next((each["sample"].verdict for each in sheets["sheets"]), ""),
    }


def _settings(sides: list[Values]) -> list[tuple[str, ...]]:
    """Return name and values of each setting, those that differ first: of the specs and of the models, where known."""
    known = [part for part in ("spec", "used") if all(side[part] for side in sides)]
    found = [{name: value for part in known for name, value in side[part].items()} for side in sides]
    rows = [(name, *(each.get(name, "–") for each in found)) for name in sorted({*found[0], *found[-1]})]
    return sorted(rows, key=lambda row: row[1] == row[-1])


async def one_commit(visitor: Visitor, request: web.Request) -> Values:
    """The files of a commit."""
    place = place_of(request)
    return {
        "place": place,
        "listed": await visitor.reads.answer(lambda gateway: gateway.walk_files(place.repo, place.commit)),
    }


def place_of(request: web.Request) -> Place:
    """Return the commit of an address."""
    project, repo, commit = (request.match_info[part] for part in ("project", "repo", "commit"))
    return Place(RepoRef(project, repo), commit)
