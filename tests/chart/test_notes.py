"""The notes that helm prints after an installation describe the next steps."""

import pytest

from dev.generate.chart import CHART
from dev.stack import ControlPlane
from tests.chart.matrix import COMBINATIONS
from tests.chart.rendering import PACHD, Values, run_helm


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
