"""The server of `scriptmodel ui`: addresses, and what they answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote, unquote

import click
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from scriptmodel_cli.session import Session
from scriptmodel_cli.ui.feed import Feed
from scriptmodel_cli.ui.names import Place, place_of
from scriptmodel_cli.ui.pages import AllModels, OneCommit, OneModel, OneScript, Page, TwoModels, Visitor
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.rendering import render, templates
from scriptmodel_cli.ui.trainers import Trainers
from scriptmodel_cli.ui.views import status_of
from scriptmodel_cli.web.gate import SANDBOX, Gate
from scriptmodel_cli.web.live import follow
from scriptmodel_cli.web.rendering import STATIC, whole_page
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.values import RepoRef

_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Names that Pachyderm accepts."""
_MAX_DOWNLOAD = 64 << 20
_FIRST_LIST_SECONDS = 10.0
_SLOW_SECONDS = 60.0
VISITOR = web.AppKey("visitor", Visitor)


@asynccontextmanager
async def visiting(session: Session, *, all_namespaces: bool) -> AsyncIterator[Visitor]:
    """Watch with the rights of the kubeconfig, as long as the block lasts."""
    connection = session.login()
    client = KubeClient(session.login, UNLIMITED)
    own = session.namespace or connection.default_namespace or "default"
    feed = Feed(client, session.login, "" if all_namespaces else own, own)
    reads = Reads(session, client, feed.notify)
    watching = asyncio.create_task(feed.run())
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(feed.listed.wait(), _FIRST_LIST_SECONDS)
        yield Visitor(connection.server, feed, reads)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        reads.close()
        await client.close()


def application(visitor: Visitor, trainers: Trainers, gate: Gate) -> web.Application:
    """Return the application of one visitor."""
    app = web.Application(middlewares=[_errors_as_pages, gate.checks()])
    app[VISITOR] = visitor
    app.on_response_prepare.append(gate.secure)
    pages = Pages(visitor, trainers)
    app.router.add_get("/live", pages.live)
    app.router.add_get("/commits/{project}/{repo}/{commit}/file", pages.file)
    app.router.add_get("/models/{namespace}/{name}/write", pages.write)
    app.router.add_get("/write/{project}/{repo}/{commit}", pages.start)
    app.router.add_route("*", "/write/{project}/{repo}/{commit}/{path:.*}", pages.trainer)
    app.router.add_static("/static", STATIC)
    app.router.add_get("/{path:.*}", pages.page)
    return app


class Pages:
    """The handlers."""

    def __init__(self, visitor: Visitor, trainers: Trainers) -> None:
        self._visitor, self._trainers = visitor, trainers
        self._all = AllModels(visitor)

    async def page(self, request: web.Request) -> web.Response:
        """Answer with a whole page."""
        page = self._page(request.rel_url.raw_path, request.query)
        live = f"/live?page={quote(str(request.rel_url), safe='')}" if page.every else ""
        return _whole(self._visitor, page.title, await page.content(), live=live, here=request.path)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Answer with the changes of the page whose address is `page`."""
        address = URL(request.query.get("page", "/"), encoded=True)
        page = self._page(address.raw_path, address.query)

        async def content() -> str:
            try:
                return await page.content()
            except web.HTTPNotFound as gone:  # the object was deleted
                return render("message.html", title=gone.reason, text=gone.text, problem="")

        with self._visitor.feed.subscribed() as changed:
            return await follow(request, content, changed, page.every or _SLOW_SECONDS)

    async def file(self, request: web.Request) -> web.Response:
        """Answer with a file of a commit: as text, as a page without scripts, or to save."""
        place, path, reads = _place_of(request), request.query.get("path", ""), self._visitor.reads
        try:
            size = await reads.now(lambda: reads.gateway.file_size(place.repo, place.commit, path))
            if size > _MAX_DOWNLOAD:
                raise web.HTTPRequestEntityTooLarge(
                    _MAX_DOWNLOAD, size, text="Use pachctl get file for so large a file."
                )
            content = await reads.now(lambda: reads.gateway.read_file(place.repo, place.commit, path, _MAX_DOWNLOAD))
        except (PachydermError, click.ClickException) as error:
            raise web.HTTPNotFound(text=getattr(error, "message", "") or str(error)) from error
        name = path.rpartition("/")[2]
        if request.query.get("save"):
            headers = {"Content-Disposition": f'attachment; filename="{_plain(name)}"'}
            return web.Response(body=content, content_type="application/octet-stream", headers=headers)
        kind = "text/html" if name.endswith(".html") else "text/plain"
        policy = {"Content-Security-Policy": SANDBOX}
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=policy)

    async def write(self, request: web.Request) -> web.Response:
        """Lead to the trainer's pages of an object's model."""
        found = self._visitor.found(request.match_info["namespace"], request.match_info["name"])
        place = place_of((status_of(found).get("lineage") or {}).get("model"))
        if place is None:
            raise web.HTTPNotFound(
                text=f"{found['metadata']['name']} has no model yet: it can write once it is trained."
            )
        raise web.HTTPFound(place.write_path)

    async def start(self, request: web.Request) -> web.Response:
        """Start the trainer's pages of a model, with a page that shows how far that is until they are there."""
        place = _place_of(request)
        if not (progress := self._trainers.start(place)):
            raise web.HTTPFound(f"{place.write_path}/1/write")
        response = _message(self._visitor, "One moment", progress)
        response.headers["Refresh"] = "1"
        return response

    async def trainer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on to the trainer."""
        return await self._trainers.proxy(request, _place_of(request))

    def _page(self, path: str, query: Mapping[str, str]) -> Page:
        """Return the page of an address. Raises HTTPNotFound for any other."""
        match [unquote(part) for part in path.strip("/").split("/")]:
            case [""]:
                return self._all
            case ["compare"]:
                return TwoModels(self._visitor, (query.get("a", ""), query.get("b", "")))
            case ["models", namespace, name]:
                return OneModel(self._visitor, namespace, name, query.get("sort", ""))
            case ["models", namespace, name, "script"]:
                sample = query.get("sample", "1")
                number = int(sample) if sample.isdecimal() and len(sample) < 5 else 1
                return OneScript(self._visitor, namespace, name, query.get("commit", ""), number)
            case ["commits", project, repo, commit]:
                return OneCommit(self._visitor, Place(RepoRef(project, repo), commit))
        raise web.HTTPNotFound(text=f"There is no page {path}.")


def _place_of(request: web.Request) -> Place:
    """Return the commit of an address, whose parts become those of a path on this machine. Raises HTTPNotFound."""
    project, repo, commit = (request.match_info[part] for part in ("project", "repo", "commit"))
    if not all(map(_NAME.fullmatch, (project, repo, commit))):
        raise web.HTTPNotFound(text=f"{project}/{repo}@{commit} is not the name of a commit.")
    return Place(RepoRef(project, repo), commit)


def _plain(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name)


@web.middleware
async def _errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error with a page; without the right to enter with plain text."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPRequestEntityTooLarge, web.HTTPBadGateway) as error:
        return _message(request.app[VISITOR], error.reason, error.text or "", error.status)


def _message(visitor: Visitor, title: str, text: str, status: int = 200) -> web.Response:
    return _whole(visitor, title, render("message.html", title=title, text=text, problem=""), status)


def _whole(
    visitor: Visitor, title: str, content: str, status: int = 200, live: str = "", here: str = ""
) -> web.Response:
    links = [("/", "All models"), ("/compare", "Compare")]
    text = whole_page(
        templates(), title, content, base="", home="/", links=links, here=here, who=visitor.server, live=live
    )
    return web.Response(text=text, content_type="text/html", status=status)
