"""The engine of Jobs and a bucket, in the rendered objects: what it has, and what only it has."""

import json

import pytest

from dev.generate.chart import NAMESPACE
from tests.chart.rendering import BUCKET, OWN_BUCKET, Object, Values, kinds, merged, objects, only, operator_container

S3 = "scriptmodel-operator-s3"


def arguments(values: Values) -> dict[str, str]:
    given = (each for each in operator_container(values)["args"] if each.startswith(("--storage", "--run-")))
    pairs = (each.rpartition("=") if each.startswith("--run-") else each.partition("=") for each in given)
    return {name: value for name, _, value in pairs}


def variables(container: Object) -> dict[str, str]:
    """Return the key of a Secret that each variable comes from."""
    found = {each["name"]: each.get("valueFrom", {}).get("secretKeyRef") for each in container["env"]}
    return {name: f"{source['name']}/{source['key']}" for name, source in found.items() if source}


def rights(values: Values) -> dict[str, set[str]]:
    """Return the verbs that the operator has in a namespace that it watches, by resource."""
    rules = only("Role", objects(values), "scriptmodel-operator")["rules"]
    found: dict[str, set[str]] = {}
    for rule in rules:
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_a_release_with_a_pachyderm_has_nothing_of_it() -> None:
    assert not {"PersistentVolumeClaim", "Secret"} & kinds()
    assert [each["metadata"]["name"] for each in objects() if each["kind"] == "Deployment"] == ["scriptmodel-operator"]
    assert not arguments({})
    assert not {"jobs", "secrets", "pods", "pods/log"} & set(rights({}))
    assert "engine" not in only("ConfigMap", objects(), "scriptmodel-operator")["data"]


@pytest.mark.parametrize("values", [BUCKET, OWN_BUCKET])
def test_a_release_with_a_bucket_has_nothing_of_another_engine(values: Values) -> None:
    assert not [each for each in operator_container(values)["env"] if "PACHD" in each["name"]]
    assert "pachd" not in only("ConfigMap", objects(values), "scriptmodel-operator")["data"]


def test_what_runs_may_connect_to_needs_a_right_of_its_own() -> None:
    peers = [{"ipBlock": {"cidr": "10.1.2.0/24"}}]
    values = merged(BUCKET, {"storage": {"egress": peers}})
    assert json.loads(arguments(values)["--storage-egress"]) == peers
    assert rights(values) == {**rights(BUCKET), "networkpolicies": {"create", "patch"}}


def test_a_bucket_of_somebody_needs_no_server_and_no_secret() -> None:
    assert not {"PersistentVolumeClaim", "Secret"} & kinds(BUCKET)
    assert arguments(BUCKET) == {
        "--storage": "s3://scripts/team-a",
        "--storage-region": "us-east-1",
        "--run-request=cpu": "500m",
        "--run-request=memory": "1Gi",
    }
    assert not variables(operator_container(BUCKET)), "the credentials are those of the service account"


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("s3://scripts", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")),
        ("gs://scripts", ("GOOGLE_SERVICE_ACCOUNT_KEY",)),
        ("az://scripts/team", ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY")),
    ],
)
def test_the_operator_alone_has_the_credentials_of_a_secret(url: str, names: tuple[str, ...]) -> None:
    found = objects(merged(BUCKET, {"storage": {"url": url, "secret": {"name": "bucket"}}}))
    (container,) = only("Deployment", found)["spec"]["template"]["spec"]["containers"]
    (check,) = only("Pod", found)["spec"]["containers"]
    assert variables(container) == variables(check) == {name: f"bucket/{name}" for name in names}
    assert not [each for each in found if "bucket/" in str(each) and each["kind"] not in ("Deployment", "Pod")]


def test_the_chart_s_server_and_the_operator_have_the_same_keys_and_bucket() -> None:
    found = objects(OWN_BUCKET)
    (server,) = only("Deployment", found, S3)["spec"]["template"]["spec"]["containers"]
    ours = variables(operator_container(OWN_BUCKET))
    theirs = variables(server)
    assert theirs["ROOT_ACCESS_KEY_ID"] == ours["AWS_ACCESS_KEY_ID"] == f"{S3}/AWS_ACCESS_KEY_ID"
    assert theirs["ROOT_SECRET_ACCESS_KEY"] == ours["AWS_SECRET_ACCESS_KEY"] == f"{S3}/AWS_SECRET_ACCESS_KEY"
    assert set(only("Secret", found, S3)["data"]) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    (mount,) = server["volumeMounts"]
    assert arguments(OWN_BUCKET)["--storage"] == f"s3://{mount['mountPath'].removeprefix('/buckets/')}"
    assert arguments(OWN_BUCKET)["--storage-endpoint"] == f"http://{S3}.{NAMESPACE}.svc:7070"


def test_the_keys_of_the_server_are_those_of_a_named_secret() -> None:
    values = merged(OWN_BUCKET, {"storage": {"secret": {"name": "theirs"}}})
    (server,) = only("Deployment", objects(values), S3)["spec"]["template"]["spec"]["containers"]
    assert variables(server)["ROOT_ACCESS_KEY_ID"] == "theirs/AWS_ACCESS_KEY_ID"
    assert "Secret" not in kinds(values)


def test_the_volume_and_its_keys_outlive_the_release() -> None:
    for kind in ("PersistentVolumeClaim", "Secret"):
        kept = only(kind, objects(OWN_BUCKET), S3)["metadata"]["annotations"]
        assert kept["helm.sh/resource-policy"] == "keep"


def test_two_pods_of_the_server_never_share_the_volume() -> None:
    server = only("Deployment", objects(OWN_BUCKET), S3)["spec"]
    assert (server["replicas"], server["strategy"]) == (1, {"type": "Recreate"})


def test_the_server_may_write_to_its_volume_as_the_given_group_or_the_default() -> None:
    def group(values: Values) -> int:
        spec = only("Deployment", objects(merged(OWN_BUCKET, values)), S3)["spec"]["template"]["spec"]
        return int(spec["securityContext"]["fsGroup"])

    assert group({}) == group({"podSecurityContext": None}) == 65532
    assert group({"podSecurityContext": {"fsGroup": 1000710000}}) == 1000710000


def test_the_operator_never_lists_secrets_and_watches_only_scriptmodels() -> None:
    found = rights(BUCKET)
    assert found["secrets"] == {"create", "patch", "delete"}
    assert {resource for resource, verbs in found.items() if "watch" in verbs} == {"scriptmodels"}


def test_the_rights_of_the_operator_end_with_the_namespaces_that_it_watches() -> None:
    found = objects(merged(BUCKET, {"watchNamespaces": ["team-a"]}))
    roles = [each for each in found if each["kind"] == "Role" and each["metadata"]["name"] == "scriptmodel-operator"]
    assert [each["metadata"]["namespace"] for each in roles] == [NAMESPACE, "team-a"]
    wide = only("ClusterRole", objects(merged(BUCKET, {"watchAllNamespaces": True})), "scriptmodel-operator")["rules"]
    for role in roles:
        named = [{key: value for key, value in rule.items() if key != "resourceNames"} for rule in role["rules"]]
        assert named == wide
    bound = {each["metadata"]["name"] for each in found if each["kind"] == "ClusterRoleBinding"}
    assert bound <= {f"scriptmodel-operator-{name}" for name in ("cluster-id", "pre-delete", "scriptmodels")}


def test_people_get_their_rights_from_a_binding_in_a_namespace() -> None:
    found = objects(BUCKET)
    name = "scriptmodel-operator-people"
    (secrets,) = (rule for rule in only("ClusterRole", found, name)["rules"] if "secrets" in rule["resources"])
    assert secrets["verbs"] == ["get"]
    assert not [each for each in found if each["kind"].endswith("Binding") and each["roleRef"]["name"] == name]
    assert name not in {each["metadata"]["name"] for each in objects()}


@pytest.mark.parametrize(
    ("values", "published"),
    [
        (BUCKET, {}),
        (OWN_BUCKET, {"service": f"{S3}.{NAMESPACE}.svc:7070"}),
        (merged(BUCKET, {"clusterId": "blue"}), {"clusterId": "blue"}),
        (merged(BUCKET, {"storage": {"publicUrl": "https://s3.example.com"}}), {"publicUrl": "https://s3.example.com"}),
    ],
)
def test_people_find_the_engine_and_how_to_reach_it(values: Values, published: dict[str, str]) -> None:
    data = only("ConfigMap", objects(values), "scriptmodel-operator")["data"]
    others = {"releaseNamespace": NAMESPACE, "watchNamespaces": NAMESPACE}
    assert data == {"engine": "jobs", **others, **published}


def test_downloads_run_the_image_of_the_operator() -> None:
    container = operator_container(BUCKET)
    assert f"--operator-image={container['image']}" in container["args"]


def test_downloads_know_the_nodes_and_the_pull_secrets_of_the_operator() -> None:
    placed = {"nodeSelector": {"disk": "ssd"}, "imagePullSecrets": [{"name": "registry"}]}
    options = [each for each in operator_container(merged(BUCKET, placed))["args"] if "--operator-pod=" in each]
    assert [json.loads(each.partition("=")[2]) for each in options] == [placed]
    assert "--operator-pod" not in str(operator_container(BUCKET)["args"])
