"""The server of `scriptmodel ui`: addresses, and what they answer."""

import click
from aiohttp import web
from aiohttp.typedefs import Handler

from scriptmodel_cli.options import now
from scriptmodel_cli.output import escaped
from scriptmodel_cli.text import age
from scriptmodel_cli.ui import pages
from scriptmodel_cli.ui.pages import READS, place_of, reads_of
from scriptmodel_cli.ui.reads import Reads, words_of
from scriptmodel_cli.web.entrance import Entrance
from scriptmodel_cli.web.gate import SANDBOX, Gate
from scriptmodel_cli.web.rendering import STATIC, environment
from scriptmodel_cli.web.site import Site, Values
from scriptmodel_operator.engine.errors import EngineError, NotFoundError

_COMMIT = "/commits/{project:[A-Za-z0-9_-]+}/{repo:[A-Za-z0-9_-]+}/{commit:[A-Za-z0-9_-]+}"
"""The path of a commit's page."""
_MAX_DOWNLOAD = 64 << 20
_LINKS = [("/", "All models")]


def application(reads: Reads, who: str, port: int, entrance: Entrance) -> web.Application:
    """Return the application of one visitor, shown as `who`."""

    async def layout(request: web.Request) -> Values:
        error = (await reads_of(request).objects()).error
        problem = f"The API server does not answer, so this page may be out of date: {error}. Retrying."
        return {"base": "", "home": "/", "links": _LINKS, "who": who, "problem": problem if error else ""}

    templates = environment(__package__ or "", escaped, age=lambda at: age(at, now()))
    site, gate = Site(templates, layout, entrance.pages), Gate(port, entrance)

    @web.middleware
    async def messages_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with a page instead of a line of text, except to those who may not enter."""
        try:
            return await handler(request)
        except (EngineError, click.ClickException) as error:
            values = {"title": "It cannot be read", "text": words_of(error)}
            return await site.answer(request, "message.html", values, 404 if isinstance(error, NotFoundError) else 502)
        except (web.HTTPNotFound, web.HTTPRequestEntityTooLarge) as error:
            own = error.text and not error.text.startswith(str(error.status))
            text = error.text if own else f"There is no page {request.path.removeprefix(site.base)}."
            return await site.answer(request, "message.html", {"title": error.reason, "text": text}, error.status)

    app, outer = web.Application(middlewares=[messages_as_pages]), web.Application(middlewares=[gate.checks()])
    app[READS] = reads
    outer.on_response_prepare.append(gate.secure)
    app.on_cleanup.append(reads.close)
    get = app.router.add_get
    get("/", site.page("models.html", pages.all_models, live=True))
    get("/models/{namespace}/{name}", site.page("model.html", pages.one_model, live=True))
    get(_COMMIT, site.page("commit.html", pages.one_commit))
    get(f"{_COMMIT}/file", _file)
    app.router.add_static("/static", STATIC)
    outer.add_subapp(entrance.pages, app)
    return outer


async def _file(request: web.Request) -> web.Response:
    """Answer with a file of a commit: as text, or as a page without scripts."""
    place, path, reads = place_of(request), request.query.get("path", ""), reads_of(request)
    content = await reads.now(lambda gateway: gateway.read_file(place.repo, place.commit, path, _MAX_DOWNLOAD + 1))
    if len(content) > _MAX_DOWNLOAD:
        raise web.HTTPRequestEntityTooLarge(_MAX_DOWNLOAD, text="Use pachctl get file for so large a file.")
    kind = "text/html" if path.endswith(".html") else "text/plain"
    return web.Response(body=content, content_type=kind, charset="utf-8", headers={"Content-Security-Policy": SANDBOX})
