"""Calls an HTTP server of ours, such as kube-apiserver, with the credentials of one user."""

import functools
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ApiServer:
    """Address of the server, the user's token, and the certificate to trust."""

    url: str
    token: str = ""
    authority: Path | None = None

    def get(self, path: str, accept: str = "application/json", timeout: float = 10.0) -> dict[str, Any]:
        """Return the JSON object at a path; OSError without an answer of status 200, ValueError if it is no JSON.

        Proxies of the environment are not used: the server is on this machine.
        """
        with self._open(path, {"Accept": accept}, None, timeout) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def post(self, path: str, body: dict[str, Any], timeout: float = 10.0) -> dict[str, Any]:
        """Send a JSON object and return the one that answers, which is a Status if the object was refused."""
        try:
            answer = self._open(path, {"Content-Type": "application/json"}, json.dumps(body).encode(), timeout)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _open(self, path: str, headers: dict[str, str], body: bytes | None, timeout: float) -> Any:
        if self.token:
            headers |= {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", body, headers)  # noqa: S310 - a URL that we build
        return _opener(self.authority).open(request, timeout=timeout)

    def has(self, path: str) -> bool:
        """Return whether the server answers at a path, within two seconds."""
        try:
            self.get(path, timeout=2.0)
        except ValueError:
            return True  # /readyz says a bare "ok"
        except OSError:
            return False
        return True


@functools.cache
def _opener(authority: Path | None) -> urllib.request.OpenerDirector:
    """Return what opens addresses whose certificate is that; tests that poll would read the file at each request."""
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
