"""From a spec to commands, pipelines and digests."""

from dataclasses import fields, replace
from typing import Any

import pytest

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.marks import Mark, Ownership, ownership, parse_mark
from scriptmodel_operator.api.network import Model
from scriptmodel_operator.desired.command_lines import generate_command, train_command
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.desired.pipelines import Desired, desired
from scriptmodel_operator.desired.policy import Policy, refusal
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import (
    BranchRef,
    Datums,
    PipelineApply,
    PipelineInput,
    PipelineSpec,
    PodSpec,
    RepoRef,
)
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pps
from tests.unit.operator.pipeline_specs import changed, observed
from tests.unit.operator.world import IMAGE, scriptmodel


def expected(
    spec: dict[str, Any] | None = None, image: str = IMAGE, mark: Mark | None = None, claim: str = ""
) -> Desired:
    model = scriptmodel(spec)
    return desired(model, references(model), model.owner("cluster-1"), mark, image=image, claim=claim)


def test_the_train_command_is_the_contracts() -> None:
    model = Model.model_validate({"preset": "small", "seed": 3, "overrides": {"vocabularySize": 20, "dropout": "0.25"}})
    assert " ".join(train_command("plain", model)) == (
        "scriptmodel-trainer train --data /pfs/corpus --out /pfs/out --layout plain --preset small "
        "--set dropout=0.25 --set vocabulary_size=20 --seed 3 --log json"
    )
    assert " ".join(train_command("plain", Model(preset="small"), many=True)) == (
        "scriptmodel-trainer trial --trial /pfs/trial --data /pfs/corpus --out /pfs/out --layout plain --preset small "
        "--log json"
    )


def test_the_generate_command_is_the_contracts() -> None:
    assert " ".join(generate_command(Generation())) == (
        "scriptmodel-trainer generate /pfs/model --out /pfs/out/new_script.txt --words 1000 --top-p 0.95 --seed 0"
    )
    assert generate_command(Generation(temperature="0.7"))[-2:] == ("--temperature", "0.7")
    full = Generation.model_validate({"prompt": "--winter is", "speaker": "JON SNOW", "samples": 3})
    assert generate_command(full)[-4:] == ("--prompt=--winter is", "--speaker=JON SNOW", "--samples", "3")


@pytest.mark.parametrize(
    ("change", "train", "generate"),
    [
        ({"model": {"preset": "small"}}, "computed", "same"),
        ({"model": {"preset": "test", "seed": 1}}, "computed", "same"),
        ({"model": {"preset": "test", "overrides": {"epochs": 2}}}, "computed", "same"),
        ({"corpus": {"repo": {"name": "plays"}, "layout": "plain"}}, "computed", "same"),
        ({"corpus": {"repo": {"name": "series"}}}, "shaped", "same"),
        ({"training": {"image": "other:1"}}, "computed", "computed"),
        ({"training": {"gpu": {}}}, "shaped", "same"),
        ({"training": {"resources": {"limits": {"memory": "1Gi"}}}}, "shaped", "same"),
        ({"training": {"backoffLimit": 5}}, "shaped", "shaped"),
        ({"training": {"queueName": "gpus"}}, "shaped", "same"),
        ({"training": {"nodeSelector": {"a": "b"}}}, "shaped", "shaped"),
        ({"training": {"activeDeadline": "1h", "pendingDeadline": "1m"}}, "same", "same"),
        ({"generation": {"words": 5}}, "same", "computed"),
        ({"generation": {"prompt": "x"}}, "same", "computed"),
        ({"suspend": True, "deletionPolicy": "Retain"}, "same", "same"),
        ({"generation": {"words": 1000, "temperature": "0.80"}}, "same", "same"),
    ],
)
def test_each_change_of_the_spec_needs_the_expected_action(change: dict[str, Any], train: str, generate: str) -> None:
    before, after = expected(), expected(change)
    assert _needs(before.train.mark, after.train.mark) == train
    assert _needs(before.generate.mark, after.generate.mark) == generate


def _needs(before: Mark, after: Mark) -> str:
    if before.compute != after.compute:
        return "computed"
    return "same" if before.digest == after.digest else "shaped"


def test_a_base_is_a_second_input_of_train_alone_and_comes_back_as_it_was_sent() -> None:
    model = scriptmodel()
    refs = references(model)
    base = BranchRef(refs.own_base, "0" * 32 + "-12345678")
    found = desired(model, replace(refs, base=base), model.owner("cluster-1"), None, image=IMAGE)
    seen = observed(PipelineApply(found.train.as_version(1)))
    assert seen.spec == found.train.as_version(1)
    assert (seen.spec.input.base, seen.spec.input.branch) == (base, refs.corpus)
    assert seen.inputs == (refs.corpus, base)
    assert found.generate.spec == expected().generate.spec
    assert found.train.mark.compute != expected().train.mark.compute


@pytest.mark.parametrize("trials", [None, references(scriptmodel()).trials])
def test_what_somebody_crosses_with_the_inputs_is_drift(trials: BranchRef | None) -> None:
    sent = changed(expected({}).train.spec, trials=trials)
    request = messages.create_request(PipelineApply(sent))
    assert fingerprint(messages.projection(sent.ref, request)) == fingerprint(sent)
    own = request.input.cross if trials else [request.input]
    crossed = pps.Input(cross=[*own, pps.Input(pfs=pps.PFSInput(repo="more", name="more", glob="/"))])
    request.input.CopyFrom(crossed)
    seen = messages.projection(sent.ref, request)
    assert (seen.input.branch, seen.input.trials) == (sent.input.branch, sent.input.trials)
    assert fingerprint(seen) != fingerprint(sent)


def test_each_field_of_a_pipeline_has_a_name_of_its_own_in_the_fingerprint() -> None:
    names = [each.name for part in (PipelineSpec, PipelineInput, Datums, PodSpec) for each in fields(part)]
    assert sorted(set(names)) == sorted(names)


def test_an_image_chosen_by_the_operator_stays_until_a_retraining_is_requested() -> None:
    mark = expected(image="trainer:1").train.mark
    assert expected(image="trainer:2", mark=mark).train.spec.image == "trainer:1"
    assert expected({"generation": {"words": 5}}, image="trainer:2", mark=mark).generate.spec.image == "trainer:1"
    assert expected({"model": {"preset": "large"}}, image="trainer:2", mark=mark).train.spec.image == "trainer:2"


def test_marks_survive_and_foreign_text_is_no_mark() -> None:
    mark = expected().train.mark
    assert parse_mark(mark.to_json()) == mark
    assert parse_mark(mark.to_json().replace("}", ', "future": "field"}')) == mark
    for text in ("", None, "Output repo for pipeline default/x.", "{", "[]", '{"owner": 1}', '{"owner": {}}'):
        assert parse_mark(text) is None
    owner = scriptmodel().owner("cluster-1")
    assert ownership(mark, owner) is Ownership.OURS
    assert ownership(mark, scriptmodel(uid="other").owner("cluster-1")) is Ownership.SUCCESSOR
    assert ownership(mark, scriptmodel().owner("cluster-2")) is Ownership.FOREIGN
    for other in (scriptmodel(name="empire"), scriptmodel(namespace="other")):
        for cluster in ("cluster-1", "cluster-2"):
            assert ownership(mark, other.owner(cluster)) is Ownership.FOREIGN
    assert ownership(mark, scriptmodel(name="other").owner("cluster-1")) is Ownership.FOREIGN
    assert ownership(None, owner) is Ownership.UNMARKED


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("", True),
        ("registry:5000/trainer:2", True),
        ("registry:5000/trainer@sha256:" + 64 * "0", True),
        ("registry:5000/trainer", True),
        ("registry:5000/trainer-evil:1", False),
        ("registry:5000/trainer/other:1", False),
        ("registry:5000/other:1", False),
        ("mirror/trainer:1", True),
        ("mirror", True),
        ("mirror.evil.com/trainer:1", False),
        ("ghcr.io/us/trainer@sha256:" + 64 * "0", True),
        ("ghcr.io/us/trainer/gpu:1", True),
        ("ghcr.io/us/trainer-evil:1", False),
        ("pinned:1", True),
        ("pinned:10", False),
    ],
)
def test_images_are_tags_of_the_operators_own_or_on_the_list(image: str, *, allowed: bool) -> None:
    policy = Policy(trainer_image="registry:5000/trainer:1", images=("mirror/", "ghcr.io/us/trainer", "pinned:1"))
    said = refusal(scriptmodel({"training": {"image": image}}), policy)
    assert (said is None) == allowed
    assert refusal(scriptmodel({"training": {"image": image}}), Policy(images=("*",))) is None


@pytest.mark.parametrize(
    ("repo", "patterns", "listed"),
    [
        ("default/plays-2024", ("poems", "plays-*"), True),
        ("team/plays-2024", ("plays-*",), True),
        ("drama/plays-2024", ("plays-*",), False),
        ("drama/plays-2024", ("drama/plays-*",), True),
        ("drama/plays-2024", ("*",), True),
        ("default/plays", ("poems",), False),
    ],
)
def test_a_repo_is_listed_by_name_in_the_projects_of_a_namespace_or_with_its_project(
    repo: str, patterns: tuple[str, ...], *, listed: bool
) -> None:
    ref = RepoRef(*repo.split("/"))
    for namespace in ("ml", "*"):
        assert Policy(projects={namespace: ("team",)}, repos={namespace: patterns}).lists("ml", ref) == listed
    assert not Policy(repos={"other": patterns}).lists("ml", ref)


@pytest.mark.parametrize(
    ("url", "allowed", "refused"),
    [
        ("https://Example.com/a", ("example.com",), ""),
        ("http://example.com:8080/a", ("example.com",), ""),
        ("https://example.com.evil.org/a", ("example.com",), "example.com.evil.org"),
        ("https://example.com/a", ("*",), ""),
        ("https://example.com/a", (), "example.com"),
        ("https://evil.example.com/a", ("example.com",), "evil.example.com"),
        ("http://[::1]:80/a", ("::1",), ""),
        ("http://169.254.169.254/latest/token", ("example.com",), "169.254.169.254"),
    ],
)
def test_only_hosts_that_the_operator_allows_are_fetched_from(url: str, allowed: tuple[str, ...], refused: str) -> None:
    model = scriptmodel({"corpus": {"http": {"urls": ["https://example.com/b"] * ("example.com" in allowed) + [url]}}})
    said = refusal(model, Policy(downloads=allowed)) or ""
    assert (f"URLs of host {refused!r} are not allowed" in said) == bool(refused)
    assert said.endswith(f"--allow-download {refused} (policy.downloads of its chart)" if refused else "")


@pytest.mark.parametrize("namespace", ["ml", "*"])
def test_pipelines_are_in_the_default_project_or_in_one_that_is_listed(namespace: str) -> None:
    model = scriptmodel({"pachyderm": {"project": "team"}})
    said = refusal(model, Policy(projects={namespace: ("drama",), "other": ("team",)})) or ""
    assert said == (
        "namespace 'ml' may not use Pachyderm project 'team': set spec.pachyderm.project to 'default' or 'drama', or "
        "have the operator run with --allow-project ml=team (policy.projects of its chart)"
    )
    assert refusal(model, Policy(projects={namespace: ("team",)})) is None
    assert refusal(model, Policy(projects={namespace: ("*",)})) is None
    assert refusal(scriptmodel(), Policy(projects={namespace: ("team",)})) is None
