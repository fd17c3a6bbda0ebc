"""Who may ask: browsers that came in by an entrance, or programs of this machine where there is none.

A page of another site that resolves its name to this machine, or sends a form to it, is recognised by Host and Origin.
"""

import hmac
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .entrance import Entrance

HOST = "127.0.0.1"
"""Where all servers listen."""
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""The policy of a report or another file: it has its own styles, runs nothing and fetches nothing."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # without one, a form of our own pages has the Origin null
    "X-Content-Type-Options": "nosniff",
}
_ENTER = "open the address that the command printed last, which lets one browser in"


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks requests for a server at a port of this machine; without an entrance all its programs may ask."""

    port: int
    entrance: Entrance | None = None

    def checks(self) -> Middleware:
        """Return the middleware that lets requests through or refuses them."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.entrance is None:
                self._check_host(request)
            elif not self._has_entered(request, self.entrance):
                return self._let_in(request, self.entrance)
            if request.headers.get("Origin", f"//{request.host}").partition("//")[2] != request.host:
                raise web.HTTPForbidden(text="a page of another site may not ask this server")
            return await handler(request)

        return check

    @staticmethod
    async def secure(request: web.Request, response: web.StreamResponse) -> None:
        """Set headers that keep a page to what this server sends; a signal of aiohttp."""
        del request
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.pop("Server", None)

    def _has_entered(self, request: web.Request, entrance: Entrance) -> bool:
        path = request.path[: len(entrance.pages) + 1]
        return _equal(path, f"{entrance.pages}/") & _equal(request.cookies.get(self._cookie, ""), entrance.cookie)

    def _let_in(self, request: web.Request, entrance: Entrance) -> web.Response:
        """Set the cookie, and lead to the pages. Raises HTTPUnauthorized without a code."""
        first = request.method == "GET" and request.path == "/"
        if not (first and entrance.enter(request.query.get("code", ""))):
            raise web.HTTPUnauthorized(text=_ENTER)
        # No redirect: a browser that comes from a file would not send a strict cookie with that.
        path = f"{entrance.pages}/"
        text = f'<!doctype html><link rel="icon" href="{path}static/icon.svg">The pages open.'
        response = web.Response(text=text, content_type="text/html", headers={"Refresh": f"0; url={path}"})
        response.set_cookie(self._cookie, entrance.cookie, httponly=True, samesite="Strict", path=path)
        return response

    @property
    def _cookie(self) -> str:
        return f"scriptmodel-{self.port}"

    def _check_host(self, request: web.Request) -> None:
        host = request.host if ":" in request.host else f"{request.host}:80"  # which a browser leaves out
        if host not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            raise web.HTTPForbidden(text=f"this server is not {request.host}: use http://{HOST}:{self.port}/")


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time; what was given may be any bytes."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())
