"""Errors are shown in Ready within seconds, with what to do, and disappear once the cause is fixed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dev.processes import free_port
from dev.stack import Localpach, Operator
from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.api.marks import naming
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError
from scriptmodel_operator.kube.login import Credentials, login
from tests.integration.cluster import QUICK_IMAGE, Cluster, condition
from tests.integration.command import Command
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

pytestmark = pytest.mark.timeout(900)  # one of them trains, on whatever machine
TRAINING = 400
SECONDS = 120
SPEC = {"corpus": {"repo": {"name": "no-such-corpus"}}}
HANDLED = "lastHandledReconcileAt"


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


def test_a_corpus_of_another_team_is_refused_until_it_names_the_namespace(
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


def test_what_somebody_else_wrote_into_a_status_does_not_stay(cluster: Cluster, operator: Operator) -> None:
    """As after a restore from a backup, or of another operator."""
    assert operator
    cluster.apply("thrones", SPEC)
    before = cluster.reason("thrones", "CorpusNotFound")["status"]
    theirs = json.dumps({"status": {"source": {"commit": "theirs"}, "perplexity": "1.0"}})
    cluster.kubectl("patch", "sm", "thrones", "--subresource=status", "--type=merge", "-p", theirs)
    after = cluster.reconcile("thrones")["status"]
    assert {key: value for key, value in after.items() if key != HANDLED} == before


def test_the_status_of_a_newer_object_of_the_same_name_is_not_written(
    cluster: Cluster, operator_kubeconfig: Path, shared_operator_paused: None
) -> None:
    del shared_operator_paused
    cluster.apply("thrones", SPEC)
    older = replace(parse_object(cluster.get("thrones")), uid="00000000-0000-0000-0000-000000000000")

    client = KubeClient(Credentials(lambda: login(operator_kubeconfig)))
    with pytest.raises(KubeError):
        client.replace_status(older.namespace, older.name, older.uid, {"perplexity": "1.0"})
    assert "status" not in cluster.get("thrones")
