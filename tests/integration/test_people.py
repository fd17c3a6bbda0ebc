"""The commands over Jobs and a bucket, with the rights of one namespace alone, and what the chart publishes for them.

The operator runs as a process with a real API server and a real bucket; the test is the Job controller.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from scriptmodel_cli.session import Session
from scriptmodel_cli.ui.reads import Reads
from tests.chart.rendering import objects, only
from tests.integration.cluster import Cluster, StatusWatch, paused, until
from tests.integration.command import scriptmodel
from tests.integration.jobs import as_in_the_chart, finished_trainer, trained
from tests.unit.operator.browsing import Api, entered
from tests.unit.operator.world import SPEC

CLUSTER = "test"
ROLE = "scriptmodel-operator-people"
LINE = "HAMLET: To be or not to be."
SCRIPT = f"{LINE}\n".encode() * 400
"""Longer than the excerpt in the status, so that it is read from the bucket."""
REPORT = b"<!doctype html><title>Report</title>"
LOG = b'{"event": "done", "seconds": 61, "perplexity": 12.5, "text": "Test Perplexity: 12.500"}\n'


@dataclass(frozen=True)
class Person:
    """A service account that has no rights but those of its namespace, and the program with its kubeconfig."""

    kubeconfig: Path
    namespace: str

    def __call__(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return scriptmodel({"KUBECONFIG": str(self.kubeconfig)}, "-n", self.namespace, *words)


@dataclass(frozen=True)
class Team:
    """A person, an object of which everything was computed, and the folder of its corpus."""

    alice: Person
    stranger: Person
    cluster: Cluster
    bucket: Path
    plays: Path
    log: Path
    """The log file of the operator."""
    pushed: str
    """What the first push printed."""


def person(control_plane: ControlPlane, cluster: Cluster, name: str, role: str = "") -> Person:
    cluster.kubectl("create", "serviceaccount", name)
    if role:
        account = f"{cluster.namespace}:{name}"
        cluster.kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--serviceaccount={account}")
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", name, "--duration=2h").strip()}
    path = control_plane.root / f"{cluster.namespace}-{name}.kubeconfig"
    path.write_text(json.dumps(config))
    return Person(path, cluster.namespace)


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory,
    control_plane: ControlPlane,
    s3: S3Server,
    watched: StatusWatch,
    operator: Operator,
) -> Iterator[Team]:
    cluster, folder, prefix = Cluster.create(control_plane, "people"), tmp_path_factory.mktemp("people"), uuid4().hex
    url = f"{s3.url}/{prefix}"
    storage = {"url": url, "publicUrl": s3.endpoint}
    rendered = objects({"pachd": {"address": ""}, "storage": storage, "watchNamespaces": [cluster.namespace]})
    published = [each for each in rendered if each["metadata"].get("namespace") == "kube-public"]
    for each in (*published, only("ClusterRole", rendered, ROLE)):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(each))
    alice, stranger = person(control_plane, cluster, "alice", ROLE), person(control_plane, cluster, "stranger")
    (folder / "plays").mkdir()
    (folder / "plays" / "hamlet.txt").write_text(f"{LINE}\n" * 50)
    options = [f"--storage={url}", f"--storage-endpoint={s3.endpoint}", f"--namespace={cluster.namespace}"]
    options += ["--poll-interval=0.5", f"--cluster-id={CLUSTER}"]
    config = as_in_the_chart(control_plane)
    own = Operator(folder / "operator", config, options=options, env=s3.credentials)
    with paused(operator), own as running:
        pushed = alice("push", folder / "plays", "--repo", "plays", "--create")
        assert pushed.returncode == 0, pushed.stderr
        cluster.apply("thrones", SPEC)
        more = {"/new_script.txt": SCRIPT, "/report.html": REPORT}
        trained(cluster, "thrones", finished_trainer(more, LOG))
        yield Team(alice, stranger, cluster, s3.folder / prefix, folder / "plays", running.log, pushed.stdout)
        assert "Traceback" not in running.log.read_text()
        assert "forbidden" not in running.log.read_text()
    watched.check()
    for each in published:
        control_plane.kubectl("delete", "-f", "-", stdin=json.dumps(each))


def done(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_corpus_is_pushed_before_any_scriptmodel_and_equal_files_change_nothing(team: Team) -> None:
    assert f"pushed 1 file (1.4 kB) to {team.alice.namespace}/plays@master as commit " in team.pushed
    assert done(team.alice("push", team.plays, "--repo", "plays")).startswith("nothing changed: ")
    found = json.loads(done(team.alice("push", team.plays, "--repo", "plays", "-o", "json")))
    assert (found["new"], len(found["commit"])) == (False, 64)


def test_the_script_is_read(team: Team, tmp_path: Path) -> None:
    done(team.alice("script", "thrones", "--out", tmp_path / "script.txt"))
    assert (tmp_path / "script.txt").read_bytes() == SCRIPT


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("report", "thrones"), REPORT.decode()),
        (("logs", "thrones"), "Test Perplexity: 12.500"),
        (("logs", "thrones", "-f"), "Test Perplexity: 12.500"),
        (("logs", "thrones", "--generate"), "Test Perplexity: 12.500"),
        (("why", "thrones"), "Ready: "),
        (("status", "thrones"), "Generated: the script is written"),
        (("plan", "thrones", "--cluster-id", CLUSTER), "Nothing would change."),
    ],
)
def test_a_command_reads_what_it_shows(team: Team, words: tuple[str, ...], shown: str) -> None:
    ran = team.alice(*words)
    assert shown in done(ran)
    assert ran.stderr == ""


def test_a_forged_record_runs_nothing_that_policy_refuses(team: Team) -> None:
    """Their role lets people write ConfigMaps, and so the records of their namespace."""

    def kubectl(*words: str, stdin: str | None = None) -> str:
        program = [str(team.cluster.control_plane.kubectl_program), f"--kubeconfig={team.alice.kubeconfig}"]
        command = [*program, "-n", team.alice.namespace, *words]
        return subprocess.run(command, input=stdin, check=True, capture_output=True, text=True).stdout

    listed = json.loads(kubectl("get", "configmaps", "-lscriptmodel.dev/record=pipeline", "-o", "json"))["items"]
    whole = next(each for each in listed if each["metadata"]["name"].endswith("-train"))
    record = json.loads(whole["data"]["record"])
    record["spec"] |= {"image": "operator:1", "command": ["id"], "pods": {"priority_class": "system-node-critical"}}
    record["spec"]["ref"]["name"] = "forged"
    metadata = {"name": "scriptmodel-pipeline-forged", "labels": whole["metadata"]["labels"]}
    data = {"record": json.dumps({**record, "jobs": []})}
    forged = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    kubectl("create", "-f", "-", stdin=json.dumps(forged))
    until(team.log.read_text, lambda: "image 'operator:1' is not allowed" in team.log.read_text())
    assert "operator:1" not in team.cluster.kubectl("get", "jobs", "-o", "yaml")
    kubectl("delete", "configmap", "scriptmodel-pipeline-forged")


@pytest.mark.parametrize("everywhere", [False, True], ids=["of one namespace", "of all namespaces"])
async def test_the_pages_show_script_and_log(team: Team, control_plane: ControlPlane, everywhere: bool) -> None:
    person, where = (control_plane, "") if everywhere else (team.alice, team.alice.namespace)
    session = Session(kubeconfig=person.kubeconfig, namespace=where)
    reads = Reads(session, session.where())
    model = f"/models/{team.alice.namespace}/thrones"
    async with entered(reads, Api([])) as browser:
        await browser.page(model, "Test Perplexity: 12.500", "Log of train", "Log of generate")
    await asyncio.to_thread(session.close)


def test_kubectl_shows_jobs_and_events(team: Team) -> None:
    kubectl = partial(team.cluster.kubectl, f"--kubeconfig={team.alice.kubeconfig}")
    assert "thrones-" in kubectl("get", "jobs")
    assert "the script is written" in kubectl("describe", "scriptmodel", "thrones").partition("\nEvents:")[2]
    for right in (["watch", "jobs"], ["watch", "pods"], ["watch", "events"], ["get", "resourcequotas"]):
        assert kubectl("auth", "can-i", *right) == "yes\n"


def test_no_request_is_left(team: Team) -> None:
    done(team.alice("report", "thrones"))
    assert "scriptmodel-request" not in team.cluster.kubectl("get", "configmaps", "-o", "name")


@pytest.mark.parametrize(
    ("words", "right"), [(["push", "--repo", "plays"], "configmaps"), (["report", "thrones"], "scriptmodels")]
)
def test_a_missing_right_is_named(team: Team, words: list[str], right: str) -> None:
    files = [team.plays] if words[0] == "push" else []
    ran = team.stranger(words[0], *files, *words[1:])
    assert ran.returncode == 1
    assert f'cannot list resource "{right}"' in ran.stderr or f'cannot get resource "{right}"' in ran.stderr
    if right == "configmaps":
        granted = f"rolebinding {ROLE}-YOU --clusterrole={ROLE} --user=YOU`"
        assert f"kubectl -n {team.cluster.namespace} create {granted}" in ran.stderr


def test_another_namespace_stays_closed(team: Team, control_plane: ControlPlane) -> None:
    other = Cluster.create(control_plane, "closed")
    ran = team.alice("push", team.plays, "--repo", "plays", "--create", "--project", other.namespace)
    assert ran.returncode == 1
    assert f'in the namespace "{other.namespace}"' in ran.stderr


def test_a_script_that_was_changed_in_the_bucket_is_refused(team: Team) -> None:
    changed = [pack for pack in team.bucket.rglob("pack-0000") if LINE.encode() in pack.read_bytes()]
    before = {pack: pack.read_bytes() for pack in changed}
    assert before
    try:
        for pack, content in before.items():
            pack.write_bytes(content.replace(b"HAMLET", b"OTHELL"))
        ran = team.alice("script", "thrones", "--format", "text")
        assert ran.returncode == 1
        assert "its SHA-256 is not that of its manifest" in ran.stderr
    finally:
        for pack, content in before.items():
            pack.write_bytes(content)
