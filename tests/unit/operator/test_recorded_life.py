"""The operator's calls, statuses and events over whole lives of ScriptModels are those of a recording."""

import json
from pathlib import Path

import pytest

from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.kube.errors import KubeUnavailableError
from tests.unit.operator.base_worlds import FROM_REPO, MODEL, MODELS, following
from tests.unit.operator.controlling import PLAYS_BRANCH
from tests.unit.operator.living import BROKEN, UNKNOWN, check_recording, living
from tests.unit.operator.taping import Tape
from tests.unit.operator.world import PLAYS

URL = "https://example.com/plays.txt"

NO_API_SERVER = KubeUnavailableError("writing the status", 503, "injected")


async def train_and_generate(tape: Tape) -> None:
    async with living(tape, {}) as life:
        pachyderm = tape.pachyderm
        await life.then("A corpus in a repo: created before the repo")
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        tape.fail("apply_pipelines", UNKNOWN)
        tape.fail("apply_pipelines", BROKEN, after=True)
        await life.then("the repo exists, but the first call fails, and the answer of the second is lost")
        train, generate = life.world.train, life.world.generate
        progress = {"event": "progress", "epoch": 2, "epochs": 4, "fraction": 0.5, "perplexity": 321.5}
        lines = [json.dumps({"time": 0, "event": "start", "epochs": 4}), json.dumps({"time": 0, **progress})]
        life.found.observer.logs._read_once(pachyderm.run(train, lines).ref)
        await life.then("a worker trains")
        tape.fail("engine", *[BROKEN] * 6)
        await life.then("Pachyderm is down while it trains")
        pachyderm.succeed(train)
        tape.fail("read_file", UNKNOWN)
        await life.then("the model is trained, and its metrics cannot be read at first")
        await life.end_jobs("the script is written")
        tape.fail("replace_status", NO_API_SERVER)
        await life.then("another temperature, and the API server is down", {"generation": {"temperature": "0.5"}})
        await life.end_jobs("its script is written")
        await life.then("another preset", {"model": {"preset": "small"}})
        pachyderm.fail(train, [json.dumps({"event": "error", "message": "no speaker", "hint": "add some"})])
        await life.then("training fails")
        pachyderm.put(PLAYS_BRANCH, {**PLAYS, "/macbeth.txt": b"MACBETH: Tomorrow.\n"})
        await life.then("a new commit of the corpus")
        pachyderm.advance(1900)
        tape.fail("stop_job", BROKEN, after=True)
        await life.then("no worker takes the job before pendingDeadline, and the answer of its stop is lost")
        pachyderm.edit(generate, command=("true",))
        await life.then("somebody edits a pipeline")
        await life.then("the user requests another training", annotations={RETRAIN_AT: "now"})
        tape.fail("delete_pipeline", UNKNOWN)
        tape.fail("delete_pipeline", BROKEN, after=True)
        await life.delete("deletionPolicy Delete, and two calls fail")


async def start_from_a_base(tape: Tape) -> None:
    async with living(tape, following(FROM_REPO)) as life:
        tape.pachyderm.put(PLAYS_BRANCH, PLAYS)
        await life.then("A base model: created before the base exists")
        tape.pachyderm.put(MODELS, MODEL)
        tape.fail("replace_files", BROKEN, after=True)
        await life.then("the base exists, and the answer of its copy is lost")
        await life.end_jobs("the script is written")
        tape.pachyderm.put(MODELS, {**MODEL, "/weights-0123456789abcdef.safetensors": b"other"})
        await life.then("a new base model")
        await life.end_jobs("its script is written")
        await life.then("without a base", {})
        await life.end_jobs("a model is trained alone")
        await life.delete("deletionPolicy Delete")


async def download(tape: Tape) -> None:
    async with living(tape, {"corpus": {"http": {"urls": [URL]}}, "deletionPolicy": "Orphan"}) as life:
        tape.pachyderm.web[URL] = b"HAMLET: To be.\n"
        tape.fail("fetch_file", UNKNOWN)
        await life.then("A corpus by URL: created, and the first download fails")
        tape.pachyderm.advance(600)
        await life.then("the download is tried again")
        await life.end_jobs("the script is written")
        tape.pachyderm.web[URL] = b"HAMLET: Not to be.\n"
        await life.then("the user requests another download", annotations={RECONCILE_AT: "now"})
        await life.end_jobs("its script is written")
        await life.delete("deletionPolicy Orphan")


async def test_lives_with_faults_are_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Path(__file__).with_name("recorded_life.txt")
    await check_recording(recording, monkeypatch, train_and_generate, start_from_a_base, download)
