"""What each page shows: at once what the object says, and of Pachyderm and the API server what has been read so far."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from aiohttp import web
from click import unstyle

from scriptmodel_cli.changes import settings_of
from scriptmodel_cli.diagnosis import events_path, evidence, meaning_of, next_step, pods_path
from scriptmodel_cli.logs import Training, generation, training
from scriptmodel_cli.options import now
from scriptmodel_cli.screen import progress_of, rows_of
from scriptmodel_cli.text import condition, is_observed
from scriptmodel_cli.ui.model import Model, Place
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.web.site import Values
from scriptmodel_operator.engine.values import RepoRef

READS = web.AppKey("reads", Reads)
_LIVE_SECONDS, _SLOW_SECONDS = 1.0, 5.0


def reads_of(request: web.Request) -> Reads:
    """Return what the visitor may read. All pages ask here, so that a login could give each one their own rights."""
    return request.app[READS]


async def _models(request: web.Request) -> dict[str, Model]:
    return (await reads_of(request).objects()).value or {}


async def all_models(request: web.Request) -> Values:
    models = (await _models(request)).values()
    tones = [m.tone for m in models]
    return {
        "title": "ScriptModels",
        "models": models,
        "counts": {tone: tones.count(tone) for tone in ("working", "ready", "stalled", "paused")},
        "namespace": reads_of(request).namespace,
    }


async def one_model(request: web.Request) -> Values:
    """From the corpus to the script: curve, logs, script and diagnosis."""
    key = "{namespace}/{name}".format(**request.match_info)
    if (m := (await _models(request)).get(key)) is None:
        raise web.HTTPNotFound(text=f"There is no ScriptModel {key}, or you may not read it.")
    reads, ready = reads_of(request), condition(m.found)
    started, every = m.training.get("startTime"), 0 if m.training.get("completionTime") else _LIVE_SECONDS
    trained = reads.of(m, "training", lambda pachd: training(pachd, m.found), started, every if started else 0)
    every = _SLOW_SECONDS if m.tone == "working" else 0
    generated = reads.of(m, "generation", lambda pachd: generation(pachd, m.found), m.tone, every)
    train = trained.value or Training()
    script, path = m.place("script"), PurePosixPath(m.script.get("path", ""))
    return {
        "title": f"{m.name} · ScriptModel",
        "m": m,
        "meaning": meaning_of(ready),
        "current": is_observed(m.found),
        "next": next_step(m.found, m.reason),
        "evidence": _evidence(m, reads),
        "search": _search(m.status.get("search") or {}) if m.spec.get("search") else None,
        "trained": trained,
        "epochs": train.curve.epochs,
        "logs": {"train": train, "generate": generated.value or Training()},
        "script": f"{script.path}/file?path={quote(str(path.with_suffix('.html')))}" if script and path.name else "",
        "settings": settings_of(m.spec),
    }


def _search(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sentence and the table of a search, whose report has all trials."""
    heads, *rows = rows_of(search.get("top") or [])
    return {"text": progress_of(search).strip("."), "heads": heads, "rows": [[*map(unstyle, row)] for row in rows]}


def _evidence(m: Model, reads: Reads) -> list[tuple[Any, list[list[str]]]]:
    paths = {"events": events_path(m.found), "pods": pods_path(m.found)}
    read = {name: reads.listed(m, name, path).value or () for name, path in paths.items() if path}
    tables = evidence(m.found, now(), **read, widest=1000)
    return [(heads, [[*map(unstyle, row)] for row in rows]) for heads, rows in tables]


async def one_commit(request: web.Request) -> Values:
    place = place_of(request)
    files = await reads_of(request).now(lambda gateway: gateway.walk_files(place.repo, place.commit))
    return {"title": f"Commit {place.commit[:8]} of {place.repo}", "place": place, "files": files}


def place_of(request: web.Request) -> Place:
    project, repo, commit = (request.match_info[part] for part in ("project", "repo", "commit"))
    return Place(RepoRef(project, repo), commit)
