"""The Job and the Secret of an attempt: what of a pipeline reaches its pod."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.engine.values import PipelineRef, PipelineSpec, ResourceAmounts
from scriptmodel_operator.jobs.job_manifest import fetch_job, job_manifest, job_name, passed_on, secret_manifest
from scriptmodel_operator.jobs.runs import JobSettings
from tests.unit.operator.job_objects import HASH, NAME, OWNER, RUN
from tests.unit.operator.pipeline_specs import FULL, PLAIN, changed

DEFAULTS = JobSettings(requests={"cpu": "0.5", "memory": "1Gi"})


def made(spec: PipelineSpec = PLAIN, settings: JobSettings = DEFAULTS) -> dict[str, Any]:
    return job_manifest(replace(RUN, spec=spec), 1, settings, OWNER)


def pod(spec: PipelineSpec = PLAIN, settings: JobSettings = DEFAULTS) -> dict[str, Any]:
    return dict(made(spec, settings)["spec"]["template"]["spec"])


def container(spec: PipelineSpec = PLAIN) -> dict[str, Any]:
    (found,) = pod(spec)["containers"]
    return dict(found)


def test_a_job_makes_one_pod_once() -> None:
    spec = made()["spec"]
    assert (spec["backoffLimit"], spec["suspend"], spec["podReplacementPolicy"]) == (0, False, "Failed")
    assert pod()["restartPolicy"] == "Never"


def test_a_pod_has_one_container_and_no_credentials() -> None:
    found = pod()
    assert found["automountServiceAccountToken"] is False
    assert container()["command"] == ["scriptmodel-trainer", "job", "/scriptmodel/job.json"]
    assert [each["secret"]["secretName"] for each in found["volumes"] if "secret" in each] == [NAME]


def test_job_secret_and_pod_say_what_they_are_of() -> None:
    mark = Mark(Owner("cluster", "drama", "game.of.thrones", "uid"))
    spec = replace(PLAIN, annotations=mark.annotations())
    job, secret = made(spec), secret_manifest(replace(RUN, spec=spec), 1, "{}", {}, [OWNER])
    expected = {
        "app.kubernetes.io/managed-by": "scriptmodel-operator",
        "scriptmodel.dev/name": "game.of.thrones",
        "scriptmodel.dev/stage": "train",
        "scriptmodel.dev/pipeline": "thrones-train",
        "scriptmodel.dev/run": HASH,
        "scriptmodel.dev/attempt": "1",
    }
    assert job["metadata"]["labels"] == secret["metadata"]["labels"] == expected
    assert job["spec"]["template"]["metadata"]["labels"] == expected
    assert job["metadata"]["ownerReferences"] == secret["metadata"]["ownerReferences"] == [OWNER]


def test_labels_of_the_chart_reach_job_and_pod_but_replace_none_of_ours() -> None:
    job = made(settings=JobSettings(labels={"team": "drama", "scriptmodel.dev/run": "mine"}))
    for each in (job, job["spec"]["template"]):
        assert each["metadata"]["labels"]["team"] == "drama"
        assert each["metadata"]["labels"]["scriptmodel.dev/run"] == HASH


@pytest.mark.parametrize(
    ("label", "passes"),
    [
        ("team", True),
        ("cost.example.com/centre", True),
        ("app.kubernetes.io/part-of", True),
        ("app.kubernetes.io/instance", False),
        ("app.kubernetes.io/managed-by", False),
        ("argocd.argoproj.io/instance", False),
        ("helm.sh/chart", False),
        ("kustomize.toolkit.fluxcd.io/name", False),
        ("applyset.kubernetes.io/part-of", False),
        ("batch.kubernetes.io/job-name", False),
        ("kueue.x-k8s.io/queue-name", False),
        ("scriptmodel.dev/run", False),
        ("job-name", False),
        ("controller-uid", False),
        ("pod-template-hash", False),
    ],
)
def test_labels_by_which_objects_are_tracked_are_not_passed_on(label: str, passes: bool) -> None:
    assert (label in passed_on({"metadata": {"labels": {label: "value"}}})) is passes


def test_a_job_with_a_queue_is_left_to_it() -> None:
    """The label is on the Job alone: a queue would take a pod that has it for a workload of its own."""
    job = made(FULL)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert "kueue.x-k8s.io/queue-name" not in job["spec"]["template"]["metadata"]["labels"]


def test_a_job_that_a_queue_suspends_does_not_fail_for_the_signal_that_ends_its_pod() -> None:
    """The Job controller applies the rules to each pod that failed, also to one that it has deleted itself."""
    disrupted, exited = made(FULL)["spec"]["podFailurePolicy"]["rules"]
    assert exited["onExitCodes"] == {"containerName": "trainer", "operator": "NotIn", "values": [0, 130, 137, 143]}
    assert [each["type"] for each in disrupted["onPodConditions"]] == ["DisruptionTarget"]


def test_what_a_pipeline_asks_of_a_pod_reaches_it() -> None:
    found = pod(FULL)
    assert found["nodeSelector"] == {"disk": "ssd", "zone": "a"}
    assert found["tolerations"] == [
        {"key": "gpu", "operator": "Exists"},
        {"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 30},
    ]
    assert (found["priorityClassName"], found["runtimeClassName"]) == ("high", "nvidia")
    assert found["imagePullSecrets"] == [{"name": "registry"}]
    assert container(FULL)["resources"] == {
        "requests": {"cpu": "0.1", "memory": "1Gi", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "1.5", "memory": "2Gi", "nvidia.com/gpu": "1"},
    }


@pytest.mark.parametrize(
    ("requests", "limits", "expected"),
    [
        (ResourceAmounts(), ResourceAmounts(), {"cpu": "0.5", "memory": "1Gi"}),
        (ResourceAmounts(cpu=2), ResourceAmounts(), {"cpu": "2", "memory": "1Gi"}),
        (ResourceAmounts(), ResourceAmounts(memory="512Mi"), {"cpu": "0.5"}),  # Kubernetes requests the limit
    ],
)
def test_a_default_request_is_used_where_the_spec_has_nothing(
    requests: ResourceAmounts, limits: ResourceAmounts, expected: dict[str, str]
) -> None:
    assert container(replace(PLAIN, requests=requests, limits=limits))["resources"]["requests"] == expected


@pytest.mark.parametrize(
    ("requests", "limits", "expected"),
    [
        (ResourceAmounts(), ResourceAmounts(), {"cpu": "1", "memory": "2Gi"}),
        (ResourceAmounts(memory="1500Mi"), ResourceAmounts(cpu=3), {"cpu": "3", "memory": "2Gi"}),
        (ResourceAmounts(memory="4096Mi"), ResourceAmounts(), {"cpu": "1", "memory": "4096Mi"}),
    ],
)
def test_a_quota_on_limits_needs_no_limit_range(
    requests: ResourceAmounts, limits: ResourceAmounts, expected: dict[str, str]
) -> None:
    """A limit below a request would make no valid pod."""
    settings = replace(DEFAULTS, limits={"cpu": "1", "memory": "2Gi"})
    (found,) = pod(replace(PLAIN, requests=requests, limits=limits), settings)["containers"]
    assert found["resources"]["limits"] == expected
    fetch = fetch_job({"name": "fetch", "labels": {}}, "image", "key", 60, {}, settings.limits)
    assert fetch["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}


def test_the_pod_has_its_runtime_class_and_variables_but_no_claim_for_checkpoints() -> None:
    spec = changed(
        PLAIN,
        runtime_class="nvidia",
        claim="claim",
        variables=(("SCRIPTMODEL_BUDGET_SECONDS", "3600"), ("A", "$(B)")),
    )
    found, variables = pod(spec), {each["name"]: each["value"] for each in container(spec)["env"]}
    assert found["runtimeClassName"] == "nvidia"
    assert variables["SCRIPTMODEL_STATE_DIR"] == "/state"
    assert variables["SCRIPTMODEL_BUDGET_SECONDS"] == "3600"
    assert variables["A"] == "$$(B)", "Kubernetes expands nothing in a value"
    assert not [each for each in found["volumes"] if "persistentVolumeClaim" in each]
    assert found["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        ("thrones-train", NAME),
        (
            "the_long_winter-of-our-discontent-0123456789abcdef-generate",
            f"the-long-winte-0123456789abcdef-generate-{HASH[:10]}-1",
        ),
    ],
)
def test_the_name_of_a_job_is_that_of_pipeline_run_and_attempt(pipeline: str, name: str) -> None:
    found = job_name(replace(RUN, spec=replace(PLAIN, ref=PipelineRef("drama", pipeline))), 1)
    assert found == name
    assert len(found) <= 53


def test_the_document_is_in_the_secret() -> None:
    secret = secret_manifest(RUN, 1, '{"schema": 1}', {}, [OWNER])
    assert base64.b64decode(secret["data"]["job.json"]) == b'{"schema": 1}'
    assert secret["metadata"]["name"] == NAME
