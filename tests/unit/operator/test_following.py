"""Commands that watch survive an unavailable API server, and end if retrying is no use."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scriptmodel_cli import session
from scriptmodel_cli.main import main
from scriptmodel_operator.kube import login  # noqa: F401 - takes its time, which a wait has not
from tests.unit.operator.connecting import kubeconfig
from tests.unit.operator.terminal import as_object, training_world
from tests.unit.operator.world import World, trained_world
from tests.web import Answer, Handler, WebServer

PATH = "/apis/scriptmodel.dev/v1alpha1/namespaces/ml/scriptmodels/thrones"
SERVED = "/apis/scriptmodel.dev/v1alpha1"
SCRIPTMODEL = {"apiVersion": "scriptmodel.dev/v1alpha1", "kind": "ScriptModel", "metadata": {"name": "thrones"}}
WATCH = ["status", "-w"]


def replying(number: int, value: dict[str, Any]) -> Answer:
    def answer(handler: Handler) -> None:
        body = json.dumps(value).encode()
        handler.start(number, {"Content-Length": str(len(body))})
        handler.write(body)

    return answer


def busy(number: int) -> Answer:
    return replying(number, {"message": "too many requests"})


def cut(handler: Handler) -> None:
    """The connection ends in the middle of an answer, as when the server is restarted."""
    handler.start(200, {"Content-Length": "1000"})
    handler.write(b"{")
    handler.http.close_connection = True


def answer(found: dict[str, Any]) -> Answer:
    return replying(200, found)


@pytest.fixture(scope="module")
def training() -> dict[str, Any]:
    world = training_world()
    world.observer.logs.close()
    return as_object(world)


@pytest.fixture(scope="module")
def ready() -> dict[str, Any]:
    return as_object(trained_world())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(session, "POLL_SECONDS", 0.01)
    with WebServer() as running:
        yield running


def run(server: WebServer, folder: Path, words: list[str], *answers: Answer) -> Result:
    """Return each answer in turn, and the last one forever."""
    left = list(answers)

    def next_one(handler: Handler) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        answer(handler)

    server.answers[PATH] = next_one
    file = kubeconfig(folder / "kubeconfig", cluster={"server": server.url("")})
    command, *rest = words
    name = [] if command == "list" or "-f" in rest else ["thrones"]
    return CliRunner().invoke(main, [command, *name, "-n", "ml", "--kubeconfig", str(file), *rest])


@pytest.mark.parametrize("trouble", [busy(503), busy(429), cut], ids=["503", "429", "cut"])
def test_a_temporarily_unavailable_api_server_is_reported_once_and_retried(
    server: WebServer,
    tmp_path: Path,
    trouble: Answer,
    training: dict[str, Any],
    ready: dict[str, Any],
) -> None:
    done = run(server, tmp_path, WATCH, answer(training), trouble, trouble, answer(training), answer(ready))
    assert done.exit_code == 0, done.stderr
    note, *rest = done.stderr.splitlines()
    assert note.startswith("reading ml/thrones: ")
    assert note.endswith("; retrying")
    assert rest == []
    assert server.requested.count(PATH) == 5


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (401, f"Error: reading ml/thrones: no (HTTP 401): {session.LOG_IN}"),
        (403, "Error: reading ml/thrones: no (HTTP 403)"),
        (404, "Error: ScriptModel 'thrones' does not exist in namespace 'ml': see `scriptmodel list -A`"),
    ],
)
def test_a_permanent_error_ends_it_immediately(
    server: WebServer, tmp_path: Path, number: int, line: str, training: dict[str, Any]
) -> None:
    server.answers[SERVED] = replying(200, {"resources": [{"name": "scriptmodels"}]})
    done = run(server, tmp_path, WATCH, answer(training), busy(503), replying(number, {"message": "no"}))
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == line


def annotated(found: dict[str, Any], annotations: dict[str, str], **status: str) -> dict[str, Any]:
    metadata = {**found["metadata"], "annotations": annotations}
    return {**found, "metadata": metadata, "status": {**found["status"], **status}}


def test_an_object_with_a_requested_retraining_is_not_ready_until_trained_again(
    server: WebServer, tmp_path: Path, training: dict[str, Any], ready: dict[str, Any]
) -> None:
    """Generation and conditions are still those from before."""
    requested = {"scriptmodel.dev/retrain-at": "now"}
    again = annotated(ready, requested, lastHandledRetrainAt="now")
    before = [answer(annotated(ready, requested)), answer(annotated(ready, requested, lastHandledRetrainAt="then"))]
    assert run(server, tmp_path, WATCH, *before, answer(training), answer(again)).exit_code == 0
    assert server.requested.count(PATH) == 4


def test_each_retrain_is_a_new_request_however_soon_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    patches: list[dict[str, Any]] = []
    monkeypatch.setattr(session.Session, "patch", lambda _self, _name, patch: patches.append(patch))
    for _ in range(5):
        assert CliRunner().invoke(main, ["retrain", "thrones"]).exit_code == 0
    assert len({patch["metadata"]["annotations"]["scriptmodel.dev/retrain-at"] for patch in patches}) == 5


def test_a_stuck_object_is_not_stuck_again_before_the_request_is_handled(
    server: WebServer, tmp_path: Path, ready: dict[str, Any]
) -> None:
    world = World()
    world.reconcile()
    stuck, requested = as_object(world), {"scriptmodel.dev/reconcile-at": "now"}
    assert run(server, tmp_path, WATCH, answer(annotated(stuck, requested)), answer(ready)).exit_code == 0
    still = run(server, tmp_path, WATCH, answer(annotated(stuck, requested, lastHandledReconcileAt="now")))
    assert "thrones is stalled (CorpusNotFound)" in still.stderr


def test_an_unreadable_cluster_id_is_reported_with_the_option_to_set_it(
    server: WebServer, tmp_path: Path, ready: dict[str, Any]
) -> None:
    server.answers["/api/v1/namespaces/kube-system"] = replying(403, {"message": "no"})
    found = {**ready, "metadata": {**ready["metadata"], "uid": "1"}}
    done = run(server, tmp_path, ["plan", "--pachd=nowhere:1"], answer(found))
    assert done.exit_code == 2
    assert done.stderr == "Error: reading namespace kube-system: no (HTTP 403): give its uid as --cluster-id\n"
    done = run(server, tmp_path, ["plan", "--pachd=127.0.0.1:1", "--cluster-id=id"], answer(found))
    assert "reading the id of the engine" in done.stderr
    release = {"metadata": {"name": "one"}, "data": {"pachd": "pachd:1", "clusterId": "blue"}}
    server.answers["/api/v1/namespaces/kube-public/configmaps"] = replying(200, {"items": [release]})
    done = run(server, tmp_path, ["plan", "--pachd=127.0.0.1:1"], answer(found))
    assert "reading the id of the engine" in done.stderr, "what the release publishes is the id"


@pytest.mark.parametrize("words", [["status"], ["list"], ["plan"]], ids=" ".join)
def test_a_cluster_without_the_crd_is_reported(server: WebServer, tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "thrones.yaml"
    file.write_text(json.dumps({**SCRIPTMODEL, "spec": {}}))
    options = ["-f", str(file)] if words == ["plan"] else []
    done = run(server, tmp_path, [*words, *options], replying(404, {"message": "404 page not found"}))
    assert done.exit_code == (2 if words == ["plan"] else 1)
    assert done.stderr == (
        "Error: the API server does not know ScriptModels: check that this is the right cluster, or install the CRD "
        "with `kubectl apply -f manifests/crd.yaml`\n"
    )


@pytest.mark.parametrize(("words", "code"), [(["logs"], 1), (["plan"], 2)])
def test_a_spec_of_a_newer_api_is_reported_in_one_line(
    server: WebServer, tmp_path: Path, words: list[str], code: int, ready: dict[str, Any]
) -> None:
    newer = {**ready, "spec": {**ready["spec"], "model": {"preset": "gigantic"}}}
    done = run(server, tmp_path, words, answer(newer))
    assert done.exit_code == code, done.exception
    assert done.stderr.startswith("Error: spec.model.preset: ")
    assert done.stderr.endswith("the CRD and this program are of different versions; upgrade the older\n")
