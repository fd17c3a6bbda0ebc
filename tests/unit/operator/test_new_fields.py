"""No field of the spec is forgotten: docs/contributing/adding-a-field.md explains what to do on a failure."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from scriptmodel_cli.changes import field_changes
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.desired.pipelines import Desired, DesiredPipeline, desired
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import PipelineApply, PipelineSpec
from scriptmodel_operator.pachyderm.messages import create_request
from scriptmodel_operator.pachyderm.pipeline_json import request_json
from scriptmodel_operator.reconcile.stages import in_terms_of_the_object
from tests.unit.operator.pipeline_specs import observed
from tests.unit.operator.world import IMAGE, scriptmodel

GOLDEN: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("fingerprints.yaml").read_text())
BOTH, TRAIN, GENERATE = ("train", "generate"), ("train",), ("generate",)
EFFECTS: dict[str, tuple[object, tuple[str, ...]]] = {
    "corpus.repo.name": ("series", TRAIN),
    "corpus.repo.branch": ("dev", TRAIN),
    "corpus.repo.project": ("team", TRAIN),
    "corpus.layout": ("fountain", TRAIN),
    "model.preset": ("large", TRAIN),
    "model.minutes": (30, TRAIN),
    "model.overrides.epochs": (3, TRAIN),
    "model.overrides.learningRate": ("1e-3", TRAIN),
    "model.overrides.dropout": ("0.5", TRAIN),
    "model.overrides.vocabularySize": (300, TRAIN),
    "model.seed": (3, TRAIN),
    "model.base": ("drama-en", TRAIN),
    "training.image": ("other:1", BOTH),
    "training.imagePullSecrets": ([{"name": "registry"}], BOTH),
    "training.gpu.resource": ("amd.com/gpu", TRAIN),
    "training.gpu.required": (True, TRAIN),
    "training.resources.requests.cpu": ("100m", TRAIN),
    "training.resources.requests.memory": ("1Gi", TRAIN),
    "training.resources.limits.cpu": ("100m", TRAIN),
    "training.resources.limits.memory": ("1Gi", TRAIN),
    "training.nodeSelector": ({"disk": "ssd"}, BOTH),
    "training.tolerations": ([{"key": "gpu"}], BOTH),
    "training.priorityClassName": ("high", BOTH),
    "training.runtimeClassName": ("nvidia", TRAIN),
    "training.queueName": ("gpus", TRAIN),
    "training.checkpoints.claimName": ("checkpoints", TRAIN),
    "training.backoffLimit": (3, BOTH),
    "generation.words": (3, GENERATE),
    "generation.temperature": ("0.5", GENERATE),
    "generation.topP": ("0.5", GENERATE),
    "generation.seed": (3, GENERATE),
    "generation.prompt": ("Enter", GENERATE),
    "generation.speaker": ("HAMLET", GENERATE),
    "generation.cast": (["ANNA", "BEN"], GENERATE),
    "generation.scene": ("INT. KITCHEN - NIGHT", GENERATE),
    "generation.samples": (3, GENERATE),
    "generation.copies": ("avoid", GENERATE),
}
"""Each field that pipelines carry out: a value other than its default, and the pipelines that it changes."""
OPERATORS_OPTIONS = {"--data", "--out", "--log", "--set"}
"""Options of the trainer that no field sets."""
ELSEWHERE = {
    "model.from": "the operator copies it into a repo, whose branch the train pipeline reads: see test_life_base.py",
    "corpus.http": "the operator fetches it into a repo, which the pipelines read",
    "corpus.bucket": "the operator has a Job fetch it into a repo, which the pipelines read",
    "corpus.configMap": "the operator copies it into a repo, which the pipelines read",
    "generation.continue": "the operator reads the text, and gives it to the command: see test_corpus_sources.py",
    "training.pendingDeadline": "the operator stops the job",
    "training.activeDeadline": "the operator stops the job",
    "search": "the operator writes its trials into a repo, which the train pipeline reads",
    "training.onlyIfBetter": "the operator keeps the last script in the status: see test_life_worse_model.py",
    "pachyderm.project": "part of the pipelines' names; it cannot be changed",
    "deletionPolicy": "the operator deletes",
    "suspend": "the operator stops the pipelines",
}
"""Fields that change no pipeline, and who acts on them instead."""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the path of each field without further fields."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        nested = next((each for each in _classes(field.annotation) if path not in ELSEWHERE), None)
        if nested is None:
            yield path
        else:
            yield from leaves(nested, f"{path}.")


def _classes(annotation: Any) -> list[type[BaseModel]]:
    """Return the class of an object or an optional object; none for a list of objects, which is one value."""
    options = [] if get_origin(annotation) is list else [annotation, *get_args(annotation)]
    return [each for each in options if isinstance(each, type) and issubclass(each, BaseModel)]


def pipelines(spec: dict[str, Any], continued: str = "") -> Desired:
    model = scriptmodel({"model": {}, **spec})
    return desired(model, references(model), model.owner("cluster-1"), None, image=IMAGE, continued=continued)


def spec_with(path: str, value: object) -> dict[str, Any]:
    spec: dict[str, Any] = {"corpus": {"repo": {"name": "plays"}}}
    *parents, last = path.split(".")
    here = spec
    for name in parents:
        here = here.setdefault(name, {})
    here[last] = value
    return spec


def test_each_field_of_the_spec_is_accounted_for() -> None:
    """A field that is in neither table was added without saying which pipelines it changes."""
    assert set(leaves(ScriptModelSpec)) == set(EFFECTS) | set(ELSEWHERE)
    assert not set(EFFECTS) & set(ELSEWHERE)


@pytest.mark.parametrize("path", EFFECTS)
def test_a_field_changes_spec_digest_fingerprint_and_plan_of_its_pipelines(path: str) -> None:
    value, expected = EFFECTS[path]
    before = pipelines(spec_with("training.gpu", {}) if path.startswith("training.gpu.") else {})
    after = pipelines(spec_with(path, value))
    for kind in BOTH:
        old, new = getattr(before, kind), getattr(after, kind)
        wanted = dict.fromkeys(_differences(old, new), kind in expected)
        assert _differences(old, new) == wanted, kind


def _differences(old: DesiredPipeline, new: DesiredPipeline) -> dict[str, bool]:
    return {
        "what is sent": old.spec != new.spec,
        "what the server answers": observed(PipelineApply(old.spec)).spec != observed(PipelineApply(new.spec)).spec,
        "what its author submitted": _submitted(old.spec) != _submitted(new.spec),
        "fingerprint": fingerprint(old.spec) != fingerprint(new.spec),
        "digest": old.mark.digest != new.mark.digest,
        "what plan shows": bool(field_changes(old.spec, new.spec)),
    }


def _submitted(spec: PipelineSpec) -> PipelineSpec | None:
    return observed(PipelineApply(spec), request_json(create_request(PipelineApply(spec)))).submitted


@pytest.mark.parametrize("path", EFFECTS)
def test_an_error_of_the_trainer_is_worded_with_the_field(path: str) -> None:
    """`stages.py` replaces each option, and each setting in snake case, that a field adds to a command."""
    value, kinds = EFFECTS[path]
    for kind in kinds:
        command = getattr(pipelines(spec_with(path, value)), kind).spec.command
        names = {word.partition("=")[0] for word in command if re.match(r"--|\w+_\w+=", word)} - OPERATORS_OPTIONS
        assert not [name for name in names if in_terms_of_the_object(name, generating=kind == "generate") == name]


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["name"])
def test_digests_and_fingerprints_never_change(row: dict[str, Any]) -> None:
    found = pipelines(row["spec"], row.get("continued", ""))
    for kind in row.keys() & {*BOTH}:
        pipeline: DesiredPipeline = getattr(found, kind)
        mark = pipeline.mark
        assert {
            "digest": mark.digest,
            "compute": mark.compute,
            "fingerprint": fingerprint(pipeline.spec),
        } == row[kind]


def test_an_exponent_is_another_way_to_write_the_same_number() -> None:
    def written(rate: str) -> Desired:
        return pipelines({"model": {"overrides": {"learningRate": rate}}})

    plain = written("0.001")
    for rate in ("1e-3", "1E-3", "1e-03", "10e-4", "0.1e-2"):
        assert written(rate).train.spec == plain.train.spec
        assert written(rate).train.mark == plain.train.mark
    assert "learning_rate=2000" in written("2e3").train.spec.command
    assert written("1e-4").train.mark.compute != plain.train.mark.compute
