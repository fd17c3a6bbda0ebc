"""What an upgrade and another installation keep, on a real API server; the whole life of a release is in tests/node."""

import json
from collections.abc import Iterator

import pytest

from dev.generate.chart import CHART, NAMESPACE
from dev.stack import ControlPlane
from tests.chart.rendering import OWN_BUCKET, PACHD, Values, merged, run_helm

pytestmark = pytest.mark.slow

RELEASE = "drama"
OPERATOR = "drama-scriptmodel-operator"
THRONES = ("sm", "thrones", "-n", "team-a")
WATCHING: Values = {**PACHD, "watchNamespaces": ["team-a"]}


class Release:
    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane

    def upgrade(self, values: Values) -> None:
        """Install it, or change its values."""
        words = ("upgrade", RELEASE, str(CHART), "--install", f"--namespace={NAMESPACE}")
        done = run_helm(*words, kubeconfig=self.control_plane.kubeconfig, values=merged(WATCHING, values))
        assert done.returncode == 0, done.stderr
        self.control_plane.wait_for_definitions()

    def uninstall(self) -> None:
        words = ("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--no-hooks", "--ignore-not-found")
        done = run_helm(*words, kubeconfig=self.control_plane.kubeconfig)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def release(control_plane: ControlPlane) -> Iterator[Release]:
    """Gone afterwards; the CRD stays, as after any uninstallation."""
    control_plane.kubectl("delete", "crd", "scriptmodels.scriptmodel.dev", "--ignore-not-found")
    made = Release(control_plane)
    yield made
    made.uninstall()


def test_the_s3_server_has_the_same_keys_after_an_upgrade_and_a_new_installation(release: Release) -> None:
    name = f"{OPERATOR}-s3"

    def keys() -> dict[str, str]:
        text = release.control_plane.kubectl("get", "secret", name, "-n", NAMESPACE, "-o", "json").stdout
        return dict(json.loads(text)["data"])

    release.upgrade(OWN_BUCKET)
    first = keys()
    release.upgrade({**OWN_BUCKET, "image": {"tag": "0.2.0"}})
    assert keys() == first
    release.uninstall()
    volume = release.control_plane.kubectl("get", "pvc", name, "-n", NAMESPACE, "-o", "name")
    assert volume.stdout
    release.upgrade(OWN_BUCKET)
    assert keys() == first
    release.uninstall()
    release.control_plane.kubectl("delete", "pvc,secret", name, "-n", NAMESPACE, "--wait=false")


def test_an_upgrade_keeps_models_and_the_crd_is_upgraded_with_it(release: Release) -> None:
    release.upgrade({})
    spec = {"corpus": {"repo": {"name": "nothing-there"}}}
    model = {"apiVersion": "scriptmodel.dev/v1alpha1", "kind": "ScriptModel", "metadata": {"name": "thrones"}}
    release.control_plane.kubectl("apply", "-n", "team-a", "-f", "-", stdin=json.dumps({**model, "spec": spec}))
    uid = release.control_plane.kubectl("get", *THRONES, "-o", "jsonpath={.metadata.uid}").stdout
    crd = "crd/scriptmodels.scriptmodel.dev"
    older = '[{"op": "remove", "path": "/spec/names/shortNames"}]'
    release.control_plane.kubectl("patch", crd, "--type=json", "-p", older)
    release.upgrade({"image": {"tag": "0.2.0"}})
    assert release.control_plane.kubectl("get", *THRONES, "-o", "jsonpath={.metadata.uid}").stdout == uid
    found = release.control_plane.kubectl("get", crd, "-o", "jsonpath={.spec.names.shortNames}")
    assert found.stdout == '["sm"]'
    release.control_plane.kubectl("delete", *THRONES)
