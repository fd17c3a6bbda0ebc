"""Who may ask: programs with a bearer token, and browsers that came in by an entrance.

A page of another site that resolves its name to this machine, or sends a form to it, is recognised by Host and Origin.
"""

import hmac
import ipaddress
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .entrance import Entrance

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
_HTTP = 80
"""The port that a browser leaves out of Host."""
_TOKEN = "send the token of --token-file as a bearer token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks requests for a server at a host and port; without token and entrance everybody on this machine may ask."""

    host: str
    port: int
    base: str
    token: str | None = None
    entrance: Entrance | None = None

    def checks(self) -> Middleware:
        """Return the middleware that lets requests through or refuses them."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == f"{self.base}/healthz" or self._has_token(request):
                return await handler(request)
            if self.entrance is None:
                if self.token is not None:
                    raise web.HTTPUnauthorized(text=_TOKEN)
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

    def _has_token(self, request: web.Request) -> bool:
        """Return whether the request has the bearer token. Raises HTTPUnauthorized for another one."""
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if self.token is None or kind.casefold() != "bearer":
            return False
        if not _equal(bearer, self.token):
            raise web.HTTPUnauthorized(text="the bearer token is wrong: use that of --token-file")
        return True

    def _has_entered(self, request: web.Request, entrance: Entrance) -> bool:
        path = request.path[: len(entrance.pages) + 1]
        return _equal(path, f"{entrance.pages}/") & _equal(request.cookies.get(self._cookie, ""), entrance.cookie)

    def _let_in(self, request: web.Request, entrance: Entrance) -> web.Response:
        """Set the cookie, and lead to the pages. Raises HTTPUnauthorized without a code."""
        first = request.method == "GET" and request.path == f"{self.base}/"
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
        names = ("127.0.0.1", "localhost", "[::1]")
        own = {f"{name}:{self.port}" for name in names} | {name for name in names if self.port == _HTTP}
        if is_loopback(self.host) and request.host not in own:
            text = f"this server is not {request.host}: use http://127.0.0.1:{self.port}{self.base}/"
            raise web.HTTPForbidden(text=text)


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time; what was given may be any bytes."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens at this address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
