"""The document that tells an attempt what to run; the trainer's tests read the same example."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.jobs.document import MAX_BYTES, MAX_URLS, job_document
from scriptmodel_operator.jobs.manifest import Manifest, Pack
from scriptmodel_operator.jobs.runs import Input, Run, run_hash
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.job_objects import HASH, PLAYS, RUN
from tests.unit.operator.pipeline_specs import PLAIN, changed

EXAMPLE = Path("tests/contract/job.json")
EXPIRES = datetime(2026, 12, 2, 3, 4, 5, tzinfo=UTC)
OWN = f"https://s3.example/v1/drama/runs/{HASH}/3/"
GET, PUT = "?method=GET&seconds=60", "?method=PUT&seconds=60"


def document(run: Run = RUN, number: int = 3, earlier: tuple[int, ...] = (2, 1), url: str = "") -> dict[str, Any]:
    def sign(method: str, keys: Any) -> list[str]:
        return [each + url for each in FakeBucket().sign(method, keys, 60)]

    return dict(json.loads(job_document(run, number, earlier, sign, EXPIRES)))


def packs(count: int) -> Manifest:
    return Manifest(tuple(Pack(f"v1/drama/uploads/one/pack-{number:04}", 1, "0" * 64) for number in range(count)))


def test_the_document_is_the_example_that_the_trainer_reads() -> None:
    base = Input("base", PLAYS)
    spec = changed(PLAIN, base=BranchRef(RepoRef("library", "verse"), "master"))
    run = replace(RUN, spec=spec, inputs=(*RUN.inputs, base))
    assert document(run) == json.loads(EXAMPLE.read_text())


def test_of_a_folder_only_its_packs_are_signed() -> None:
    spec = changed(PLAIN, trials=BranchRef(RepoRef("drama", "thrones-trials"), "master"))
    trial = Input("trial", PLAYS, "/acts")
    (read,) = document(replace(RUN, spec=spec, inputs=(trial,)))["inputs"]
    assert read["packs"] == [f"https://s3.example/v1/drama/uploads/one/pack-0001{GET}"]
    assert (read["folder"], read["manifest"]["sha256"]) == ("/acts", trial.part.id)
    assert read["manifest"]["size"] == len(trial.part.encode())


def test_more_urls_than_a_secret_may_have_are_refused() -> None:
    fits = MAX_URLS - 66 - 4 - 1  # those of the output, the checkpoints and the manifest of the input
    found = document(replace(RUN, inputs=(Input("corpus", packs(fits - 3)),)))
    assert len(found["checkpoints"]["read"]) == 2  # a checkpoint less, rather than no attempt
    document(replace(RUN, inputs=(Input("corpus", packs(fits)),)))
    with pytest.raises(RefusedError, match=r"drama/thrones-train: its inputs have 1 packs too many for 200 URLs"):
        document(replace(RUN, inputs=(Input("corpus", packs(fits + 1)),)))


def test_urls_that_are_too_long_for_a_secret_are_refused() -> None:
    with pytest.raises(RefusedError, match=f"a Secret holds {MAX_BYTES}"):
        document(url="&" + "x" * (MAX_BYTES // 70))


@pytest.mark.parametrize(
    "changed",
    [
        {"spec": replace(PLAIN, command=(*PLAIN.command, "--seed", "2"))},
        {"spec": replace(PLAIN, image="trainer:2")},
        {"spec": replace(PLAIN, ref=replace(PLAIN.ref, name="other-train"))},
        {"inputs": (Input("corpus", PLAYS, "/acts"),)},
        {"inputs": (Input("corpus", replace(PLAYS, files=PLAYS.files[:1])),)},
        {"retrain_at": "now"},
    ],
)
def test_another_pipeline_command_image_input_or_request_is_another_run(changed: dict[str, Any]) -> None:
    same = {"spec": PLAIN, "inputs": RUN.inputs, "retrain_at": ""}
    assert run_hash(**same | changed) != run_hash(**same)


def test_where_a_run_is_computed_and_where_its_bytes_lie_is_no_part_of_it() -> None:
    elsewhere = replace(PLAYS, packs=tuple(replace(each, key=f"{each.key[:-4]}9999") for each in PLAYS.packs[:1]))
    spec = changed(PLAIN, node_selector=(("disk", "ssd"),), tries=5)
    assert run_hash(spec, (Input("corpus", elsewhere),), "") == run_hash(PLAIN, RUN.inputs, "")
    assert len(run_hash(spec, (), "")) == 56
