"""Which sources are read, and when they are read again."""

from typing import Any, cast

import pytest

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads, DownloadState
from scriptmodel_operator.ingest.source import corpus_source, next_check
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError
from tests.unit.operator.fake_kube import UnexpectedKube
from tests.unit.operator.world import scriptmodel

CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}
BY_URL = {"corpus": {"http": {"urls": ["https://example.com/plays.zip"]}}}


class Client(UnexpectedKube):
    """Has one ConfigMap, or an error in its place."""

    def __init__(self, error: KubeError | None = None) -> None:
        self.error = error
        self.read: list[tuple[str, str]] = []

    async def get_config_map(self, namespace: str, name: str) -> dict[str, Any]:
        self.read.append((namespace, name))
        if self.error is not None:
            raise self.error
        return {"data": {"hamlet.txt": "HAMLET: To be."}}


class Background:
    """Replaces the downloads."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def attempt(self, _uid: str, _request: CorpusHttp) -> DownloadState:
        return DownloadState(failures=3)

    def due_in(self, _uid: str) -> float:
        return 7.0

    def forget(self, uid: str) -> None:
        self.forgotten.append(uid)


async def test_each_kind_of_source_is_read_where_it_is_and_again_in_its_own_time() -> None:
    client, background = Client(), Background()
    downloads = cast(Downloads, background)
    assert await corpus_source(client.get_config_map, downloads, scriptmodel(CONFIG_MAP)) == {
        "/hamlet.txt": b"HAMLET: To be."
    }
    assert client.read == [("ml", "plays")]
    assert next_check(downloads, scriptmodel(CONFIG_MAP), 60.0) == 60.0
    assert await corpus_source(client.get_config_map, downloads, scriptmodel(BY_URL)) == DownloadState(failures=3)
    assert next_check(downloads, scriptmodel(BY_URL), 60.0) == 7.0
    assert await corpus_source(client.get_config_map, downloads, scriptmodel()) is None
    assert next_check(downloads, scriptmodel(), 60.0) is None
    continued = {"generation": {"continue": {"configMap": {"name": "hedda", "key": "scene.txt"}}}}
    assert next_check(downloads, scriptmodel(continued), 60.0) == 60.0
    assert next_check(downloads, scriptmodel({**BY_URL, **continued}), 5.0) == 5.0
    assert background.forgotten == ["uid-1", "uid-1"], "a download that is no longer the source"


@pytest.mark.parametrize("spec", [CONFIG_MAP, BY_URL])
async def test_a_suspended_object_downloads_nothing_and_stops_its_running_download(spec: dict[str, Any]) -> None:
    client, background = Client(), Background()
    assert (
        await corpus_source(client.get_config_map, cast(Downloads, background), scriptmodel({**spec, "suspend": True}))
        is None
    )
    assert client.read == []
    assert background.forgotten == ["uid-1"]


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (KubeNotFoundError("reading", 404, "none"), Reason.CONFIG_MAP_NOT_FOUND, "kubectl create configmap plays"),
        (KubeForbiddenError("reading", 403, "no"), Reason.NOT_ALLOWED, "let the operator's role get configmaps"),
    ],
)
async def test_an_unreadable_config_map_is_reported_with_what_to_do(
    error: KubeError, reason: Reason, words: str
) -> None:
    problem = await corpus_source(Client(error).get_config_map, cast(Downloads, Background()), scriptmodel(CONFIG_MAP))
    assert isinstance(problem, Problem)
    assert problem.reason is reason
    assert words in problem.message
