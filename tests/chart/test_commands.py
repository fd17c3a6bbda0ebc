"""`scriptmodel-operator check` and `before-uninstall` where things are not as they should be."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from dev.generate.chart import NAMESPACE
from dev.processes import free_port
from dev.stack import ControlPlane
from scriptmodel_operator.cli import main

DEPLOYMENT = f"{NAMESPACE}/scriptmodel-operator"
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


def finalizers(control_plane: ControlPlane) -> list[str]:
    done = control_plane.kubectl("get", "sm", "waiting", "-n", "team-a", "-o", "jsonpath={.metadata.finalizers}")
    return list(json.loads(done.stdout))


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


def test_without_a_deployment_to_stop_the_finalizer_goes_at_once(waiting_model: ControlPlane) -> None:
    done = operator(waiting_model, "before-uninstall", "--policy=orphan", f"--deployment={NAMESPACE}/gone")
    assert (done.exit_code, done.stdout) == (0, "let go of team-a/waiting\n")


def test_models_of_other_namespaces_do_not_count(waiting_model: ControlPlane) -> None:
    assert operator(waiting_model, "before-uninstall", "--namespace=team-b").exit_code == 0
    done = operator(waiting_model, "before-uninstall", "--namespace=team-b", "--namespace=team-a")
    assert done.exit_code == 1
    assert "\n    kubectl delete scriptmodels --all -n team-a\n" in done.stderr
    assert done.stderr.endswith(" --policy orphan --namespace team-b --namespace team-a\n")
    assert " -A" not in done.stderr, "which would delete the objects of other operators"


def test_the_finalizer_stays_until_the_operator_has_stopped_and_that_of_others_stays(
    waiting_model: ControlPlane,
) -> None:
    waiting_model.kubectl("apply", "-f", "manifests/deployment.yaml")
    template = json.loads(waiting_model.kubectl("get", "-f", "manifests/deployment.yaml", "-o", "json").stdout)["spec"]
    metadata = {"name": "lasting", "namespace": NAMESPACE, "labels": template["selector"]["matchLabels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["template"]["spec"]}
    waiting_model.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    try:
        words = ("before-uninstall", "--policy=orphan", f"--deployment={DEPLOYMENT}", "--timeout=1")
        done = operator(waiting_model, *words)
        assert done.exit_code == 1
        assert "is scaled to zero, but after 1 s these pods still run: lasting" in done.stderr
        assert finalizers(waiting_model) == [FINALIZER, THEIRS]
        waiting_model.kubectl("delete", "pod", "lasting", "-n", NAMESPACE, "--force", "--grace-period=0")
        assert operator(waiting_model, *words).exit_code == 0
        assert finalizers(waiting_model) == [THEIRS]
    finally:
        waiting_model.kubectl("delete", "pod", "lasting", "-n", NAMESPACE, "--force", "--ignore-not-found")
        waiting_model.kubectl("delete", "-f", "manifests/deployment.yaml")


def test_a_deployment_is_named_with_its_namespace(control_plane: ControlPlane) -> None:
    done = operator(control_plane, "before-uninstall", "--deployment=scriptmodel-operator")
    assert done.exit_code == 2
    assert "'scriptmodel-operator' is not NAMESPACE/NAME" in done.stderr
