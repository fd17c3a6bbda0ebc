"""Credentials for a web server, from a Secret. Pure.

The keys are those of Flux: `username` and `password`, or `bearerToken`. For other servers `header` has a whole header,
such as `PRIVATE-TOKEN: abc`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.failures import SourceError

_WAYS = (frozenset({"username", "password"}), frozenset({"bearerToken"}), frozenset({"header"}))
_KEYS = frozenset[str]().union(*_WAYS)
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(\S.*)")
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te"})
_AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One header of a request. Its value is in no representation."""

    header: str
    value: str = field(repr=False)


def credentials_of(name: str, raw: Mapping[str, Any]) -> Credentials:
    """Return what the Secret `name` has. Raises SourceError, whose message has keys but no values."""
    data = raw.get("data") or {}
    found = _KEYS & set(data)
    if found not in _WAYS:
        has = f"it has {', '.join(sorted(data))}" if data else "it has no data"
        raise _invalid(name, f"must have username and password, or bearerToken, or header; {has}")
    texts = {key: _text(name, key, data[key]) for key in found}
    if "header" in found:
        return _header(name, texts["header"])
    if "bearerToken" in found:
        return Credentials(_AUTHORIZATION, f"Bearer {texts['bearerToken']}")
    if ":" in texts["username"]:
        raise _invalid(name, "must have a username without a colon")
    pair = f"{texts['username']}:{texts['password']}".encode()
    return Credentials(_AUTHORIZATION, f"Basic {base64.b64encode(pair).decode()}")


def _text(name: str, key: str, encoded: Any) -> str:
    """Decode a value. A line feed at its end is dropped: `kubectl create secret --from-file` keeps that of the file."""
    try:
        text = base64.b64decode(str(encoded), validate=True).decode().rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid(name, f"must have text in {key}") from None
    if not text or not text.isprintable():
        raise _invalid(name, f"must have one line of text in {key}")
    return text


def _header(name: str, text: str) -> Credentials:
    found = _HEADER.fullmatch(text)
    if found is None or found[1].lower() in _OURS:
        raise _invalid(
            name, "must have in header a line such as `PRIVATE-TOKEN: abc`, of a header that is for credentials"
        )
    return Credentials(found[1], found[2])


def _invalid(name: str, what: str) -> SourceError:
    return SourceError(Reason.SECRET_INVALID, f"Secret {name!r} of spec.corpus.http.secretRef {what}", passing=True)
