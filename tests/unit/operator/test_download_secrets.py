"""The Secret of a download: when it is read, and that its values appear nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.credentials import Credentials
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.values import Request
from tests.unit.operator.archives import PLAYS, tar_of
from tests.unit.operator.test_downloads import world
from tests.web import Handler, content, status

NAMED: Mapping[str, Any] = {"secret": "plays"}


async def test_the_secret_is_read_at_each_download_and_its_values_appear_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    names, passwords = list[tuple[str, str]](), iter(["wrong-canary", "right-canary"])

    async def secrets(namespace: str, name: str) -> Credentials:
        names.append((namespace, name))
        return Credentials("Authorization", next(passwords))

    async with world(interval=0.0, **NAMED) as made:
        made.downloads._secrets = secrets

        def guarded(handler: Handler) -> None:
            right = handler.header("Authorization") == "right-canary"
            (content(tar_of(PLAYS)) if right else status(401))(handler)

        made.server.answers["/corpus"] = guarded
        refused = await made.attempt()
        assert "HTTP 401" in str(refused.failure)
        found = await made.attempt("requested again")
        assert found.failure is None
        assert names == [("ml", "plays")] * 2
        outputs = f"{caplog.text}{refused}{found}{made.pachyderm.calls}{made.figures}"
        assert "canary" not in outputs


async def test_a_secret_that_is_missing_is_the_objects_problem() -> None:
    async def secrets(_namespace: str, _name: str) -> Credentials:
        raise SourceError(Reason.SECRET_NOT_FOUND, "create it", passing=True)

    async with world(**NAMED) as made:
        made.downloads._secrets = secrets
        assert (await made.refused()).reason is Reason.SECRET_NOT_FOUND
        assert made.server.requested == []


def test_the_secret_does_not_decide_what_is_in_a_commit() -> None:
    request = Request("https://example.com/plays.zip", "", (), 1, 1.0)
    assert replace(request, **NAMED).digest == request.digest
