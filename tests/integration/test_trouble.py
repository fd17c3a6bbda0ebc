"""Errors are shown in Ready within seconds, with what to do, and disappear once the cause is fixed."""

import json
from pathlib import Path

import pytest

from dev.processes import free_port
from dev.stack import Localpach, Operator
from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.api.marks import naming
from tests.integration.cluster import QUICK_IMAGE, Cluster, condition
from tests.integration.command import Command
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

pytestmark = pytest.mark.timeout(900)  # one of them trains, on whatever machine
TRAINING = 400
SECONDS = 120


def test_a_missing_repo_then_a_missing_branch_then_an_empty_one_then_scripts(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm
) -> None:
    name = f"late-{cluster.namespace}"
    cluster.apply("early", {"corpus": {"repo": {"name": name}}, "training": {"image": QUICK_IMAGE}})
    found = cluster.reason("early", "CorpusNotFound", SECONDS)
    assert f"scriptmodel push DIR --repo {name} --create -n {cluster.namespace}" in condition(found)["message"]
    assert condition(found, "Stalled")["status"] == "True"
    pachyderm.create_repo(name)
    found = cluster.reason("early", "CorpusBranchNotFound", SECONDS)
    assert "has no branch 'master'" in condition(found)["message"]
    pachyderm.put(name, {})
    found = cluster.reason("early", "CorpusEmpty", SECONDS)
    assert f"scriptmodel push DIR --repo {name}" in condition(found)["message"]
    assert not [each for each in pachyderm.pipelines() if each.startswith("early-")]
    pachyderm.put(name, {"/hamlet.txt": play(2)})
    cluster.wait_for("early", lambda each: bool(each["status"].get("pipelines")), SECONDS)


def test_a_corpus_without_words_is_reported_with_the_trainers_message(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm
) -> None:
    corpus = pachyderm.corpus({"/blank.txt": "\n\n  \n"})
    spec = {"corpus": {"repo": {"name": corpus}}, "model": {"preset": "test"}, "training": {"backoffLimit": 0}}
    cluster.apply("wordless", spec)
    found = cluster.reason("wordless", "TrainingFailed", TRAINING)
    message = condition(found)["message"]
    assert "log is gone" not in message
    assert "word" in message
    assert condition(found, "Trained")["status"] == "False"
    # A commit with words trains again, without any change of the object.
    pachyderm.put(corpus, {"/hamlet.txt": play()})
    cluster.wait_for("wordless", lambda each: condition(each)["reason"] != "TrainingFailed", TRAINING)
    cluster.kubectl("delete", "sm", "wordless", "--wait=false")


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"image": "somebody/elses:1"}, "image 'somebody/elses:1' is not allowed"),
        ({"priorityClassName": "system-node-critical"}, "--allow-priority-class system-node-critical"),
        ({"runtimeClassName": "kata"}, "--allow-runtime-class kata"),
        ({"imagePullSecrets": [{"name": "theirs"}]}, "--allow-pull-secret theirs"),
        ({"checkpoints": {"claimName": "theirs"}}, "may not use checkpoint claim 'theirs'"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused_before_any_call(
    cluster: Cluster, operator: Operator, training: dict[str, object], words: str
) -> None:
    cluster.apply("greedy", {"corpus": {"repo": {"name": "plays"}}, "training": training})
    found = cluster.reason("greedy", "NotAllowed", SECONDS)
    assert words in condition(found)["message"]


def test_a_corpus_of_another_team_is_not_allowed_until_its_description_names_the_namespace(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm
) -> None:
    name = f"theirs-{cluster.namespace}"
    pachyderm.client.create_repo(name, "Reviewed plays")
    cluster.apply("foreign", {"corpus": {"repo": {"name": name}}, "training": {"image": QUICK_IMAGE}})
    found = cluster.reason("foreign", "NotAllowed", SECONDS)
    assert f"may not read repo default/{name}" in condition(found)["message"]
    assert "Reviewed" not in condition(found)["message"]
    pachyderm.client.create_repo(name, f"Reviewed plays {naming(cluster.namespace)}", update=True)
    cluster.reason("foreign", "CorpusBranchNotFound", SECONDS)


def test_a_missing_project_is_reported_with_the_command_that_makes_it(
    cluster: Cluster, operator: Operator, localpach: Localpach, tmp_path: Path
) -> None:
    project = f"p-{cluster.namespace[-8:]}"
    spec = {"corpus": {"repo": {"name": "plays", "project": project}}, "training": {"image": QUICK_IMAGE}}
    cluster.apply("lost", spec)
    found = cluster.reason("lost", "ProjectNotFound", SECONDS)
    command = condition(found)["message"].split("`")[1]
    (tmp_path / "hamlet.txt").write_text(play(2))
    words = command.replace("DIR", str(tmp_path)).split()[1:]
    done = Command(cluster, localpach.address)(*words)
    assert done.returncode == 0, done.stderr
    cluster.wait_for("lost", lambda each: bool(each["status"].get("pipelines")), SECONDS)


def test_an_unavailable_pachyderm_is_reported_and_deletion_waits_unless_orphaned(
    cluster: Cluster, operator_kubeconfig: Path, shared_operator_paused: None, tmp_path: Path
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    options = ["--poll-interval=0.5", f"--namespace={cluster.namespace}"]
    with Operator(tmp_path, operator_kubeconfig, nowhere, options=options) as alone:
        cluster.apply("patient", {"corpus": {"repo": {"name": "plays"}}})
        found = cluster.reason("patient", "EngineUnavailable", SECONDS)
        assert "--pachd" in condition(found)["message"]
        assert condition(found, "Stalled")["status"] == "False"
        # Nothing was made for it yet, so nothing would wait: it gets the finalizer of one that has pipelines.
        finalizers = json.dumps({"metadata": {"finalizers": [FINALIZER]}})
        cluster.kubectl("patch", "sm", "patient", "--type=merge", "-p", finalizers)
        cluster.kubectl("delete", "sm", "patient", "--wait=false")
        found = cluster.wait_for(
            "patient", lambda each: "deletionPolicy: Orphan" in condition(each)["message"], SECONDS
        )
        cluster.kubectl("patch", "sm", "patient", "--type=merge", "-p", '{"spec": {"deletionPolicy": "Orphan"}}')
        cluster.gone("patient", SECONDS)
        assert alone.running


def test_the_operator_reconnects_when_pachyderm_is_back(
    cluster: Cluster, operator_kubeconfig: Path, shared_operator_paused: None, tmp_path: Path
) -> None:
    pachd = Localpach(tmp_path / "pachd")
    options = ["--poll-interval=0.5", f"--namespace={cluster.namespace}"]
    with Operator(tmp_path / "operator", operator_kubeconfig, pachd.address, options=options):
        cluster.apply("waiting", {"corpus": {"repo": {"name": "plays"}}})
        cluster.reason("waiting", "EngineUnavailable", SECONDS)
        with pachd:
            cluster.reason("waiting", "CorpusNotFound", SECONDS)
        cluster.reason("waiting", "EngineUnavailable", SECONDS)
