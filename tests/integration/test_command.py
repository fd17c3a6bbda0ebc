"""The command `scriptmodel` against the real API server; and that operator and trainer know the same words."""

import json
import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from pydantic.alias_generators import to_snake

from dev.paths import OPERATOR_ENV, TRAINER_ENV
from dev.programs.debian import need
from scriptmodel_operator.api.corpus import Layout
from scriptmodel_operator.api.network import Overrides, Preset
from tests.integration import command
from tests.integration.cluster import Cluster


def scriptmodel(cluster: Cluster, *args: str) -> subprocess.CompletedProcess[str]:
    env = {"SCRIPTMODEL_PACHD": "", "KUBECONFIG": str(cluster.control_plane.kubeconfig)}
    return command.scriptmodel(env, "--namespace", cluster.namespace, *args)


def with_status(cluster: Cluster, name: str) -> None:
    """An object with a status as an operator would write it; no operator runs here."""
    cluster.apply(name, {"corpus": {"repo": {"name": "plays"}}, "suspend": True})
    status = {
        "script": {"path": "/new_script.txt", "sizeBytes": 12, "excerpt": "[ JON ]: ..\n"},
        "lineage": {"script": "default/r@c"},
    }
    patch = json.dumps({"status": status})
    cluster.kubectl("patch", "sm", name, "--subresource=status", "--type=merge", "-p", patch)


def test_a_short_script_needs_no_pachyderm_and_goes_to_a_file(
    cluster: Cluster, shared_operator_paused: None, tmp_path: Path
) -> None:
    with_status(cluster, "short")
    assert scriptmodel(cluster, "script", "short").stdout == "[ JON ]: ..\n"
    out = tmp_path / "script.txt"
    assert scriptmodel(cluster, "script", "short", "--out", str(out)).returncode == 0
    assert out.read_text() == "[ JON ]: ..\n"


def test_errors_are_one_line_with_what_to_do(cluster: Cluster, shared_operator_paused: None, tmp_path: Path) -> None:
    with_status(cluster, "long")
    patch = json.dumps({"status": {"script": {"sizeBytes": 5000}}})
    cluster.kubectl("patch", "sm", "long", "--subresource=status", "--type=merge", "-p", patch)
    for args, words in (
        (["status", "nobody"], "ScriptModel 'nobody' does not exist"),
        (["status", "lnog"], "(did you mean long?)"),
        (["script", "long"], "set --pachd or SCRIPTMODEL_PACHD"),
        (["logs", "long"], "set --pachd or SCRIPTMODEL_PACHD"),
    ):
        done = scriptmodel(cluster, *args)
        assert done.returncode == 1
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    missing = subprocess.run(
        [command.PROGRAM, "--kubeconfig", tmp_path / "none", "list"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert missing.stderr == f"Error: kubeconfig {tmp_path / 'none'} does not exist\n"


def test_suspend_resume_and_retrain_change_the_object(cluster: Cluster, shared_operator_paused: None) -> None:
    cluster.apply("changed", {"corpus": {"repo": {"name": "plays"}}, "suspend": True})
    assert scriptmodel(cluster, "resume", "changed").returncode == 0
    assert cluster.get("changed")["spec"]["suspend"] is False
    assert scriptmodel(cluster, "suspend", "changed").returncode == 0
    assert cluster.get("changed")["spec"]["suspend"] is True
    assert "already suspended, nothing changed" in scriptmodel(cluster, "suspend", "changed").stderr
    assert scriptmodel(cluster, "retrain", "changed").returncode == 0
    annotations = cluster.get("changed")["metadata"]["annotations"]
    assert annotations["scriptmodel.dev/retrain-at"]
    assert annotations["scriptmodel.dev/reconcile-at"], "its outcome is newer than the previous status"


def test_list_status_and_why_read_well(cluster: Cluster, shared_operator_paused: None) -> None:
    with_status(cluster, "shown")
    head, row = scriptmodel(cluster, "list").stdout.splitlines()
    assert head.split() == cluster.kubectl("get", "sm").splitlines()[0].split()
    assert row.split()[0] == "shown"
    assert f"{cluster.namespace}/shown" in scriptmodel(cluster, "status", "shown").stdout
    assert scriptmodel(cluster, "why", "shown").returncode == 0


def test_why_shows_the_workers_of_its_pipelines_and_only_those(cluster: Cluster, shared_operator_paused: None) -> None:
    with_status(cluster, "shown")
    pipelines = [{"name": f"shown-{cluster.namespace}-train", "version": 1, "state": "RUNNING"}]
    patch = json.dumps({"status": {"pipelines": pipelines}})
    cluster.kubectl("patch", "sm", "shown", "--subresource=status", "--type=merge", "-p", patch)
    for name in (pipelines[0]["name"], "other"):
        labels = f"suite=pachyderm,pipelineName={name}"
        cluster.kubectl("run", f"worker-{name}", "--image=trainer:1", "--labels", labels)
    done = scriptmodel(cluster, "why", "shown")
    assert done.stderr == ""
    workers = [line for line in done.stdout.splitlines() if f"{cluster.namespace}/worker" in line]
    assert [line.split()[:2] for line in workers] == [[f"{cluster.namespace}/worker-{pipelines[0]['name']}", "Pending"]]


def test_operator_and_trainer_know_the_same_presets_layouts_and_hyperparameters() -> None:
    program = (
        "import json\n"
        "from scriptmodel_trainer.corpus.layouts import AUTO, LAYOUTS\n"
        "from scriptmodel_trainer.model.presets import AUTO as CHOSEN, KEYS, PRESETS\n"
        "print(json.dumps([[AUTO, *LAYOUTS], [CHOSEN, *PRESETS], KEYS]))"
    )
    done = subprocess.run([TRAINER_ENV / "bin" / "python", "-c", program], capture_output=True, text=True, check=True)
    layouts, presets, keys = json.loads(done.stdout)
    assert set(layouts) == set(get_args(Layout))
    assert set(presets) == set(get_args(Preset))
    assert {to_snake(name) for name in Overrides.model_fields} <= set(keys)


def test_kubectl_finds_the_plugin(cluster: Cluster, shared_operator_paused: None) -> None:
    cluster.apply("hamlet", {"corpus": {"repo": {"name": "plays"}}, "suspend": True})
    path = f"{OPERATOR_ENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.control_plane.kubeconfig)}

    def kubectl(*words: str) -> str:
        program = str(cluster.control_plane.kubectl_program)
        return subprocess.run([program, *words], env=env, capture_output=True, text=True, check=True).stdout

    assert "hamlet" in kubectl("scriptmodel", "list", "-n", cluster.namespace)
    assert "Usage: kubectl scriptmodel status" in kubectl("scriptmodel", "status", "-h")


def test_the_connection_may_follow_the_command_and_overrides_the_environment(
    cluster: Cluster, shared_operator_paused: None, tmp_path: Path
) -> None:
    cluster.apply("hamlet", {"corpus": {"repo": {"name": "plays"}}, "suspend": True})
    where = ["-n", cluster.namespace, "--kubeconfig", str(cluster.control_plane.kubeconfig)]
    env = {"SCRIPTMODEL_KUBECONFIG": str(tmp_path / "none"), "KUBECONFIG": ""}
    for words in (["list", *where], [*where, "list"]):
        done = command.scriptmodel(env, *words)
        assert "\nhamlet " in done.stdout, done.stderr


PRESSED = {
    "bash": r"""
        eval "$(scriptmodel completion bash)"
        COMP_WORDS=(scriptmodel sta) COMP_CWORD=1
        _scriptmodel_completion scriptmodel
        printf '%s\n' "${COMPREPLY[@]}"
    """,
    "fish": "scriptmodel completion fish | source; complete -C 'scriptmodel sta'",
    # Completion of zsh lives in its line editor alone, so the key is pressed in one on a terminal of its own.
    "zsh": r"""
        zmodload zsh/zpty
        zpty shell zsh -fi
        zpty -w shell 'autoload -Uz compinit; compinit -u -D; eval "$(scriptmodel completion zsh)"; print REA\DY'
        zpty -r -m shell line '*READY*'
        zpty -w -n shell $'scriptmodel sta\t'
        zpty -r -m shell line '*scriptmodel status*'
        print -r -- $line
    """,
}


@pytest.fixture(scope="module")
def shells() -> None:
    """Install the shells, or fail with the command that does."""
    need({shell: shell for shell in PRESSED})


@pytest.mark.parametrize("shell", PRESSED)
def test_a_command_that_was_begun_is_completed_by_the_shell(shells: None, shell: str, tmp_path: Path) -> None:
    env = {**os.environ, "PATH": f"{OPERATOR_ENV / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [shell, "-c", PRESSED[shell]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert "status" in done.stdout, done.stderr
