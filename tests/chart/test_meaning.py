"""Each value appears in the rendered objects with its meaning."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.generate.chart import CHART, NAMESPACE
from dev.paths import OPERATOR_ENV
from localpach import __version__
from tests.chart.matrix import COMBINATIONS, DIGEST
from tests.chart.rendering import (
    OWN_BUCKET,
    Object,
    Values,
    kinds,
    merged,
    objects,
    only,
    operator_container,
    refusal,
    run_helm,
)

SECRET = COMBINATIONS["pachd with auth and TLS"]


def env(values: dict[str, object] | None = None) -> dict[str, object]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in operator_container(values)["env"]}


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, f"scriptmodel-operator:{__version__}"),
        ({"registry": "registry.example.com"}, f"registry.example.com/scriptmodel-operator:{__version__}"),
        ({"tag": "main"}, "scriptmodel-operator:main"),
        ({"digest": DIGEST}, f"scriptmodel-operator@{DIGEST}"),
        ({"tag": "main", "digest": DIGEST}, f"scriptmodel-operator:main@{DIGEST}"),
    ],
)
def test_an_image_is_named_by_registry_tag_and_digest(image: dict[str, str], reference: str) -> None:
    assert operator_container({"image": image})["image"] == reference
    trainer = reference.replace("scriptmodel-operator", "scriptmodel-trainer")
    assert env({"trainer": {"image": image}})["SCRIPTMODEL_TRAINER_IMAGE"] == trainer


@pytest.mark.parametrize("values", [COMBINATIONS["everything"], merged(OWN_BUCKET, {"runs": {"labels": {"a": "b"}}})])
def test_all_arguments_of_the_operator_are_known_to_it(values: Values) -> None:
    args = operator_container(values)["args"]
    known = subprocess.run(
        [OPERATOR_ENV / "bin" / "scriptmodel-operator", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert args[0] == "run"
    for argument in args[1:]:
        assert argument.partition("=")[0] in known, argument


def test_other_images_are_in_the_operators_registry_unless_they_name_theirs() -> None:
    def images(registry: str) -> set[str]:
        theirs = {"image": {"registry": registry}}
        given = {"image": {"registry": "registry.example.com"}, "trainer": theirs, "storage": {"server": theirs}}
        server = only("Deployment", objects(merged(OWN_BUCKET, given)), "scriptmodel-operator-s3")
        (container,) = server["spec"]["template"]["spec"]["containers"]
        return {container["image"], str(env(given)["SCRIPTMODEL_TRAINER_IMAGE"])}

    for given, found in (("", "registry.example.com"), ("mirror.example.com/ml", "mirror.example.com/ml")):
        assert images(given) == {f"{found}/scriptmodel-s3:{__version__}", f"{found}/scriptmodel-trainer:{__version__}"}


def test_the_policy_becomes_options() -> None:
    args = operator_container({"policy": COMBINATIONS["everything"]["policy"]})["args"]
    for argument in (
        "--allow-image=registry.example.com/trainers/",
        "--allow-priority-class=*",
        "--allow-runtime-class=nvidia",
        "--allow-pull-secret=registry",
        "--allow-checkpoint-claim=team-a=checkpoints-a",
        "--allow-download=10.1.2.3",
        "--allow-download=files.example.com",
        "--allow-project=team-a=drama",
        "--allow-project=team-a=comedy",
        "--allow-repo=team-a=plays-*",
    ):
        assert argument in args


def test_address_token_and_certificates_of_pachd_come_from_a_secret() -> None:
    found = env(SECRET)
    assert found["SCRIPTMODEL_PACHD"] == {"secretKeyRef": {"name": "pachd-access", "key": "address"}}
    files = [found[f"SCRIPTMODEL_PACHD_{name}_FILE"] for name in ("TOKEN", "CA")]
    assert files == ["/etc/scriptmodel/pachd/token", "/etc/scriptmodel/pachd/ca.crt"]
    pods = (only("Deployment", objects(SECRET))["spec"]["template"], only("Pod", objects(SECRET)))
    for pod in pods:
        (volume,) = (each["secret"] for each in pod["spec"]["volumes"] if each["name"] == "pachd")
        paths = {each["key"]: each["path"] for each in volume["items"]}
        assert paths == {"token": "token", "ca.pem": "ca.crt"}
        (mount,) = (each for each in pod["spec"]["containers"][0]["volumeMounts"] if each["name"] == "pachd")
        assert mount["mountPath"] == "/etc/scriptmodel/pachd"


def test_the_public_config_has_the_address_and_nothing_of_a_secret() -> None:
    given = {"name": "pachd-access", "tokenKey": "token", "caKey": "ca.pem"}
    values = {"pachd": {"address": "pachd.ml.svc:30650", "secret": given}, "watchNamespaces": ["team-a", "team-b"]}
    published = only("ConfigMap", objects(values), "scriptmodel-operator")
    assert published["metadata"]["namespace"] == "kube-public"
    assert published["metadata"]["labels"]["scriptmodel.dev/public-config"] == "true"
    assert published["data"] == {
        "pachd": "grpcs://pachd.ml.svc:30650",
        "releaseNamespace": NAMESPACE,
        "watchNamespaces": f"{NAMESPACE} team-a team-b",
    }
    binding = only("RoleBinding", objects(), "scriptmodel-operator-public-config")
    assert [each["name"] for each in binding["subjects"]] == ["system:authenticated"]
    unpublished = [each for each in objects(SECRET) if "pachd" in each.get("data", {})]
    assert unpublished == [], "only the Secret has the address"


def test_the_right_to_forward_ports_is_made_on_request_in_the_namespace_of_pachd() -> None:
    assert not [each for each in objects() if "pods/portforward" in str(each.get("rules"))]
    subjects = [{"kind": "User", "name": "ada", "apiGroup": "rbac.authorization.k8s.io"}]
    granted = {"rbac": {"portForward": {"create": True, "subjects": subjects}}}
    for address, namespace in (
        ("pachd.ml.svc:1", "ml"),
        ("grpcs://pachd.ml.svc.cluster.local:1", "ml"),
        ("dns:///pachd.ml.svc:1", "ml"),
        ("dns://10.0.0.10/pachd.ml.svc:1", "ml"),
        ("dns:pachd.ml.svc:1", "ml"),
        ("dns:1", NAMESPACE),
        ("pachd:1", NAMESPACE),
    ):
        found = objects(granted | {"pachd": {"address": address}})
        assert only("Role", found, "scriptmodel-operator-pachd")["metadata"]["namespace"] == namespace
        assert only("RoleBinding", found, "scriptmodel-operator-pachd")["subjects"] == subjects
        assert (
            only("ConfigMap", found, "scriptmodel-operator")["data"]["portForwardRole"] == "scriptmodel-operator-pachd"
        )
    for address in ("pachd.example.com:443", "ipv4:10.0.0.1:30650"):
        assert "NAME.NAMESPACE.svc:PORT" in refusal(granted | {"pachd": {"address": address}})


@pytest.mark.parametrize("listed", [[], ["team-a", "team-b"]])
def test_in_other_namespaces_the_operator_may_only_release_scriptmodels(listed: list[str]) -> None:
    found = objects({"watchNamespaces": listed, "clusterId": "blue"})
    bindings = [each for each in found if each["kind"] == "RoleBinding"]
    of_accounts = [each for each in bindings if each["subjects"][0]["kind"] == "ServiceAccount"]
    bound = {each["metadata"]["namespace"] for each in of_accounts}
    assert bound == {*listed, NAMESPACE}
    assert only("ClusterRoleBinding", found)["roleRef"]["name"] == "scriptmodel-operator-scriptmodels"
    rules = only("ClusterRole", found, "scriptmodel-operator-scriptmodels")["rules"]
    assert {resource: rule["verbs"] for rule in rules for resource in rule["resources"]} == {
        "scriptmodels": ["list", "watch", "patch"],
        "scriptmodels/status": ["patch"],
    }
    assert {f"--namespace={each}" for each in bound} <= set(operator_container({"watchNamespaces": listed})["args"])


def test_a_release_that_watches_all_namespaces_names_none() -> None:
    found = objects({"watchAllNamespaces": True, "watchNamespaces": ["team-a"]})
    rules = only("ClusterRole", found, "scriptmodel-operator")["rules"]
    assert only("ClusterRoleBinding", found, "scriptmodel-operator")["roleRef"]["name"] == "scriptmodel-operator"
    assert ["configmaps"] in [rule["resources"] for rule in rules]
    assert only("ConfigMap", found, "scriptmodel-operator")["data"]["watchNamespaces"] == ""
    assert "--namespace" not in str(only("Deployment", found))


def test_nobody_but_the_viewers_gets_a_right_by_default() -> None:
    found = objects()
    aggregated = [each for each in found if "aggregate-to" in str(each["metadata"].get("labels"))]
    assert [each["metadata"]["name"] for each in aggregated] == ["scriptmodel-operator-view"]
    assert {verb for rule in aggregated[0]["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    alone = {"aggregateView": False, "aggregateEdit": True}
    edit = only("ClusterRole", objects({"rbac": alone}), "scriptmodel-operator-edit")
    changing = {"create", "update", "patch", "delete", "deletecollection"}
    assert set(edit["rules"][0]["verbs"]) == changing | {"get", "list", "watch"}


def test_the_crd_is_the_operators_and_is_kept_by_default() -> None:
    crd = only("CustomResourceDefinition", objects())
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert crd["spec"] == yaml.safe_load(Path("manifests/crd.yaml").read_text())["spec"]
    lost = only("CustomResourceDefinition", objects({"crds": {"keep": False}}))
    assert "annotations" not in lost["metadata"]


def test_a_budget_is_made_only_where_it_blocks_no_drain() -> None:
    assert "PodDisruptionBudget" in kinds()
    assert "PodDisruptionBudget" not in kinds({"replicas": 1})


def test_pods_of_hooks_are_found_neither_by_the_service_nor_by_the_deployment() -> None:
    found = objects()
    selector = only("Service", found)["spec"]["selector"]
    hooks = [only("Job", found)["spec"]["template"]["metadata"]["labels"], only("Pod", found)["metadata"]["labels"]]
    assert selector == only("Deployment", found)["spec"]["selector"]["matchLabels"]
    for labels in hooks:
        assert not selector.items() <= labels.items()


PODS = {"Deployment", "Job", "Pod"}


def pods(values: Values) -> dict[str, Object]:
    """Return the pods of the chart, by the kind of the object that makes them, and that of its S3 server."""
    found = {each["kind"]: each for each in objects(values) if each["kind"] in PODS}
    found["S3"] = only("Deployment", objects(merged(OWN_BUCKET, values)), "scriptmodel-operator-s3")
    return {kind: each if kind == "Pod" else each["spec"]["template"] for kind, each in found.items()}


def has(found: Any, given: Any) -> bool:
    """Whether a field of a pod has what a value gives, perhaps beside other entries."""
    if isinstance(given, dict):
        return given.items() <= found.items()
    return all(each in list(found) for each in given) if isinstance(given, list) else bool(found == given)


_ENV = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
_VOLUME, _MOUNT = {"name": "more", "emptyDir": {}}, {"name": "more", "mountPath": "/more"}
_HOOKS_AND_OPERATOR = {"Deployment", "Job", "Pod"}
_ALL = {*PODS, "S3"}
_TOLERATION = {"key": "infra", "operator": "Exists"}


@pytest.mark.parametrize(
    ("values", "where", "kinds"),
    [
        ({"commonLabels": {"team": "drama"}}, ("metadata", "labels"), _ALL),
        ({"podLabels": {"zone": "a"}}, ("metadata", "labels"), _ALL),
        ({"podAnnotations": {"example.com/inject": "no"}}, ("metadata", "annotations"), _ALL),
        ({"priorityClassName": "high"}, ("spec", "priorityClassName"), _ALL),
        ({"nodeSelector": {"disk": "ssd"}}, ("spec", "nodeSelector"), _ALL - {"CronJob"}),
        ({"tolerations": [_TOLERATION]}, ("spec", "tolerations"), _ALL - {"CronJob"}),
        ({"affinity": {"nodeAffinity": {"x": 1}}}, ("spec", "affinity"), _ALL - {"CronJob"}),
        ({"extraEnv": _ENV}, ("spec", "containers", 0, "env"), _HOOKS_AND_OPERATOR),
        ({"extraVolumes": [_VOLUME]}, ("spec", "volumes"), _HOOKS_AND_OPERATOR),
        ({"extraVolumeMounts": [_MOUNT]}, ("spec", "containers", 0, "volumeMounts"), _HOOKS_AND_OPERATOR),
        ({"imagePullSecrets": [{"name": "registry"}]}, ("spec", "imagePullSecrets"), _ALL),
    ],
    ids=lambda values: next(iter(values)) if isinstance(values, dict) else "",
)
def test_a_value_reaches_every_pod_that_its_description_names(
    values: Values, where: tuple[Any, ...], kinds: set[str]
) -> None:
    ((_name, given),) = values.items()
    reached = set()
    for kind, pod in pods(values).items():
        found: Any = pod
        for key in where:
            found = found[key] if isinstance(key, int) else found.get(key, {})
        if has(found, given):
            reached.add(kind)
    assert reached == kinds


def test_the_service_monitor_finds_the_service_and_keeps_the_label_namespace() -> None:
    found = objects(COMBINATIONS["monitored"])
    monitor, service = only("ServiceMonitor", found)["spec"], only("Service", found)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["honorLabels"] is True


@pytest.mark.parametrize(
    ("release", "values", "service"),
    [
        ("prod.v1", {}, "prod-v1-scriptmodel-operator"),
        ("1234", {}, "s-1234-scriptmodel-operator"),
        ("scripts", {"fullnameOverride": "my.operator"}, "my-operator"),
        ("scripts", {"nameOverride": "2nd"}, "scripts-2nd"),
    ],
)
def test_a_service_has_a_valid_name_whatever_the_release_is_called(release: str, values: Values, service: str) -> None:
    assert only("Service", objects(values, release))["metadata"]["name"] == service


@pytest.mark.parametrize(
    "release", ["a-very-long-release-name-that-just-about-fits-helm-53", "a" * 34 + ".b", "a" * 44 + ".b"]
)
def test_names_fit_and_do_not_end_in_a_dot_however_long_the_release_is(release: str) -> None:
    values = {"watchNamespaces": ["team-a"], "nameOverride": "b" * 62 + ".b"}
    for each in objects(values, release):
        name = each["metadata"]["name"]
        assert len(name) <= 63
        assert ".-" not in name
        for text in (name, each["metadata"].get("labels", {}).get("app.kubernetes.io/name", "")):
            assert not text.endswith(".")


def test_two_releases_have_no_name_in_common_but_the_crd() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in objects({}, release)}

    assert {kind for kind, _name in names("blue") & names("green")} == {"CustomResourceDefinition"}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_no_role_may_read_a_secret(name: str) -> None:
    bound = {each["roleRef"]["name"] for each in objects(COMBINATIONS[name]) if each["kind"].endswith("Binding")}
    roles = [each for each in objects(COMBINATIONS[name]) if each["metadata"]["name"] in bound and "rules" in each]
    rules = [rule for role in roles for rule in role["rules"] if "secrets" in str(rule["resources"])]
    assert all(set(rule["verbs"]) <= {"create", "update", "patch", "delete"} for rule in rules)


def test_names_that_look_like_numbers_or_booleans_stay_text() -> None:
    def types(value: object) -> object:
        if isinstance(value, dict):
            return {key: types(child) for key, child in value.items()}
        return [types(child) for child in value] if isinstance(value, list) else type(value)

    def with_name(name: str) -> list[object]:
        secret = {"name": name, "addressKey": name, "tokenKey": name, "caKey": name}
        given = {
            **COMBINATIONS["everything"],
            "nameOverride": name,
            "fullnameOverride": name,
            "pachd": {"secret": secret},
            "serviceAccount": {"name": name},
            "priorityClassName": name,
            "imagePullSecrets": [{"name": name}],
            "trainer": {"checkpoints": {"claimName": name}},
            "policy": {"checkpointClaims": {}},
            "watchNamespaces": [name],
            "publicConfig": {"address": f"pachd.{name}.svc:1"},
        }
        done = run_helm("template", name, str(CHART), f"--namespace={name}", values=given)
        assert done.returncode == 0, done.stderr
        return [types(each) for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)]

    for name in ("2024", "true"):
        assert with_name(name) == with_name("plain")
