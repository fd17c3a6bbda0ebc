"""`scriptmodel-operator check` and `before-uninstall` where things are not as they should be."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from dev.processes import free_port
from dev.stack import ControlPlane
from scriptmodel_operator.cli import main

FINALIZER, THEIRS = "scriptmodel.dev/pipelines", "example.com/theirs"
SERVED = "crd/scriptmodels.scriptmodel.dev"


def operator(control_plane: ControlPlane, *words: str) -> Result:
    """Run a command of an administrator in this process, with an unreachable pachd."""
    env = {
        "KUBECONFIG": "",
        "SCRIPTMODEL_KUBECONFIG": str(control_plane.kubeconfig),
        "SCRIPTMODEL_PACHD": f"127.0.0.1:{free_port()}",
    }
    return CliRunner(env=env).invoke(main, words)


@pytest.fixture
def without_crd(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    control_plane.kubectl("delete", SERVED)
    yield control_plane
    control_plane.kubectl("apply", "--server-side", "-f", "manifests/crd.yaml")
    control_plane.wait_for_definitions()


@pytest.fixture
def waiting_model(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A model with the operator's finalizer and one of somebody else."""
    metadata = {"name": "waiting", "namespace": "team-a", "finalizers": [FINALIZER, THEIRS]}
    spec = {"corpus": {"repo": {"name": "plays"}}}
    model = {"apiVersion": "scriptmodel.dev/v1alpha1", "kind": "ScriptModel", "metadata": metadata, "spec": spec}
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(model))
    yield control_plane
    nothing = '{"metadata": {"finalizers": []}}'
    control_plane.kubectl("patch", "sm", "waiting", "-n", "team-a", "--type=merge", "-p", nothing)
    control_plane.kubectl("delete", "sm", "waiting", "-n", "team-a")


def test_a_missing_crd_is_reported_with_the_command_that_installs_it(without_crd: ControlPlane) -> None:
    done = operator(without_crd, "check")
    assert done.exit_code == 1
    assert "FAILED  the ScriptModel CRD is not installed: kubectl apply -f manifests/crd.yaml" in done.stdout


def test_the_uninstallation_does_not_wait_without_the_crd(without_crd: ControlPlane) -> None:
    done = operator(without_crd, "before-uninstall")
    assert (done.exit_code, done.stdout) == (0, "no ScriptModel exists\n")


def test_a_namespace_that_does_not_exist_fails_the_dry_run(control_plane: ControlPlane) -> None:
    done = operator(control_plane, "check", "--namespace=nowhere")
    assert done.exit_code == 1
    assert "ok      the API server serves scriptmodel.dev/v1alpha1\n" in done.stdout
    assert "FAILED  trying nowhere/check: " in done.stdout


def test_models_of_other_namespaces_do_not_count(waiting_model: ControlPlane) -> None:
    assert operator(waiting_model, "before-uninstall", "--namespace=team-b").exit_code == 0
    done = operator(waiting_model, "before-uninstall", "--namespace=team-b", "--namespace=team-a")
    assert done.exit_code == 1
    assert "\n    kubectl delete scriptmodels --all -n team-a\n" in done.stderr
    assert " -A" not in done.stderr, "which would delete the objects of other operators"
