"""What people write into the records of their namespace, which their role for ConfigMaps allows, runs within policy."""

import json
from typing import Any

import pytest

from scriptmodel_operator.desired.policy import Policy
from tests.unit.operator.job_lives import Life
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.world import PLAYS

FORGED: dict[str, dict[str, Any]] = {
    "image 'operator:1' is not allowed": {"image": "operator:1"},
    "priority class 'system-node-critical' is not allowed": {"pods": {"priority_class": "system-node-critical"}},
    "runtime class 'kata' is not allowed": {"pods": {"runtime_class": "kata"}},
    "queue 'gpus' is not allowed": {"pods": {"labels": [["kueue.x-k8s.io/queue-name", "gpus"]]}},
    "pull secret 'registry' is not allowed": {"pods": {"image_pull_secrets": ["registry"]}},
}


@pytest.mark.parametrize("refused", FORGED)
async def test_a_forged_pipeline_runs_nothing_that_policy_refuses(refused: str) -> None:
    life = Life(JobWorld(policy=Policy(trainer_image="trainer:1")))
    life.world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        await life.until_ready(found)
    cluster = life.world.cluster
    name = next(name for kind, _, name in cluster.objects if kind == "configmaps" and name.endswith("-train"))

    def forge(change: dict[str, Any]) -> str:
        """Write a record of which nothing has run; return why it does not run."""
        record = json.loads(cluster.objects["configmaps", "ml", name]["data"]["record"])
        record["spec"] |= {"command": [*record["spec"]["command"], "--again"], **change}
        cluster.set("configmaps", "ml", name, data={"record": json.dumps({**record, "jobs": []})})
        gateway = life.world.gateway()
        gateway.settle(["ml"])
        return next(each.reason for each in gateway.settle(["ml"]).list_pipelines(["ml"]) if each.ref.name in name)

    jobs, secrets = cluster.of("jobs"), cluster.of("secrets")
    assert refused in forge(FORGED[refused])
    assert (cluster.of("jobs"), cluster.of("secrets")) == (jobs, secrets)
    assert not forge({"image": "trainer:1", "pods": {}})
    assert len(cluster.of("jobs")) == len(jobs) + 1, "what policy allows runs"


@pytest.mark.parametrize("hash", ["../../team-b/manifests", "a/1", "", "A" * 56, "0" * 56 + "\n"])
async def test_a_run_that_names_a_folder_of_others_is_damage(hash: str) -> None:  # noqa: A002 - the field's name
    life = Life()
    life.world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        await life.until_ready(found)
    cluster = life.world.cluster
    name = next(name for kind, _, name in cluster.objects if kind == "configmaps" and name.endswith("-train"))
    record = json.loads(cluster.objects["configmaps", "ml", name]["data"]["record"])
    record["jobs"][0]["runs"][0]["hash"] = hash
    cluster.set("configmaps", "ml", name, data={"record": json.dumps(record)})
    assert name.removeprefix("scriptmodel-pipeline-") not in {
        each.ref.name for each in life.world.gateway().settle(["ml"]).list_pipelines(["ml"])
    }
