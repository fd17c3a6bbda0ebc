"""Credentials for web servers: what a Secret may have, and that nothing shows them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.controller.corpus_secrets import read_credentials
from scriptmodel_operator.ingest.credentials import Credentials, credentials_of
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError, KubeUnavailableError
from tests.unit.operator.fake_kube import UnexpectedKube

CANARY = "canary-51d0"


def secret(**data: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}}


@pytest.mark.parametrize(
    ("data", "header", "value"),
    [
        ({"username": "ada", "password": "p:w é\n"}, "Authorization", "Basic YWRhOnA6dyDDqQ=="),
        ({"bearerToken": "abc\r\n"}, "Authorization", "Bearer abc"),
        ({"header": "PRIVATE-TOKEN: abc\n"}, "PRIVATE-TOKEN", "abc"),
        ({"bearerToken": "abc", "ca.crt": "of something else"}, "Authorization", "Bearer abc"),
    ],
)
def test_a_secret_has_credentials_in_one_of_three_ways(data: dict[str, str], header: str, value: str) -> None:
    assert credentials_of("plays", secret(**data)) == Credentials(header, value)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"data": None},
        secret(token=CANARY),
        secret(username=CANARY),
        secret(username=CANARY, password=CANARY, bearerToken="y"),
        secret(username="a:b", password=CANARY),
        secret(bearerToken=""),
        secret(bearerToken=f"{CANARY}\nX-Injected: yes"),
        secret(bearerToken=f"{CANARY}\x7f"),
        secret(header=CANARY),
        secret(header=f"Host: {CANARY}"),
        secret(header=f"transfer-encoding: {CANARY}"),
        secret(header=f"A B: {CANARY}"),
        {"data": {"bearerToken": "no base64!"}},
        {"data": {"bearerToken": base64.b64encode(b"\xff").decode()}},
    ],
)
def test_another_secret_is_refused_in_words_that_have_no_value_of_it(raw: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="Secret 'plays' of spec") as caught:
        credentials_of("plays", raw)
    assert (caught.value.reason, caught.value.passing) == (Reason.SECRET_INVALID, True)
    assert CANARY not in str(caught.value)


def test_credentials_are_in_no_representation() -> None:
    assert CANARY not in repr(credentials_of("plays", secret(bearerToken=CANARY)))


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (KubeNotFoundError("reading", 404, "none"), Reason.SECRET_NOT_FOUND, "kubectl create secret generic plays"),
        (KubeForbiddenError("reading", 403, "no"), Reason.NOT_ALLOWED, "name it in the chart's rbac.corpusSecrets"),
        (KubeUnavailableError("reading", 0, "no answer"), Reason.RETRYING, "no answer"),
    ],
)
async def test_an_unreadable_secret_is_retried_and_the_message_names_what_to_do(
    error: KubeError, reason: Reason, words: str
) -> None:
    class Client(UnexpectedKube):
        async def get_secret(self, namespace: str, name: str) -> dict[str, Any]:
            assert (namespace, name) == ("ml", "plays")
            raise error

    with pytest.raises(SourceError, match=words) as caught:
        await read_credentials(Client(), "ml", "plays")
    assert (caught.value.reason, caught.value.passing) == (reason, True)
