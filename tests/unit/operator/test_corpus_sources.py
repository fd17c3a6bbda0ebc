"""Which sources are read, and when they are read again: a corpus, and the text that a script continues."""

from typing import Any, cast

import pytest

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads, DownloadState
from scriptmodel_operator.ingest.source import LONGEST_TEXT, continued_text, corpus_source, next_check
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError
from tests.unit.operator.fake_kube import UnexpectedKube
from tests.unit.operator.world import World, scriptmodel, trained_world

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


SCENE = "HEDDA: You are late.\n\nTESMAN: Am I?"
MISSING = Problem(Reason.CONFIG_MAP_NOT_FOUND, "create it")


def continuing(name: str = "hedda", **more: Any) -> dict[str, Any]:
    return {"generation": {"continue": {"configMap": {"name": name, "key": "scene.txt"}, **more}}}


def continuing_world() -> World:
    """Its script continues SCENE."""
    world = trained_world()
    world.want(continuing())
    world.continued = SCENE
    assert next_script(world) == [f"update {world.generate.name}"], "nothing is trained again"
    return world


def next_script(world: World) -> list[str]:
    world.reconcile()
    calls = world.written()
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    return calls


def command(world: World) -> tuple[str, ...]:
    return world.pachyderm.pipelines[world.generate][-1].spec.command


def test_a_changed_text_writes_a_new_script_without_training() -> None:
    world = continuing_world()
    assert command(world)[-1] == f"--continue-text={SCENE}"
    world.continued = "HEDDA: Who is there?"
    assert next_script(world) == [f"update {world.generate.name}"]
    assert command(world)[-1] == "--continue-text=HEDDA: Who is there?"
    world.want(continuing(onlyNew=True))
    assert next_script(world) == [f"update {world.generate.name}"]
    assert command(world)[-2:] == ("--continue-text=HEDDA: Who is there?", "--only-new")


def test_an_unreadable_text_is_reported_and_keeps_the_last_script() -> None:
    world = continuing_world()
    script = world.model.status["script"]
    world.continued = MISSING
    world.reconcile()
    assert world.ready == ("False", "ConfigMapNotFound")
    generated = world.condition("Generated")
    assert (generated["status"], generated["message"]) == ("False", "create it")
    assert world.model.status["script"] == script
    world.continued = SCENE
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert world.written() == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"data": {"scene.txt": SCENE}}, SCENE),
        ({"data": {"scene.txt": f"\ufeff{SCENE}"}}, SCENE),
        ({"data": {"scene.txt": LONGEST_TEXT * "a"}}, LONGEST_TEXT * "a"),
        (None, (Reason.CONFIG_MAP_NOT_FOUND, "`kubectl create configmap hedda --from-file scene.txt=FILE`")),
        ({"data": {"other": "x"}}, (Reason.CONFIG_MAP_NOT_FOUND, "'hedda': it has no key 'scene.txt': add it")),
        (
            {"data": {"scene.txt": LONGEST_TEXT * "é"}},
            (Reason.INVALID_SPEC, "has 131072 bytes, more than 64 KiB: keep"),
        ),
        ({"binaryData": {"scene.txt": "/w=="}}, (Reason.INVALID_SPEC, "scene.txt is not UTF-8")),
        ({"data": {"scene.txt": " \n"}}, (Reason.INVALID_SPEC, "scene.txt is empty: give it at least one line")),
        ({"data": {"scene.txt": "a\0b"}}, (Reason.INVALID_SPEC, "scene.txt has a NUL character")),
    ],
)
async def test_a_text_is_read_or_refused_with_what_to_do(
    raw: dict[str, Any] | None, expected: str | tuple[Reason, str]
) -> None:
    class Client(UnexpectedKube):
        async def get_config_map(self, namespace: str, name: str) -> dict[str, Any]:
            assert (namespace, name) == ("ml", "hedda")
            if raw is None:
                raise KubeNotFoundError("reading", 404, "none")
            return raw

    found = await continued_text(Client().get_config_map, scriptmodel(continuing()))
    if isinstance(expected, str):
        assert found == expected
    else:
        assert isinstance(found, Problem)
        assert found.reason is expected[0]
        assert expected[1] in found.message
