"""Ownership of pipelines, changes by others, and what deletion keeps."""

from dataclasses import replace

import pytest

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.engine.values import PipelineApply, PipelineRef, ResourceAmounts
from scriptmodel_operator.observe.observer import Observer
from tests.unit.operator.pipeline_specs import changed
from tests.unit.operator.world import CLUSTER, PLAYS, World, scriptmodel, trained_world


def test_drift_is_corrected() -> None:
    world = trained_world()
    world.pachyderm.edit(world.generate, command=("rm", "-rf", "/"))
    world.reconcile()
    assert world.written() == [f"update {world.generate.name}"]
    assert world.pachyderm.pipelines[world.generate][-1].spec.command[0] == "scriptmodel-trainer"


def test_a_pipeline_whose_whole_spec_somebody_replaced_is_still_ours() -> None:
    """The mark went with the spec; an earlier version has it."""
    world = trained_world()
    world.pachyderm.edit(world.train, annotations={}, tries=9)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.pachyderm.pipelines[world.train][-1].spec.datums.tries == 3


def test_what_the_server_makes_of_a_spec_is_no_drift() -> None:
    """Otherwise a server that normalises a quantity would be corrected forever."""
    world = trained_world()
    info = world.pachyderm.pipelines[world.train][-1]
    world.pachyderm.pipelines[world.train][-1] = replace(info, spec=changed(info.spec, glob="/."))
    world.reconcile()
    assert world.written() == []


def test_new_defaults_of_the_administrator_are_no_drift_and_kill_no_job() -> None:
    world = trained_world()
    gpu = ResourceAmounts(gpu_type="nvidia.com/gpu", gpu_count=1)
    world.pachyderm.inherit(world.train, limits=gpu)
    job = world.pachyderm.run(world.train)
    world.reconcile()
    assert world.written() == []
    assert not world.pachyderm.jobs[job.ref].state.final
    world.pachyderm.succeed(world.train)
    world.pachyderm.inherit(world.generate, limits=gpu)
    world.reconcile()
    assert world.written() == []
    submitted = world.pachyderm.pipelines[world.generate][-1].submitted
    assert submitted
    edited = changed(submitted, tries=9)
    world.pachyderm.inherit(world.generate)
    info = world.pachyderm.pipelines[world.generate][-1]
    world.pachyderm.pipelines[world.generate][-1] = replace(info, submitted=edited)
    world.reconcile()
    assert world.written() == [f"update {world.generate.name}"], "somebody else changed what was submitted"


def test_in_an_empty_pachyderm_everything_is_created_again() -> None:
    before = trained_world()
    world = World(model=before.model)
    world.reconcile()
    assert world.ready == ("False", "CorpusNotFound")
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"create {world.generate.name}"]
    assert not {"script", "lineage"} & set(world.model.status), "there is none any more"


def test_a_pipeline_of_somebody_else_is_never_touched() -> None:
    other = trained_world()
    world = World(pachyderm=other.pachyderm, model=scriptmodel(uid="uid-2"), cluster="cluster-2")
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert world.written() == []
    assert [world.condition(kind)["reason"] for kind in ("CorpusReady", "Trained", "Generated")] == [
        "CorpusFound",
        "NotStarted",
        "NotStarted",
    ]
    assert not {"script", "lineage", "perplexity"} & set(world.model.status), "the other's are not its own"
    world.apply(adopt=True)
    assert (world.ready, world.written()) == (("False", "NameConflict"), [])
    assert "--cluster-id" in world.condition("Ready")["message"]
    world.cluster = other.cluster
    world.observer = Observer(world.pachyderm, world.cluster)
    world.reconcile()
    assert (world.ready, world.written()) == (("True", "Generated"), []), "nothing is trained again"


@pytest.mark.parametrize("cluster", ["cluster-1", "cluster-2"])
@pytest.mark.parametrize(
    ("namespace", "said"), [("other", "a ScriptModel of another namespace"), ("ml", "ScriptModel ml/secret-play")]
)
def test_objects_of_another_scriptmodel_are_never_adopted_nor_their_namespace_shown(
    cluster: str, namespace: str, said: str
) -> None:
    """Only somebody with access to Pachyderm can create this state; adoption must not complete the attack."""
    world = trained_world()
    mark = Mark(Owner(cluster, namespace, "secret-play", "1"))
    for ref in (world.train, world.generate):
        world.pachyderm.edit(ref, annotations=mark.annotations())
    world.want(adopt=True)
    world.written()
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    message = world.condition("Ready")["message"]
    assert said in message
    assert "other/" not in message
    assert "adopt" not in message
    assert world.delete() is None
    assert world.written() == []


def test_an_adopted_pipeline_computes_again() -> None:
    other = trained_world()
    for ref in (other.train, other.generate):
        versions = other.pachyderm.pipelines[ref]
        other.pachyderm.pipelines[ref] = [replace(versions[-1], spec=replace(versions[-1].spec, annotations={}))]
    world = World(pachyderm=other.pachyderm, model=scriptmodel(adopt=True))
    state = world.assess()
    assert [change.apply.reprocess for change in state.difference.now] == [True, True]


def test_the_same_name_with_another_uid_takes_over_without_a_write() -> None:
    world = trained_world()
    successor = World(pachyderm=world.pachyderm, model=scriptmodel(uid="uid-2"))
    successor.reconcile()
    assert successor.ready == ("True", "Generated")
    assert successor.written() == []


def test_retain_keeps_the_repos_and_a_new_object_reports_that_they_block_it() -> None:
    world = trained_world({"deletionPolicy": "Retain"})
    assert world.delete() is None
    assert world.train.output in world.pachyderm.repos
    world.reconcile()
    assert world.ready == ("False", "RetainedRepos")
    assert f"pachctl delete repo {world.train.name}" in world.condition("Ready")["message"]


def test_what_blocks_a_deletion_hides_the_names_of_other_namespaces() -> None:
    world = trained_world()
    spec = world.pachyderm.pipelines[world.generate][-1].spec
    for namespace in ("ml", "secret"):
        mark = Mark(Owner(CLUSTER, namespace, "reader", "uid-2"))
        ref = PipelineRef("default", f"{namespace}-reader")
        world.pachyderm.apply_pipelines([PipelineApply(replace(spec, ref=ref, annotations=mark.annotations()))])
    blocked = world.delete()
    assert blocked is not None
    assert "(default/ml-reader, 1 of other namespaces)" in blocked.message
