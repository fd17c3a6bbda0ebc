"""Who may ask: programs with a bearer token, and browsers on this machine that opened the link with the token.

The link's token becomes a cookie that no script reads and no other site sends. A page of another site that resolves its
name to this machine, or sends a form to it, is recognised by Host and Origin.
"""

from __future__ import annotations

import hmac
import html
import ipaddress
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from scriptmodel_trainer.serving.refusals import Handler, Refused

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # without one, a form of our own pages has the Origin null
    "X-Content-Type-Options": "nosniff",
}
_SIGNED_IN = """<!doctype html><html lang="en"><title>scriptmodel</title><link rel="icon" href="BASE/static/icon.svg">
<meta http-equiv="refresh" content="0; url=PATH"><a href="PATH">Continue</a></html>"""


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks requests for a server at a host and port; `token` None lets everybody on this machine ask."""

    host: str
    port: int
    base: str
    token: str | None

    def checks(self) -> Middleware:
        """Return the middleware that lets requests through or refuses them."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == f"{self.base}/healthz":
                return await handler(request)
            kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
            if self.token is not None and kind.casefold() == "bearer":
                if not self._is_token(bearer):
                    raise Refused(401, "the bearer token is wrong: use that of --token-file")
                return await handler(request)
            self._check_site(request)
            if self.token is None or self._is_token(request.cookies.get(self._cookie, "")):
                return await handler(request)
            if request.method == "GET" and self._is_token(request.query.get("token", "")):
                return self._signed_in(request)
            raise Refused(401, "open the link that the command printed, or send its token as a bearer token")

        return check

    @staticmethod
    async def secure(request: web.Request, response: web.StreamResponse) -> None:
        """Set headers that keep a page to what this server sends; a signal of aiohttp."""
        del request
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)

    @property
    def _cookie(self) -> str:
        return f"scriptmodel-{self.port}"

    def _is_token(self, value: str) -> bool:
        return self.token is not None and hmac.compare_digest(value.encode(), self.token.encode())

    def _check_site(self, request: web.Request) -> None:
        """Refuse what a browser sends for a page of another site."""
        if is_loopback(self.host) and request.host not in {
            f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")
        }:
            raise Refused(403, f"this server is not {request.host}: use http://127.0.0.1:{self.port}{self.base}/")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            raise Refused(403, "a page of another site may not ask this server")

    def _signed_in(self, request: web.Request) -> web.Response:
        """Return a page that leads on without the token; a redirect after a link elsewhere would lose the cookie."""
        page = _SIGNED_IN.replace("PATH", html.escape(request.path)).replace("BASE", self.base)
        response = web.Response(text=page, content_type="text/html")
        response.set_cookie(self._cookie, str(self.token), httponly=True, samesite="Strict", path=f"{self.base}/")
        return response


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens at this address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
