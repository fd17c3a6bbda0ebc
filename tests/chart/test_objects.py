"""A real API server accepts everything that the chart renders and that manifests/ contains, and the notes help."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.generate.chart import CHART, NAMESPACE
from dev.stack import ControlPlane
from localpach import __version__
from tests.chart.matrix import COMBINATIONS
from tests.chart.rendering import PACHD, Object, Values, objects, only, run_helm

DRY = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
SAMPLES = sorted(Path("manifests/samples").glob("*.yaml"))


def pods_of(found: list[Object]) -> list[Object]:
    """Each pod that the objects would bring about, as a pod."""
    result = []
    for each in found:
        template = each["spec"].get("template") if each["kind"] in ("Deployment", "Job") else None
        if each["kind"] == "Pod" or template:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": (template or each)["spec"]}
            result.append(pod)
    return result


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_object_is_taken(control_plane: ControlPlane, name: str) -> None:
    known = [each for each in objects(COMBINATIONS[name]) if "monitoring" not in each["apiVersion"]]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    done = control_plane.kubectl(*DRY, "-f", "-", stdin=listed)
    assert len(done.stdout.splitlines()) == len(known)
    assert "PodSecurity" not in done.stderr


@pytest.mark.parametrize("name", ["a pachd", "no pachd", "some namespaces"])
def test_every_pod_meets_the_pod_security_standard_restricted(control_plane: ControlPlane, name: str) -> None:
    pods = pods_of(objects(COMBINATIONS[name]))
    assert len(pods) == (4 if name == "no pachd" else 3)
    for pod in pods:
        control_plane.kubectl("-n", NAMESPACE, "create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_manifests_apply_with_kustomize(control_plane: ControlPlane) -> None:
    done = control_plane.kubectl("apply", "-k", "manifests", "--validate=strict")
    assert "deployment.apps/scriptmodel-operator created" in done.stdout
    resources = yaml.safe_load(Path("manifests/kustomization.yaml").read_text())["resources"]
    assert {path.name for path in Path("manifests").glob("*.yaml")} == {*resources, "kustomization.yaml"}
    control_plane.kubectl("delete", "-n", NAMESPACE, "deployment,service,poddisruptionbudget", "--all")


def test_the_example_of_an_overlay_in_the_kustomization_works(control_plane: ControlPlane, tmp_path: Path) -> None:
    """Return the content of the comment."""
    comment = Path("manifests/kustomization.yaml").read_text().splitlines()
    said = yaml.safe_load("\n".join(line[4:] for line in comment if line.startswith("#   ")))
    (tmp_path / "base").symlink_to(Path("manifests").resolve())
    overlay = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["base"], **said}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    made = yaml.safe_load_all(control_plane.kubectl("kustomize", str(tmp_path)).stdout)
    (container,) = only("Deployment", list(made))["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/scriptmodel-operator:{__version__}"
    assert [each["value"] for each in container["env"]] == [
        "pachd.default.svc:30650",
        f"registry.example.com/scriptmodel-trainer:{__version__}",
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_applied_and_accepted(control_plane: ControlPlane, sample: Path) -> None:
    control_plane.kubectl("apply", "-n", "team-a", "--validate=strict", "-f", str(sample))
    kept = control_plane.kubectl("get", "-n", "team-a", "-f", str(sample), "-o", "json").stdout
    documents = [each for each in yaml.safe_load_all(sample.read_text()) if each["kind"] == "ScriptModel"]
    found = json.loads(kept)
    found = {each["metadata"]["name"]: each for each in found.get("items", [found])}
    assert documents
    for document in documents:
        assert contains(found[document["metadata"]["name"]]["spec"], document["spec"])


def contains(whole: Any, part: Any) -> bool:
    """Nothing of `part` was dropped; defaults may have come."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


def spec_of(name: str) -> Object:
    return dict(yaml.safe_load(Path(f"manifests/samples/{name}.yaml").read_text())["spec"])


def test_a_new_script_differs_from_the_first_try_in_generation_alone() -> None:
    first, second = spec_of("shakespeare"), spec_of("new-script")
    assert first.pop("generation") != second.pop("generation")
    assert first == second


def notes(control_plane: ControlPlane, values: Values) -> str:
    words = ("install", "drama", str(CHART), "--dry-run=client", "--namespace=ml")
    done = run_helm(*words, kubeconfig=control_plane.kubeconfig, values={"crds": {"install": False}, **values})
    assert done.returncode == 0, done.stderr
    return str(done.stdout.partition("NOTES:")[2])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["helm test drama -n ml", "rollout status deployment/drama-scriptmodel-operator", "watches ml;"]),
        ({}, ["rbac.aggregateEdit=true", "first what it grants", "kubectl delete scriptmodels --all -n ml"]),
        ({"watchNamespaces": ["team-a"]}, ["watches ml, team-a; a\nScriptModel in another", "kubectl apply -n team-a"]),
        ({"watchAllNamespaces": True}, ["watches all namespaces.", "kubectl apply -f", "scriptmodels --all -A"]),
        ({}, ["that the bucket answers", "scriptmodel push plays/ --repo plays --create", "for one team", "-people"]),
        ({}, ["a push by others than administrators fails until rbac.portForward.create", "also /metrics"]),
        ({"pachd": {"address": "pachd.pachyderm:30650"}}, ["that pachd answers", "in Pachyderm's namespace"]),
        (COMBINATIONS["pachd with auth and TLS"], ["at the address in Secret pachd-access"]),
    ],
)
def test_the_notes_describe_the_next_steps(control_plane: ControlPlane, values: Values, words: list[str]) -> None:
    said = notes(control_plane, values)
    for each in words:
        assert each in said


def test_the_notes_omit_warnings_that_do_not_apply(control_plane: ControlPlane) -> None:
    rights = {"aggregateEdit": True, "portForward": {"create": True, "subjects": [{"kind": "Group", "name": "team"}]}}
    said = notes(control_plane, {"rbac": rights, "uninstall": {"policy": "off"}})
    assert "a push by others" not in said
    assert "Only cluster administrators" not in said
    assert "it fails while one exists" not in said


def test_the_notes_delete_nothing_outside_of_the_watched_namespaces(control_plane: ControlPlane) -> None:
    said = notes(control_plane, {"watchNamespaces": ["team-a", "team-b"]})
    assert "".join(f"    kubectl delete scriptmodels --all -n {each}\n" for each in ("ml", "team-a", "team-b")) in said
    assert " -A" not in said


@pytest.mark.parametrize("enabled", [True, False])
def test_the_notes_warn_of_open_metrics_without_a_network_policy(control_plane: ControlPlane, enabled: bool) -> None:
    said = " ".join(notes(control_plane, {"networkPolicy": {"enabled": enabled}}).split())
    warning = "/metrics names the ScriptModels of the watched namespaces and is open to all pods of the cluster"
    assert (warning in said) is not enabled
    assert ("networkPolicy.enabled=true" in said) is not enabled


@pytest.mark.parametrize("claim", ["", "checkpoints"])
def test_the_notes_name_what_a_lost_worker_costs_without_a_claim(control_plane: ControlPlane, claim: str) -> None:
    said = notes(control_plane, {**PACHD, "trainer": {"checkpoints": {"claimName": claim}}})
    assert ("A training whose worker is lost starts over" in said) is not bool(claim)


def test_the_api_server_accepts_the_first_model_of_the_notes(control_plane: ControlPlane) -> None:
    said = notes(control_plane, {})
    text = said.partition("<<'END'\n")[2].partition("\n    END\n")[0]
    done = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    assert done.stdout == "scriptmodel.scriptmodel.dev/first created (server dry run)\n"
