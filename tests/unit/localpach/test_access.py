"""The token that clients of other machines need."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localpach.api.interceptor import ErrorTranslation
from localpach.errors import UnauthenticatedError


def check(token_file: Path | None, peer: str, *tokens: str) -> None:
    """Check a call from a peer with a token or without."""
    metadata = [("authn-token", token) for token in tokens]
    context: Any = SimpleNamespace(peer=lambda: peer, invocation_metadata=lambda: metadata)
    ErrorTranslation({}, token_file)._check_access(context)


def test_a_client_of_another_machine_needs_the_token_in_the_file(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    check(token_file, "ipv4:10.1.2.3:4000", "right")
    with pytest.raises(UnauthenticatedError, match="no authentication token"):
        check(token_file, "ipv4:10.1.2.3:4000")
    with pytest.raises(UnauthenticatedError, match="auth token is corrupted or has expired"):
        check(token_file, "ipv6:[fd00::1]:4000", "wrong")
    token_file.write_text("new")  # renewed
    check(token_file, "ipv4:10.1.2.3:4000", "new")


@pytest.mark.parametrize("peer", ["ipv4:127.0.0.1:4000", "ipv6:[::1]:4000", "ipv6:%5B::1%5D:4000", "unix:"])
def test_clients_of_this_machine_need_none(tmp_path: Path, peer: str) -> None:
    (tmp_path / "token").write_text("right")
    check(tmp_path / "token", peer)


def test_without_a_file_nobody_needs_a_token() -> None:
    check(None, "ipv4:10.1.2.3:4000")
