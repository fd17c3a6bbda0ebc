"""Every value has an effect, and unknown or invalid values are refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.generate.chart import CHART, main, values
from scriptmodel_operator.engine.errors import allowing
from tests.chart.matrix import CHANGES, change
from tests.chart.rendering import BUCKET, merged, nested, refusal, rendered, run_helm

DOCUMENTED = {path: default for path, default, _text in values()}
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
OPEN = {"podSecurityContext", "securityContext", "affinity"}
"""Values that accept everything that Kubernetes accepts; the API server validates them."""


def closed_mappings(schema: dict[str, Any], above: str = "") -> list[str]:
    """Paths of the mappings whose keys are the chart's own."""
    found = [above.rstrip(".")] if schema.get("additionalProperties") is False else []
    for name, child in schema.get("properties", {}).items():
        found += closed_mappings(child, f"{above}{name}.")
    return found


def test_lint_reports_nothing() -> None:
    done = run_helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


def test_the_matrix_has_every_value() -> None:
    assert set(CHANGES) == set(DOCUMENTED)


@pytest.mark.parametrize("path", CHANGES)
def test_each_value_has_an_effect(path: str) -> None:
    base, changed = change(path)
    assert rendered(changed) != rendered(base)


def test_refusals_name_the_list_of_policy_behind_each_option() -> None:
    template = (CHART / "templates" / "deployment.yaml").read_text()
    lists = re.findall(r"\.Values\.policy\.(\w+) }}.*?--allow-([a-z-]+)=", template, re.DOTALL)
    assert {key for key, _ in lists} == set(DEFAULTS["policy"])
    for key, option in lists:
        assert allowing(option, "x") == f"have the operator run with --allow-{option} x (policy.{key} of its chart)"


def test_unknown_keys_are_refused() -> None:
    """In all mappings at once: helm reports each."""
    given: dict[str, Any] = {}
    for path in closed_mappings(SCHEMA):
        given = merged(given, nested(f"{path}.tpyo".removeprefix("."), 1))
    said = refusal(given)
    for path in closed_mappings(SCHEMA):
        assert f"- at '{'/' * bool(path)}{path.replace('.', '/')}': additional properties 'tpyo' not allowed" in said


def test_only_mappings_of_kubernetes_accept_unknown_keys() -> None:
    def keys_of(value: Any, above: str = "") -> set[str]:
        if not isinstance(value, dict) or not value:
            return set()
        below = {path for key, child in value.items() for path in keys_of(child, f"{above}{key}.")}
        return {above.rstrip("."), *below}

    mappings = keys_of(DEFAULTS)
    open_ones = mappings - set(closed_mappings(SCHEMA))
    free = {"podSecurityContext.seccompProfile", "securityContext.capabilities", "dashboard.labels"}
    assert open_ones <= OPEN | free | {
        f"{of}resources.{name}" for of in ("", "storage.server.") for name in ("requests", "limits")
    }


@pytest.mark.parametrize("address", ["http://pachd:30650", "pachd"])
def test_values_of_a_wrong_form_are_refused_with_their_path(address: str) -> None:
    wrong = {
        "pachd.address": address,
        "image.digest": "latest",
        "image.repository": "",
        "replicas": "2",
        "workers": 0,
        "downloadTimeout": 1201,
        "log.level": "trace",
        "uninstall.policy": "force",
        "storage.url": "https://bucket.s3.amazonaws.com",
        "storage.endpoint": "minio:9000",
        "storage.publicUrl": "s3.example.com",
        "storage.server.size": "much",
        "runs.resources.requests.cpu": "half",
        "uninstall.timeoutSeconds": 1_000_000,
        "trainer.checkpoints.claimName": "My_Claim",
        "policy.projects.team": "drama",
    }
    given: dict[str, Any] = {"watchNamespaces": ["No_Such"], "imagePullSecrets": ["registry"]}
    for path, value in wrong.items():
        given = merged(given, nested(path, value))
    said = refusal(given)
    for path in (*wrong, "watchNamespaces.0", "imagePullSecrets.0"):
        assert f"- at '/{path.replace('.', '/')}': " in said


def test_a_key_without_a_value_means_none_or_is_refused_by_its_name() -> None:
    """As `watchNamespaces:` with nothing below: helm removes the default."""
    empty, needed = dict[str, Any](), dict[str, Any]()
    for path, default in DOCUMENTED.items():
        none = default in ("", []) or isinstance(default, dict)
        (empty if none else needed)[path] = None
    mappings = {path.rpartition(".")[0]: None for path in DOCUMENTED if "." in path}
    given: dict[str, Any] = {}
    for path in empty:
        given = merged(given, nested(path, None))
    assert "kind: Deployment" in rendered(given)
    for paths in (needed, {path: None for path in mappings if "." not in path}):
        given = {}
        for path in paths:
            given = merged(given, nested(path, None))
        said = refusal(given)
        for path in paths:
            above, _, name = f"/{path.replace('.', '/')}".rpartition("/")
            assert re.search(f"at '{above}': missing propert.*'{name}'", said), path


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"leaderElection": {"enabled": False}}, "replicas is above 1 without leaderElection.enabled"),
        ({"serviceMonitor": {"enabled": True}, "service": {"enabled": False}}, "needs service.enabled"),
        ({"pachd": {"secret": {"name": "pachd-access", "tokenKey": "token"}}}, "needs the address of pachd"),
        ({"storage": BUCKET["storage"], "pachd": {"address": "pachd:30650"}}, "a release has one engine"),
        ({**BUCKET, "trainer": {"checkpoints": {"claimName": "c"}}}, "checkpoints are in the bucket"),
    ],
)
def test_values_that_cannot_work_together_are_refused(given: dict[str, Any], words: str) -> None:
    assert words in refusal(given)


@pytest.mark.parametrize("address", ["[::1]:30650", "grpcs://pachd:1", "dns:///pachd.pachyderm:30650"])
def test_every_address_of_pachd_that_the_operator_accepts_is_accepted(address: str) -> None:
    assert address in rendered({"pachd": {"address": address}})


def test_the_schema_and_the_values_have_the_same_keys() -> None:
    def keys_of(schema: dict[str, Any], value: Any, above: str = "") -> None:
        declared = set(schema.get("properties", {})) - ({"global"} if not above else {"claims"})
        if declared:
            assert declared == set(value), above
        for name in declared:
            keys_of(schema["properties"][name], value[name], f"{above}{name}.")

    keys_of(SCHEMA, DEFAULTS)


def test_manifests_readme_and_schema_are_up_to_date_with_the_chart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", ["README.md", "docs/guide/install.md", "charts/scriptmodel-operator/README.md"])
def test_values_set_in_the_documentation_are_accepted(page: str) -> None:
    commands = Path(page).read_text().replace("\\\n", " ").splitlines()
    ours = [each for each in commands if "charts/scriptmodel-operator" in each]  # not Pachyderm's chart
    settings = {tuple(re.findall(r"--set ([\w.]+=[^\s`]+)", each)) for each in ours} - {()}
    assert settings
    for given in settings:
        done = run_helm("template", "scriptmodel", str(CHART), *(f"--set={each}" for each in given))
        assert done.returncode == 0, done.stderr


def test_the_values_that_the_guide_names_exist() -> None:
    rows = [
        line for line in Path("docs/guide/install.md").read_text().splitlines() if line.startswith("| ") and "." in line
    ]
    named = {word for row in rows for word in re.findall(r"`([a-zA-Z]+\.[a-zA-Z.]+[a-zA-Z])(?:=[^`]*)?`", row)}
    assert len(named) > 10
    assert {name for name in named if not name.endswith(".yaml")} <= set(DOCUMENTED)
