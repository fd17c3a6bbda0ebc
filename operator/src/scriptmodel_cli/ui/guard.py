"""Lets in the browser that was given the token, and nobody else, and sets headers so that pages run no foreign code."""

from __future__ import annotations

import hmac
import secrets
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FOREIGN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""For what a model wrote: shown with its own styles, in an origin of its own, without scripts."""
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ENTER = "scriptmodel ui: open the address that the command printed. It contains a token that lets you in."


class Guard:
    """A middleware for a server on loopback that belongs to one user of a machine with several.

    The token of the first address becomes a cookie. A page of another site can reach the port, but not under its Host
    (DNS rebinding) nor from its Origin.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self.address = f"http://127.0.0.1:{port}/?token={self.token}"
        """The address that lets a browser in."""
        self._cookie = f"scriptmodel-{port}"
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.host not in self._hosts:
                raise web.HTTPForbidden(text="This server answers on loopback only.")
            origin = request.headers.get("Origin")
            if origin is None and request.method not in ("GET", "HEAD"):
                raise web.HTTPForbidden(text="A request that is not a page's needs its Origin.")
            if origin is not None and origin.removeprefix("http://") != request.host:
                raise web.HTTPForbidden(text="A page of another site may not use this server.")
            if self._matches(request.query.get("token", "")):
                self._enter(request)
            if not self._matches(request.cookies.get(self._cookie, "")):
                raise web.HTTPForbidden(text=_ENTER)
            return await handler(request)

        return guarded

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _enter(self, request: web.Request) -> NoReturn:
        """Set the cookie, and leave the address with the token, which would stay in the history."""
        response = web.HTTPFound(request.rel_url.without_query_params("token"))
        response.set_cookie(self._cookie, self.token, httponly=True, samesite="Lax", path="/")
        raise response


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has; `on_response_prepare` calls it."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)
