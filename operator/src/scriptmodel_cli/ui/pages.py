"""What each page shows: at once what the object says, and of Pachyderm and the API server what has been read so far."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from click import unstyle

from scriptmodel_cli.commands.why import jobs_of
from scriptmodel_cli.diagnosis import as_value, events_path, evidence, pods_path
from scriptmodel_cli.leaderboard import progress_of, rows_of
from scriptmodel_cli.options import now
from scriptmodel_cli.training import Training, epochs, generation, training
from scriptmodel_cli.ui.model import Model, Place, settings_of
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.ui.scripts import Sample, parts_of, read_parts, read_samples
from scriptmodel_cli.web.charts import spark
from scriptmodel_cli.web.scripts import Part, colours_of
from scriptmodel_cli.web.site import Values
from scriptmodel_operator.engine.values import RepoRef
from scriptmodel_operator.observe.trainer_files import SampleFigures

READS = web.AppKey("reads", Reads)
_LIVE_SECONDS, _SLOW_SECONDS = 1.0, 5.0
_LAST_LINES = 3


def reads_of(request: web.Request) -> Reads:
    """Return what the visitor may read. All pages ask here, so that a login could give each one their own rights."""
    return request.app[READS]


async def _models(request: web.Request) -> dict[str, Model]:
    return (await reads_of(request).objects()).value or {}


async def _found(request: web.Request) -> Model:
    key = "{namespace}/{name}".format(**request.match_info)
    if found := (await _models(request)).get(key):
        return found
    raise web.HTTPNotFound(text=f"There is no ScriptModel {key}, or you may not read it.")


async def all_models(request: web.Request) -> Values:
    models, reads = (await _models(request)).values(), reads_of(request)
    tones = [m.tone for m in models]
    return {
        "title": "ScriptModels",
        "rows": [(m, _spark(m, reads), _last_lines(m, reads)) for m in models],
        "counts": {tone: tones.count(tone) for tone in ("working", "ready", "stalled", "paused")},
        "namespace": reads.namespace,
    }


def _spark(m: Model, reads: Reads) -> str:
    """Return the sparkline of validation perplexity: of the training in progress, else of the model."""
    place, started = m.place("model"), m.training.get("startTime")
    if m.trains:
        known = reads.of(m, "curve", lambda pachd: training(pachd, m.found).curve.epochs, started, _SLOW_SECONDS)
    elif place:
        known = reads.of(m, "curve", lambda pachd: epochs(pachd, place.repo, place.commit), place)
    else:
        return ""
    return spark([each.valid for each in known.value or ()])


def _last_lines(m: Model, reads: Reads) -> list[Part]:
    """Return the last lines of the newest script, of its excerpt as long as the rest is not read; else a sample."""
    place, path = m.place("script"), str(m.script.get("path", ""))
    parts = parts_of(str(m.script.get("excerpt") or m.training.get("sample") or ""))[-_LAST_LINES:]
    if place and path:
        return reads.of(m, "end", lambda pachd: read_parts(pachd, place, path)[-_LAST_LINES:], place).value or parts
    return parts


async def one_model(request: web.Request) -> Values:
    """From the corpus to the script: curve, logs, script, diagnosis, and earlier models."""
    m, reads = await _found(request), reads_of(request)
    trained, every = _trained(m, reads), _SLOW_SECONDS if m.tone == "working" else 0
    train = trained.value or Training()
    generate = reads.of(m, "generation", lambda pachd: generation(pachd, m.found), m.tone, every).value or Training()
    return {
        "title": f"{m.name} · ScriptModel",
        "m": m,
        "other_pachd": reads.other_pachd(m),
        "why": _evidence(m, reads),
        "search": _search(m.status.get("search") or {}) if m.spec.get("search") else None,
        "trained": trained,
        "epochs": train.curve.epochs,
        "logs": {"train": train, "generate": generate},
        "settings": settings_of(m.spec),
    }


def _trained(m: Model, reads: Reads) -> Answer[Training]:
    version = started, ended = m.training.get("startTime"), m.training.get("completionTime")
    if not started:
        return Answer(Training())
    return reads.of(m, "training", lambda pachd: training(pachd, m.found), version, 0 if ended else _LIVE_SECONDS)


def _search(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sentence and the table of a search, whose report has all trials."""
    heads, *rows = rows_of(search.get("top") or [])
    return {"text": progress_of(search).strip("."), "heads": heads, "rows": [[*map(unstyle, row)] for row in rows]}


def _evidence(m: Model, reads: Reads) -> dict[str, Any]:
    read: dict[str, Answer[Any]] = {"events": reads.listed(m, "events", events_path(m.found))}
    if names := [str(each["name"]) for each in m.status.get("pipelines") or []]:
        read["pods"] = reads.listed(m, "pods", pods_path(m.found, names))
        read["jobs"] = reads.of(m, "jobs", lambda pachd: jobs_of(pachd, m.found, names), None, _SLOW_SECONDS)
    tables = evidence(m.found, now(), **{name: each.value or () for name, each in read.items()}, widest=1000)
    return as_value(m.found) | {"tables": [(heads, [[*map(unstyle, row)] for row in rows]) for heads, rows in tables]}


async def one_script(request: web.Request) -> Values:
    """Return the samples of one commit, set for reading: one of them, or all side by side as sample 0."""
    m, query = await _found(request), request.query
    newest = m.place("script")
    if newest is None:
        raise web.HTTPNotFound(text=f"{m.name} has no script yet: {m.message}")
    place = Place(newest.repo, query.get("commit") or newest.commit)
    excerpt = m.script.get("excerpt") if place == newest else None
    values = await _samples(reads_of(request), place, query.get("sample", "1"), excerpt)
    return values | {"title": f"The script of {m.name}", "m": m, "place": place, "newer": newest != place}


async def _samples(reads: Reads, place: Place, chosen: str, excerpt: str | None) -> dict[str, Any]:
    read = await reads.answer(lambda gateway: read_samples(gateway, place, chosen))
    numbers, samples = read.value or ([], [])
    if read.error and excerpt and chosen in ("0", "1"):
        samples = [Sample(1, parts_of(excerpt), {}, SampleFigures())]
    colours = colours_of(part for each in samples for part in each.parts)
    missing = "" if samples else f"This commit has no sample {chosen}."
    error = read.error or missing
    return {"numbers": numbers, "chosen": chosen, "samples": samples, "colours": colours, "error": error}


async def one_commit(request: web.Request) -> Values:
    place = place_of(request)
    listed = await reads_of(request).answer(lambda gateway: gateway.walk_files(place.repo, place.commit))
    return {"title": f"Commit {place.commit[:8]} of {place.repo}", "place": place, "listed": listed}


def place_of(request: web.Request) -> Place:
    project, repo, commit = (request.match_info[part] for part in ("project", "repo", "commit"))
    return Place(RepoRef(project, repo), commit)
