"""The server of `scriptmodel ui`: addresses, and what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
from aiohttp import web
from aiohttp.typedefs import Handler

from scriptmodel_cli.output import escaped
from scriptmodel_cli.ui import pages
from scriptmodel_cli.ui.pages import Values, Visitor, place_of
from scriptmodel_cli.ui.reads import words_of
from scriptmodel_cli.ui.trainers import Trainers
from scriptmodel_cli.web.gate import SANDBOX, Gate
from scriptmodel_cli.web.live import answer
from scriptmodel_cli.web.rendering import STATIC, environment, whole_page
from scriptmodel_operator.pachyderm.errors import PachydermError

_COMMIT = "/commits/{project:[A-Za-z0-9_-]+}/{repo:[A-Za-z0-9_-]+}/{commit:[A-Za-z0-9_-]+}"
"""The path of a commit's page. Its parts become a path on this machine, so only characters of valid names match."""
_MAX_DOWNLOAD = 64 << 20
_LINKS = [("/", "All models"), ("/compare", "Compare")]
_TEMPLATES = environment(__package__ or "", escaped)
VISITOR = web.AppKey("visitor", Visitor)


def application(visitor: Visitor, trainer: Path | None, gate: Gate) -> web.Application:
    """Return the application of one visitor; `trainer` is the environment to write with, None to look for one."""
    app = web.Application(middlewares=[_errors_as_pages, gate.checks()])
    app[VISITOR] = visitor
    app.on_response_prepare.append(gate.secure)
    model, trainers = "/models/{namespace}/{name}", Trainers(visitor.reads, trainer)

    async def close(_app: web.Application) -> None:
        await trainers.close()
        await visitor.reads.close()

    async def start(request: web.Request) -> web.Response:
        """Start the trainer's pages of a model, with a page that says so until they are there."""
        place = place_of(request)
        if trainers.start(place):
            raise web.HTTPFound(f"{place.path}/write/1/write")
        response = _message(visitor, "One moment", "Fetching the model and starting the trainer…")
        response.headers["Refresh"] = "1"
        return response

    async def trained(request: web.Request) -> web.StreamResponse:
        return await trainers.proxy(request, place_of(request))

    app.on_cleanup.append(close)
    app.add_routes(
        [
            web.get("/", _page("models.html", "ScriptModels", pages.all_models, 2.0)),
            web.get("/compare", _page("compare.html", "Two models", pages.two_models)),
            web.get(model, _page("model.html", "{name} · ScriptModel", pages.one_model, 1.0)),
            web.get(f"{model}/script", _page("script.html", "The script of {name}", pages.one_script)),
            web.get(_COMMIT, _page("commit.html", "Commit {commit:.8} of {project}/{repo}", pages.one_commit)),
            web.get(f"{_COMMIT}/file", _file),
            web.get(f"{_COMMIT}/write", start),
            web.route("*", f"{_COMMIT}/write/{{path:.*}}", trained),
            web.static("/static", STATIC),
        ]
    )
    return app


def _page(
    template: str, title: str, values: Callable[[Visitor, web.Request], Awaitable[Values]], every: float = 0.0
) -> Handler:
    """Return what answers with a page, which is looked at again after `every` seconds as long as it is open."""

    async def handle(request: web.Request) -> web.StreamResponse:
        visitor = request.app[VISITOR]

        async def content() -> str:
            found = await values(visitor, request)
            problem = (await visitor.reads.objects()).error
            return _TEMPLATES.get_template(template).render(found, problem=problem)

        def whole(html: str) -> str:
            return _whole(visitor, title.format(**request.match_info), html, here=request.path, live=bool(every))

        with visitor.reads.changes() as changed:
            return await answer(request, content, whole, changed, every)

    return handle


async def _file(request: web.Request) -> web.Response:
    """Answer with a file of a commit: as text, as a page without scripts, or to save."""
    place, path, reads = place_of(request), request.query.get("path", ""), request.app[VISITOR].reads
    try:
        size = await reads.now(lambda gateway: gateway.file_size(place.repo, place.commit, path))
        if size > _MAX_DOWNLOAD:
            raise web.HTTPRequestEntityTooLarge(_MAX_DOWNLOAD, size, text="Use pachctl get file for so large a file.")
        content = await reads.now(lambda gateway: gateway.read_file(place.repo, place.commit, path, _MAX_DOWNLOAD))
    except (PachydermError, click.ClickException) as error:
        raise web.HTTPNotFound(text=words_of(error)) from error
    name = path.rpartition("/")[2]
    if request.query.get("save"):
        plain = "".join(char if char.isalnum() or char in "._-" else "_" for char in name)
        headers = {"Content-Disposition": f'attachment; filename="{plain}"'}
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)
    kind = "text/html" if name.endswith(".html") else "text/plain"
    return web.Response(body=content, content_type=kind, charset="utf-8", headers={"Content-Security-Policy": SANDBOX})


@web.middleware
async def _errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error with a page; without the right to enter with plain text."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPRequestEntityTooLarge, web.HTTPBadGateway) as error:
        own = isinstance(error.text, str) and not error.text.startswith(str(error.status))
        text = error.text if own else f"There is no page {request.path}."
        return _message(request.app[VISITOR], error.reason, text or "", error.status)


def _message(visitor: Visitor, title: str, text: str, status: int = 200) -> web.Response:
    html = _TEMPLATES.get_template("message.html").render(title=title, text=text)
    return web.Response(text=_whole(visitor, title, html), content_type="text/html", status=status)


def _whole(visitor: Visitor, title: str, content: str, **values: Any) -> str:
    return whole_page(_TEMPLATES, title, content, base="", home="/", links=_LINKS, who=visitor.server, **values)
