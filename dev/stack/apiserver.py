"""Reads from an HTTP server of ours, such as kube-apiserver, with the credentials of one user."""

from __future__ import annotations

import json
import ssl
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
        headers = {"Accept": accept} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)  # noqa: S310 - a URL that we build
        context = ssl.create_default_context(cafile=str(self.authority)) if self.authority else None
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            text = answer.read()
        found: dict[str, Any] = json.loads(text)
        return found

    def has(self, path: str) -> bool:
        """Return whether the server answers at a path, within two seconds."""
        try:
            self.get(path, timeout=2.0)
        except ValueError:
            return True  # /readyz says a bare "ok"
        except OSError:
            return False
        return True
