"""A release from `helm install` to `helm uninstall`, on a real API server and localpach, with the rights that it
creates.

What a kubelet would run is run here by `node.py`; the end-to-end tests do the same on a real node.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.generate.chart import CHART, NAMESPACE
from dev.processes import free_port
from dev.stack import ControlPlane, Localpach, Operator
from localpach import __version__
from tests.chart.conftest import account_kubeconfig
from tests.chart.node import Node, until
from tests.chart.rendering import OWN_BUCKET, PACHD, Object, Values, command, environment, merged, run_helm
from tests.integration.relay import Relay

pytestmark = pytest.mark.slow

RELEASE = "drama"
OPERATOR = "drama-scriptmodel-operator"
FINALIZER = "scriptmodel.dev/pipelines"
WATCHING: Values = {**PACHD, "watchNamespaces": ["team-a"]}


@pytest.fixture
def node(control_plane: ControlPlane, tmp_path: Path) -> Node:
    return Node(control_plane, tmp_path)


@pytest.fixture(scope="module")
def localpach(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    with Localpach(tmp_path_factory.mktemp("localpach")) as running:
        yield running


@pytest.fixture
def pachd(localpach: Localpach) -> Iterator[str]:
    """A port that leads to the socket of localpach, since a Service has one."""
    with Relay(localpach.address) as relay:
        yield relay.address


class Release:
    """One release and its ScriptModels."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane

    def upgrade(self, values: Values) -> None:
        """Install it, or change its values."""
        words = ("upgrade", RELEASE, str(CHART), "--install", f"--namespace={NAMESPACE}")
        done = run_helm(*words, kubeconfig=self.control_plane.kubeconfig, values=merged(WATCHING, values))
        assert done.returncode == 0, done.stderr
        self.control_plane.wait_for_definitions()

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command of helm's that waits for what a node does."""
        return subprocess.Popen(
            command(*words, RELEASE, f"--namespace={NAMESPACE}", "--timeout=90s"),
            env=environment(self.control_plane.kubeconfig),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, printed: str) -> str:
        """Run commands of helm as they are printed; return the policy that the release has then."""
        env = environment(self.control_plane.kubeconfig)
        env |= {"PATH": f"{Path(command()[0]).parent}:{env['PATH']}", "CHART": str(CHART)}
        subprocess.run(["bash", "-euc", printed], env=env, check=True, capture_output=True)
        done = run_helm(
            "get", "values", RELEASE, "-n", NAMESPACE, "-o", "json", kubeconfig=self.control_plane.kubeconfig
        )
        return str(json.loads(done.stdout)["uninstall"]["policy"])

    def model(self, name: str, namespace: str = "team-a") -> Object:
        text = self.control_plane.kubectl("get", "sm", name, "-n", namespace, "-o", "json").stdout
        return dict(json.loads(text))

    def apply_model(self, name: str, namespace: str = "team-a") -> None:
        spec = {"corpus": {"repo": {"name": "nothing-there"}}}
        text = json.dumps(
            {"apiVersion": "scriptmodel.dev/v1alpha1", "kind": "ScriptModel", "metadata": {"name": name}, "spec": spec}
        )
        self.control_plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)

    def left(self) -> set[str]:
        """Everything in the cluster that carries the release's label."""
        kinds = (
            "deployments,services,serviceaccounts,configmaps,secrets,jobs,pods,roles,rolebindings,clusterroles,"
            "clusterrolebindings,poddisruptionbudgets,networkpolicies,servicemonitors,prometheusrules,crds"
        )
        label = f"--selector=app.kubernetes.io/instance={RELEASE}"
        found = self.control_plane.kubectl("get", kinds, "-A", label, "-o", "name")
        return set(found.stdout.split())


@pytest.fixture
def release(control_plane: ControlPlane) -> Iterator[Release]:
    """Gone afterwards, with all ScriptModels; the CRD stays, as after any uninstallation."""
    control_plane.kubectl("delete", "crd", "scriptmodels.scriptmodel.dev", "--ignore-not-found")
    made = Release(control_plane)
    yield made
    run_helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--no-hooks", kubeconfig=control_plane.kubeconfig)
    of_hooks = f"--selector=app.kubernetes.io/instance={RELEASE}"  # those that failed stay for their log
    control_plane.kubectl("delete", "pod,job", of_hooks, "-n", NAMESPACE, "--force", "--grace-period=0")
    for namespace in ("team-a", "team-b"):
        for name in control_plane.kubectl("get", "sm", "-n", namespace, "-o", "name", check=False).stdout.split():
            nothing = '{"metadata": {"finalizers": []}}'
            control_plane.kubectl("patch", name, "-n", namespace, "--type=merge", "-p", nothing)
            control_plane.kubectl("delete", name, "-n", namespace)


def reason(found: Object) -> str:
    conditions = found.get("status", {}).get("conditions", [])
    return next((each["reason"] for each in conditions if each["type"] == "Ready"), "")


def take_up(release: Release, localpach: Localpach, root: Path, names: tuple[str, ...], *options: str) -> None:
    """Run an operator with the release's account until it has set its finalizer on the models."""
    kubeconfig = account_kubeconfig(release.control_plane, OPERATOR, root / "operator.kubeconfig")
    leader = ("--leader-elect", f"--lease-namespace={NAMESPACE}")
    with Operator(root, kubeconfig, localpach.address, options=["--poll-interval=0.5", *leader, *options]) as running:
        for name in names:
            until(lambda name=name: reason(release.model(name)) == "CorpusNotFound", f"{name} with a reason")  # type: ignore[misc]  # a default binds the name
        text = running.log.read_text()
    assert "HTTP 403" not in text, text


def test_the_operator_works_with_the_rights_of_listed_namespaces_alone(
    release: Release, localpach: Localpach, tmp_path: Path
) -> None:
    release.upgrade({})
    release.apply_model("seen")
    release.apply_model("unseen", "team-b")
    take_up(release, localpach, tmp_path, ("seen",), "--namespace=team-a")
    assert release.model("seen")["metadata"]["finalizers"] == [FINALIZER]
    assert "finalizers" not in release.model("unseen", "team-b")["metadata"]


def test_helm_test_applies_a_model_as_a_dry_run_and_reaches_pachd(release: Release, pachd: str, node: Node) -> None:
    release.upgrade({"pachd": {"address": pachd}})
    helm = release.begin("test", "--logs")
    pod = until(lambda: node.find("pod", f"{OPERATOR}-check"), "the pod of the test")
    check = node.start(pod["spec"])
    said, _ = check.communicate(timeout=60)
    assert check.returncode == 0, said
    assert "ok      the API server serves scriptmodel.dev/v1alpha1\n" in said
    assert f"ok      a ScriptModel is accepted in namespace '{NAMESPACE}' (dry run)\n" in said
    assert f"ok      localpach {__version__} answers at {pachd}\n" in said
    node.pod_ended(f"{OPERATOR}-check", well=True)
    out, _ = helm.communicate(timeout=90)
    assert helm.returncode == 0, out
    assert "Phase:          Succeeded" in out
    assert not release.control_plane.kubectl("get", "sm", "-n", NAMESPACE, "-o", "name").stdout


def test_a_check_without_pachd_fails_and_names_what_to_check(
    release: Release, control_plane: ControlPlane, node: Node
) -> None:
    release.upgrade({"pachd": {"address": f"127.0.0.1:{free_port()}"}})
    helm = release.begin("test")
    pod = until(lambda: node.find("pod", f"{OPERATOR}-check"), "the pod of the test")
    check = node.start(pod["spec"])
    said, _ = check.communicate(timeout=60)
    assert check.returncode == 1
    assert "FAILED  asking pachd for its version" in said
    assert "check --pachd" in said
    node.pod_ended(f"{OPERATOR}-check", well=False)
    helm.communicate(timeout=90)
    assert helm.returncode == 1


def test_uninstall_fails_while_a_model_exists_and_succeeds_without_one(
    release: Release, localpach: Localpach, node: Node, tmp_path: Path
) -> None:
    release.upgrade({})
    release.apply_model("thrones")
    take_up(release, localpach, tmp_path, ("thrones",))
    helm = release.begin("uninstall")
    job = until(lambda: node.find("job", f"{OPERATOR}-pre-delete"), "the hook's job")
    hook = node.start(job["spec"]["template"]["spec"])
    said, _ = hook.communicate(timeout=60)
    assert hook.returncode == 1
    assert "1 ScriptModel(s) still exist: team-a/thrones" in said
    assert "kubectl delete scriptmodels --all -n team-a" in said
    node.job_ended(f"{OPERATOR}-pre-delete", well=False)
    helm.communicate(timeout=120)
    assert helm.returncode == 1
    assert "deployment.apps/drama-scriptmodel-operator" in release.left()
    here: Values = {"kubeconfig": release.control_plane.kubeconfig}
    revision = json.loads(run_helm("history", RELEASE, "-n", NAMESPACE, "-o", "json", **here).stdout)[-1]["revision"]
    assert run_helm("rollback", RELEASE, str(revision), "-n", NAMESPACE, **here).returncode == 0
    release.upgrade({"uninstall": {"policy": "orphan"}})
    release.upgrade({})

    patch = '{"metadata": {"finalizers": []}}'  # as the operator does when it has removed the pipelines
    release.control_plane.kubectl("patch", "sm", "thrones", "-n", "team-a", "--type=merge", "-p", patch)
    release.control_plane.kubectl("delete", "sm", "thrones", "-n", "team-a")
    failed = job["metadata"]["uid"]
    helm = release.begin("uninstall")
    job = until(lambda: other_than(failed, node.find("job", f"{OPERATOR}-pre-delete")), "the hook's next job")
    hook = node.start(job["spec"]["template"]["spec"])
    said, _ = hook.communicate(timeout=60)
    assert (hook.returncode, said) == (0, "no ScriptModel exists\n")
    node.job_ended(f"{OPERATOR}-pre-delete", well=True)
    out, _ = helm.communicate(timeout=120)
    assert helm.returncode == 0, out
    assert release.left() == {"customresourcedefinition.apiextensions.k8s.io/scriptmodels.scriptmodel.dev"}


def other_than(uid: str, found: Object | None) -> Object | None:
    return found if found and found["metadata"]["uid"] != uid else None


def test_uninstall_by_the_policy_orphan_stops_the_operator_first_and_then_lets_go(
    release: Release, localpach: Localpach, node: Node, tmp_path: Path
) -> None:
    release.upgrade({"uninstall": {"policy": "orphan"}})
    for name in ("thrones", "leaving"):
        release.apply_model(name)
    take_up(release, localpach, tmp_path, ("thrones", "leaving"))
    others = json.dumps({"metadata": {"finalizers": [FINALIZER, "example.com/theirs"]}})
    release.control_plane.kubectl("patch", "sm", "thrones", "-n", "team-a", "--type=merge", "-p", others)
    release.control_plane.kubectl("delete", "sm", "leaving", "-n", "team-a", "--wait=false")
    pod = operator_pod(release.control_plane)

    helm = release.begin("uninstall")
    job = until(lambda: node.find("job", f"{OPERATOR}-pre-delete"), "the hook's job")
    hook = node.start(job["spec"]["template"]["spec"])
    until(lambda: (node.find("deployment", OPERATOR) or {})["spec"]["replicas"] == 0, "a stopped operator")
    assert FINALIZER in release.model("thrones")["metadata"]["finalizers"]
    release.control_plane.kubectl("delete", "pod", pod, "-n", NAMESPACE, "--force", "--grace-period=0")
    said, _ = hook.communicate(timeout=60)
    assert hook.returncode == 0, said
    assert "let go of team-a/thrones" in said
    assert release.model("thrones")["metadata"]["finalizers"] == ["example.com/theirs"]
    gone = release.control_plane.kubectl("get", "sm", "leaving", "-n", "team-a", "--ignore-not-found")
    assert gone.stdout == ""
    node.job_ended(f"{OPERATOR}-pre-delete", well=True)
    out, _ = helm.communicate(timeout=120)
    assert helm.returncode == 0, out
    assert release.left() == {"customresourcedefinition.apiextensions.k8s.io/scriptmodels.scriptmodel.dev"}


def operator_pod(control_plane: ControlPlane) -> str:
    """Return a pod as the Deployment's controller would create it."""
    text = control_plane.kubectl("get", "deployment", OPERATOR, "-n", NAMESPACE, "-o", "json").stdout
    template = json.loads(text)["spec"]["template"]
    metadata = {"name": f"{OPERATOR}-1", "labels": template["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    control_plane.kubectl("create", "-n", NAMESPACE, "-f", "-", stdin=json.dumps(pod))
    return f"{OPERATOR}-1"


def test_the_s3_server_has_the_same_keys_after_an_upgrade_and_a_new_installation(release: Release) -> None:
    name = f"{OPERATOR}-s3"

    def keys() -> dict[str, str]:
        text = release.control_plane.kubectl("get", "secret", name, "-n", NAMESPACE, "-o", "json").stdout
        return dict(json.loads(text)["data"])

    release.upgrade(OWN_BUCKET)
    first = keys()
    release.upgrade({**OWN_BUCKET, "image": {"tag": "0.2.0"}})
    assert keys() == first
    uninstall = ("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--no-hooks")
    done = run_helm(*uninstall, kubeconfig=release.control_plane.kubeconfig)
    assert done.returncode == 0, done.stderr
    volume = release.control_plane.kubectl("get", "pvc", name, "-n", NAMESPACE, "-o", "name")
    assert volume.stdout
    release.upgrade(OWN_BUCKET)
    assert keys() == first
    run_helm(*uninstall, kubeconfig=release.control_plane.kubeconfig)
    release.control_plane.kubectl("delete", "pvc,secret", name, "-n", NAMESPACE, "--wait=false")


def test_an_upgrade_keeps_models_and_the_crd_is_upgraded_with_it(release: Release) -> None:
    release.upgrade({})
    release.apply_model("thrones")
    uid = release.model("thrones")["metadata"]["uid"]
    crd = "crd/scriptmodels.scriptmodel.dev"
    older = '[{"op": "remove", "path": "/spec/names/shortNames"}]'
    release.control_plane.kubectl("patch", crd, "--type=json", "-p", older)
    release.upgrade({"image": {"tag": "0.2.0"}})
    assert release.model("thrones")["metadata"]["uid"] == uid
    found = release.control_plane.kubectl("get", crd, "-o", "jsonpath={.spec.names.shortNames}")
    assert found.stdout == '["sm"]'
