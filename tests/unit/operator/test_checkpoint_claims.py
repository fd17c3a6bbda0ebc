"""Checkpoints on a PersistentVolumeClaim: what the train pods get, who may name a claim, and when it is applied."""

import json

from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.policy import Policy, refusal
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import PipelineApply, PipelineState
from scriptmodel_operator.pachyderm import messages
from tests.unit.operator.world import IMAGE, PLAYS, World, scriptmodel, trained_world

OWN = {"training": {"checkpoints": {"claimName": "team-a"}}}


def test_no_other_pipeline_sees_the_folder() -> None:
    models = (scriptmodel(), scriptmodel(name="empire"), scriptmodel(namespace="films"))
    specs = [
        desired(each, references(each), each.owner("cluster-1"), None, image=IMAGE, claim="shared").train.spec
        for each in models
    ]
    mounts = [json.loads(messages.create_request(PipelineApply(spec)).pod_patch)[2]["value"] for spec in specs]
    assert [each["subPath"] for each in mounts] == [f"default/{spec.ref.name}" for spec in specs]
    assert len({each["subPath"] for each in mounts}) == 3


def test_a_namespace_names_the_claims_that_it_may() -> None:
    said = refusal(scriptmodel(OWN), Policy(checkpoint_claims={"other": ("team-a",)})) or ""
    assert "namespace 'ml' may not use checkpoint claim 'team-a'" in said
    assert "--allow-checkpoint-claim ml=team-a (policy.checkpointClaims of its chart)" in said
    assert refusal(scriptmodel(OWN), Policy(checkpoint_claims={"ml": ("team-a",)})) is None
    assert refusal(scriptmodel(OWN), Policy(checkpoint_claims={"ml": ("*",)})) is None
    assert refusal(scriptmodel(OWN), Policy(checkpoint_claim="team-a")) is None, "the operator's own is for everybody"
    assert refusal(scriptmodel(), Policy(checkpoint_claim="shared")) is None


def test_a_newly_configured_claim_is_applied_without_training_again() -> None:
    world = trained_world()
    world.claim = "shared"
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"], "no reprocessing, and not the generate pipeline"
    assert world.pachyderm.pipelines[world.train][-1].spec.pods.claim == "shared"
    world.finish(skipped=True)
    assert world.ready == ("True", "Generated")
    assert world.written() == []


def test_what_keeps_pods_from_starting_is_said_before_and_after_the_deadline() -> None:
    said = '0/1 nodes are available: persistentvolumeclaim "shared" not found.'
    world = World(model=scriptmodel({"training": {"pendingDeadline": "1m"}}), claim="shared")
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.set_state(world.train, PipelineState.CRASHING, said)
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    assert f"no worker can start: {said}" in world.condition("Ready")["message"]
    world.pachyderm.advance(61)
    world.reconcile()
    assert world.ready == ("False", "WorkerUnavailable")
    world.pachyderm.set_state(world.train, PipelineState.RUNNING, "")
    world.reconcile()
    message = world.condition("Ready")["message"]
    assert message.startswith(f"no worker started within pendingDeadline: {said}"), message
