"""Who may ask: programs with a bearer token, and browsers on this machine that opened the link with the token.

The link's token becomes a cookie that no script reads and no form or script of another site sends. A page of another
site that resolves its name to this machine, or sends a form to it, is recognised by Host and Origin.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

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
_ENTER = "open the link that the command printed: it has a token that lets you in; programs send it as a bearer token"


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
                    raise web.HTTPUnauthorized(text="the bearer token is wrong: use that of --token-file")
                return await handler(request)
            self._check_site(request)
            if request.method == "GET" and self._is_token(request.query.get("token", "")):
                self._sign_in(request)
            if self.token is None or self._is_token(request.cookies.get(self._cookie, "")):
                return await handler(request)
            raise web.HTTPUnauthorized(text=_ENTER)

        return check

    @staticmethod
    async def secure(request: web.Request, response: web.StreamResponse) -> None:
        """Set headers that keep a page to what this server sends; a signal of aiohttp."""
        del request
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.pop("Server", None)

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
            text = f"this server is not {request.host}: use http://127.0.0.1:{self.port}{self.base}/"
            raise web.HTTPForbidden(text=text)
        own = f"http://{request.host}"
        by_browser = self.token is not None and request.method not in ("GET", "HEAD")  # which says where it is
        if request.headers.get("Origin", "" if by_browser else own) != own:
            raise web.HTTPForbidden(text="a page of another site may not ask this server")

    def _sign_in(self, request: web.Request) -> NoReturn:
        """Set the cookie, and lead to the address without the token, which would stay in the browser's history."""
        response = web.HTTPFound(request.rel_url.without_query_params("token"))
        # Strict would not send it after a link from elsewhere; what GET asks for changes nothing.
        response.set_cookie(self._cookie, str(self.token), httponly=True, samesite="Lax", path=f"{self.base}/")
        raise response


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens at this address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
