"""What a namespace may use that the policy does not name: what it made, what is shared with it, project `default`."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scriptmodel_operator.api.marks import Mark, Owner, marked, naming, parse_mark
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.desired.policy import Policy, refusal
from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoRef,
)
from tests.unit.operator.controlling import PLAYS_BRANCH, controller, later, message, raw_object, reason, settled
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, SPEC, scriptmodel, trained_world

THEIRS = RepoRef("default", "theirs")
DRAMA = RepoRef("drama", "plays")
THEIR_CORPUS = {"corpus": {"repo": {"name": "theirs"}}}
BASE = {"model": {"preset": "test", "from": {"repo": {"name": "theirs"}}}}
OTHER_PROJECT = {"corpus": {"repo": {"name": "plays", "project": "drama"}}}


def another_teams(pachyderm: FakePachyderm, repo: RepoRef, description: str = "") -> None:
    """Put a corpus that another team has."""
    pachyderm.projects.add(repo.project)
    pachyderm.create_repo(repo, description)
    pachyderm.put(BranchRef(repo, "master"), {**PLAYS, "/model.json": b"{}", "/metrics.json": b"{}"})


def made_by(pachyderm: FakePachyderm, owner: Owner, repo: RepoRef) -> None:
    """Let `repo` be the output of a pipeline of a ScriptModel, as a model or a script is."""
    ref, mark = PipelineRef(repo.project, repo.name), Mark(owner).annotations()
    spec = PipelineSpec(ref, "trainer:1", ("true",), PipelineInput("in", PLAYS_BRANCH, "/"), annotations=mark)
    pachyderm.apply_pipelines([PipelineApply(spec)])


def unreadable(pachyderm: FakePachyderm) -> None:
    """Let every read of a commit or a file fail the test."""

    def read(*_args: object) -> Any:
        raise AssertionError("a commit was read")

    for call in ("branch_head", "inspect_commit", "walk_files", "read_file", "read_files"):
        setattr(pachyderm, call, read)


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        (THEIR_CORPUS, "may not read repo default/theirs"),
        (BASE, "may not read repo default/theirs"),
        (OTHER_PROJECT, "may not read repo drama/plays"),
        ({"pachyderm": {"project": "drama"}}, "may not use Pachyderm project 'drama'"),
        ({"training": {"queueName": "gpus"}}, "leave it out, or have the operator run with --allow-queue gpus"),
    ],
    ids=["corpus", "base model", "corpus of another project", "project", "queue"],
)
@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(projects={"team-b": ("drama",)}, repos={"team-b": ("theirs", "drama/*")}),
        Policy(projects={"*": ("default",)}),
    ],
    ids=["empty", "names others", "for all"],
)
async def test_nothing_of_another_team_is_read_or_written(policy: Policy, spec: dict[str, Any], refused: str) -> None:
    async with controller(raw_object({**SPEC, **spec}), policy=policy) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        for repo in (THEIRS, DRAMA):
            another_teams(pachyderm, repo, naming("team-b"))
        unreadable(pachyderm)
        before = list(pachyderm.calls)
        await settled(found)
        assert reason(kube) == "NotAllowed"
        assert refused in message(kube)
        assert "team-b" not in message(kube)
        assert pachyderm.calls == before


@pytest.mark.parametrize("part", ["train", "generate", "corpus"])
@pytest.mark.parametrize(
    ("owner", "allowed"),
    [
        (Owner("cluster-1", "ml", "other", "9"), True),
        (Owner("cluster-1", "ml-b", "other", "9"), False),
        (Owner("cluster-2", "ml", "other", "9"), False),
    ],
    ids=["own", "another namespace", "another cluster"],
)
async def test_models_scripts_and_corpora_are_for_the_namespace_that_made_them(
    part: str, owner: Owner, *, allowed: bool
) -> None:
    async with controller(raw_object({**SPEC, **THEIR_CORPUS})) as (found, kube, pachyderm):
        if part == "corpus":
            another_teams(pachyderm, THEIRS, Mark(owner).to_json())
        else:
            pachyderm.put(PLAYS_BRANCH, PLAYS)
            made_by(pachyderm, owner, THEIRS)
            pachyderm.write(PipelineRef("default", "theirs"), PLAYS, total=1)
        await settled(found)
        assert reason(kube) == ("WaitingForWorker" if allowed else "NotAllowed")


@pytest.mark.parametrize("before", ["", '38 plays, "all" of $HOME', naming("ml-b"), "two\nlines"])
async def test_the_printed_command_shares_the_repo_and_keeps_its_description(before: str, tmp_path: Path) -> None:
    async with controller(raw_object({**SPEC, **THEIR_CORPUS})) as (found, kube, pachyderm):
        another_teams(pachyderm, THEIRS, before)
        assert await settled(found) == 5, "it is checked again, since nothing reports a new description"
        command = message(kube).split("`")[1]
        pachyderm.create_repo(THEIRS, _run(command, before, tmp_path), update=True)
        await later(found, pachyderm, 5)
        assert reason(kube) == "WaitingForWorker"
        assert pachyderm.repos[THEIRS].description == f"{before} {naming('ml')}".lstrip()


def _run(command: str, description: str, folder: Path) -> str:
    """Return the description that a printed command gives a repo, with a pachctl that only answers."""
    (folder / "known.json").write_text(json.dumps({"description": description}))
    (folder / "pachctl").write_text(
        f"#!/bin/sh\nif [ $1 = inspect ]; then cat {folder}/known.json; else for last; do :; done; "
        f'printf %s "$last" > {folder}/set; fi\n'
    )
    (folder / "pachctl").chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    subprocess.run(["bash", "-euc", command], env=path, check=True)
    assert shlex.split(command)[:3] == ["pachctl", "update", "repo"]
    return (folder / "set").read_text()


async def test_what_the_policy_lists_is_read_and_a_rule_for_all_namespaces_is_one_for_each() -> None:
    for policy in (
        Policy(repos={"ml": ("th*",)}),
        Policy(repos={"*": ("default/theirs",)}),
        Policy(repos={"*": ("*",)}),
    ):
        async with controller(raw_object({**SPEC, **THEIR_CORPUS}), policy=policy) as (found, kube, pachyderm):
            another_teams(pachyderm, THEIRS)
            await settled(found)
            assert reason(kube) == "WaitingForWorker", policy


@pytest.mark.parametrize("before", ["", "{38 plays}", Mark(Owner("cluster-2", "ml", "thrones", "9")).to_json()])
def test_a_repo_that_is_taken_over_keeps_what_people_wrote_into_its_description(before: str) -> None:
    mark = Mark(Owner("cluster-1", "ml", "thrones", "1"))
    description = marked(mark, f"{before} {naming('drama')}")
    assert parse_mark(description) == mark
    assert description.count(naming("drama")) == 1
    assert ("{38 plays}" in description, "cluster-2" in description) == ("plays" in before, False)


@pytest.mark.parametrize("sample", sorted(Path("manifests/samples").glob("*.yaml")), ids=lambda sample: sample.stem)
def test_every_sample_is_allowed_where_nothing_is_configured(sample: Path) -> None:
    for raw in yaml.safe_load_all(sample.read_text()):
        if raw["kind"] == "ScriptModel":
            about = {"namespace": "ml", "uid": "1", "generation": 1, **raw["metadata"]}
            urls = ("example.com",) * ("http" in raw["spec"]["corpus"])  # as the sample says
            assert refusal(parse_object({**raw, "metadata": about}), Policy(downloads=urls)) is None


OWN = {"training": {"checkpoints": {"claimName": "team-a"}}}


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
