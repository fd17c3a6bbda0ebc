"""The trainer's side of the contract with the operator: command lines, files, events, exit codes."""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from running import run_trainer, spawn_trainer
from samples import play

from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.commands import evaluate
from scriptmodel_trainer.model.presets import PRESETS
from scriptmodel_trainer.progress.listeners import progress_for
from scriptmodel_trainer.storage.records import Score

MODEL_FILES = {"model.json", "metrics.json", "report.html"}
LOG = "train.log.jsonl"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One train job, run with exactly the command line of the pipeline, below PFS_ROOT."""
    root = tmp_path_factory.mktemp("pfs")
    (root / "corpus").mkdir()
    (root / "corpus" / "play.md").write_text(play(120), "utf-8")
    command = (
        "train --data /pfs/corpus --out /pfs/out --layout auto --preset test "
        "--set hidden_units=6 epochs=2 --seed 7 --log json"
    )
    done = spawn_trainer(command.split(), {"PFS_ROOT": str(root)})
    return {"root": root, "done": done, "events": events_of(done.stdout)}


def events_of(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_train_writes_exactly_the_model_directory(job: dict[str, Any]) -> None:
    assert job["done"].returncode == 0, job["done"].stderr
    out = job["root"] / "out"
    files = json.loads((out / "model.json").read_text("utf-8"))["files"]
    assert files.keys() == {"weights", "ngrams"}
    arrays = {f"{kind}-{digest[:16]}.safetensors" for kind, digest in files.items()}
    assert {path.name for path in out.iterdir()} == {*MODEL_FILES, *arrays, LOG}
    for kind, digest in files.items():
        assert hashlib.sha256((out / f"{kind}-{digest[:16]}.safetensors").read_bytes()).hexdigest() == digest


def test_every_line_of_stdout_is_an_event_with_a_time_and_in_the_log(job: dict[str, Any]) -> None:
    assert all({"event", "time", "text"} <= event.keys() for event in job["events"])
    assert (job["root"] / "out" / LOG).read_text("utf-8") == job["done"].stdout
    assert job["done"].stderr == ""


def test_events_are_in_order_and_have_the_fields_of_the_contract(job: dict[str, Any]) -> None:
    events = job["events"]
    keys = {
        "start": {"preset", "parameters", "tokens", "vocabulary", "epochs", "resumed_from", "state"},
        "device": {"device", "name", "memory_bytes", "precision", "gpu_requested"},
        "progress": {"epoch", "epochs", "fraction", "perplexity", "words_per_second", "eta_seconds"},
        "epoch": {"epoch", "train_perplexity", "valid_perplexity", "best", "sample"},
        "done": {"perplexity", "seconds"},
    }
    assert all(event.keys() - {"event", "time", "text"} == keys[event["event"]] for event in events)
    assert events[0]["event"] == "start"
    assert events[-1]["event"] == "done"
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2]
    fractions = [event["fraction"] for event in events if event["event"] == "progress" and event["epoch"] == 1]
    assert fractions == sorted(fractions)
    assert len(fractions) > 1
    assert fractions[-1] == 1.0


def test_metrics_have_the_keys_of_the_contract(job: dict[str, Any]) -> None:
    metrics = json.loads((job["root"] / "out" / "metrics.json").read_text("utf-8"))
    assert metrics["schema"] == 1
    assert {"epochs", "perplexity", "tokens", "best_epoch", "seconds"} <= metrics.keys()
    assert metrics["perplexity"].keys() == metrics["tokens"].keys() == {"train", "valid", "test"}
    epoch_keys = {"epoch", "train_perplexity", "valid_perplexity", "learning_rate", "seconds", "words_per_second"}
    epoch_keys |= {"sample"}
    assert [entry.keys() for entry in metrics["epochs"]] == [epoch_keys, epoch_keys]
    assert metrics["understood"] > 0.95
    samples = [event["sample"] for event in job["events"] if event["event"] == "epoch"]
    assert [entry["sample"] for entry in metrics["epochs"]] == samples
    assert all(0 < len(sample) <= 120 for sample in samples)
    assert metrics["perplexity"]["test"] == pytest.approx(job["events"][-1]["perplexity"], abs=0.001)


def test_model_json_records_preset_seed_corpus_and_versions(job: dict[str, Any]) -> None:
    described = json.loads((job["root"] / "out" / "model.json").read_text("utf-8"))
    assert described["preset"] == "test"
    assert described["parameters"]["hidden_units"] == 6
    assert described["seed"] == 7
    assert len(described["corpus"]["digest"]) == 64
    assert {"scriptmodel-trainer", "python", "numpy", "tensorflow"} <= described["versions"].keys()


def test_generate_writes_the_scripts_and_their_record(job: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(job["root"] / "out")
    command = (
        "generate /pfs/model --out /pfs/out/new_script.txt --words 60 --temperature 0.8 --top-p 0.95 --seed 1 "
        "--prompt=The_lamp --speaker=ANNA --samples 2"
    )
    words = [word.replace("_", " ") if word.startswith("--prompt") else word for word in command.split()]
    done = run_trainer(words, {"PFS_ROOT": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    written = [(Path(event["file"]).name, event["event"]) for event in events_of(done.stdout)]
    formats = [f"new_script{number}.{form}" for number in ("", ".2") for form in ("txt", "fountain", "fdx", "html")]
    assert written == [(name, "written") for name in (*formats, "generation.json")]
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*formats, "generation.json"}
    text = (out / "new_script.txt").read_text("utf-8")
    assert text.startswith("[ ANNA ]: The lamp")
    assert len(text.split()) <= 60
    record = json.loads((out / "generation.json").read_text("utf-8"))
    assert [entry["file"] for entry in record["samples"]] == ["new_script.txt", "new_script.2.txt"]
    assert record["seed"] == 1


BAD_INPUT = {
    "no such path": ["train", "--data", "{missing}", "--out", "{out}", "--preset", "test"],
    "a name too long": ["train", "--data", "{good}" + "x" * 300, "--out", "{out}", "--preset", "test"],
    "empty folder": ["train", "--data", "{empty}", "--out", "{out}", "--preset", "test"],
    "empty file": ["train", "--data", "{hollow}", "--out", "{out}", "--preset", "test"],
    "no words": ["train", "--data", "{wordless}", "--out", "{out}", "--preset", "test"],
    "binary": ["train", "--data", "{binary}", "--out", "{out}", "--preset", "test"],
    "unknown preset": ["train", "--data", "{good}", "--out", "{out}", "--preset", "smal"],
    "unknown setting": ["train", "--data", "{good}", "--out", "{out}", "--set", "hiddenUnits=5"],
    "setting out of range": ["train", "--data", "{good}", "--out", "{out}", "--set", "dropout=1.5"],
    "unknown layout": ["train", "--data", "{good}", "--out", "{out}", "--layout", "quarto"],
    "unknown option": ["train", "--data", "{good}", "--out", "{out}", "--turbo"],
    "missing option": ["train", "--data", "{good}"],
    "no model": ["generate", "{empty}", "--words", "10"],
    "no command": [],
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_ends_with_code_2_and_one_clear_line(case: str, tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("missing", "empty", "hollow", "wordless", "binary", "good", "out")}
    paths["empty"].mkdir()
    paths["hollow"].write_text("")
    paths["wordless"].write_text("  \n\n ... !! \n")
    paths["binary"].write_bytes(bytes(range(256)) * 20)
    paths["good"].write_text(play(20), "utf-8")
    done = run_trainer([word.format(**paths) for word in BAD_INPUT[case]])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("scriptmodel-trainer: error: ")
    assert not done.stdout
    assert not paths["out"].exists()


@pytest.mark.parametrize("command", ["normalize", "train", "evaluate", "generate", "report"])
def test_the_example_in_help_parses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    text = capsys.readouterr().out
    program, *words = text.partition("example: ")[2].partition("\n\n")[0].split()
    assert program == "scriptmodel-trainer"
    assert parser().parse_args(words).command == command
    assert command != "train" or all(re.search(rf"\b{name}[ ,]", text) for name in PRESETS)
    assert command != "train" or len(text.splitlines()) <= 60


def test_an_infinite_perplexity_is_null(model: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "score_of", lambda *_: Score(math.inf, 1, 0))
    line = evaluate.evaluate(model, [corpus], "auto", True, progress_for("json"))
    assert json.loads(line, parse_constant=pytest.fail)["perplexity"] is None


def test_bad_input_is_an_error_event_in_json(tmp_path: Path) -> None:
    done = run_trainer(["train", "--data", tmp_path / "no", "--out", tmp_path / "out", "--log", "json"])
    (event,) = events_of(done.stdout)
    assert done.returncode == 2
    assert event["event"] == "error"
    assert event["code"] == 2
    assert event["parameter"] is None
    assert "no such path" in event["message"]
    assert event["hint"]


def test_a_diverged_loss_ends_with_code_4(tmp_path: Path, corpus: Path) -> None:
    settings = ["--set", "learning_rate=1000000", "clip_norm=1000000", "hidden_units=64", "epochs=3"]
    done = run_trainer(["train", "--data", corpus, "--out", tmp_path / "m", "--preset", "test", *settings])
    assert done.returncode == 4, done.stdout[-500:] + done.stderr
    assert not (tmp_path / "m" / "model.json").exists()


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        (["--set", "dropout=1.5"], "dropout"),
        (["--set", "learning_rate=fast"], "learning_rate"),
        (["--preset", "smal"], "preset"),
        (["--seed", "-1"], "seed"),
        (["--nonsense"], None),
    ],
)
def test_an_error_event_names_the_parameter_at_fault(words: list[str], parameter: str | None, tmp_path: Path) -> None:
    done = run_trainer(["train", "--data", tmp_path, "--out", tmp_path / "m", *words, "--log", "json"])
    (event,) = events_of(done.stdout)
    assert (done.returncode, event["event"], event["parameter"]) == (2, "error", parameter)


def test_an_error_of_a_generate_job_is_an_event(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(model)
    command = "generate /pfs/model --out /pfs/out/new_script.txt --words 60 --temperature 0.8 --top-p 0.95 --seed 1"
    words = [*command.replace("--out ", "--out=").split(), "--speaker=ANNE"]
    done = run_trainer(words, {"PFS_ROOT": str(tmp_path)})
    (event,) = events_of(done.stdout)
    assert (done.returncode, event["code"], event["parameter"]) == (2, 2, "speaker")
    assert event["message"] == 'unknown speaker "ANNE" (did you mean ANNA?)'


def test_a_corpus_without_scripts_is_a_warning_in_log_and_metrics(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "README").write_text("# A project\n\n" + "It builds the tool: run `make`, then read the docs.\n\n" * 80)
    done = run_trainer(["train", "--data", data, "--out", tmp_path / "m", "--preset", "test", "--log", "json"])
    assert done.returncode == 0, done.stderr
    warning, *_ = events_of(done.stdout)
    assert (warning["event"], warning["code"]) == ("warning", "not_scripts")
    assert warning["message"].startswith(
        "1 of 1 file(s) do not look like scripts (0% of the corpus understood): README"
    )
    assert json.loads((tmp_path / "m" / "metrics.json").read_text())["understood"] < 0.5
    assert json.loads((tmp_path / "m" / LOG).read_text("utf-8").splitlines()[0])["code"] == "not_scripts"
    assert not run_trainer(["evaluate", tmp_path / "m", "--data", data]).stderr  # plain text is what the model is of
    evaluated = run_trainer(["evaluate", model, "--data", data])
    assert evaluated.stderr.startswith("warning: 1 of 1 file(s) do not look like scripts")
    normalized = run_trainer(["normalize", data, "--out", tmp_path / "tokens"])
    assert normalized.stderr.startswith("warning: 1 of 1 file(s) do not look like scripts")


def test_train_ends_with_the_paths_of_model_and_report_and_the_next_command(tmp_path: Path, corpus: Path) -> None:
    done = run_trainer(["train", "--data", corpus, "--out", tmp_path / "a model", "--preset", "test"])
    model, report, following = done.stdout.splitlines()[-3:]
    assert model == f"Model: {tmp_path / 'a model'}"
    assert report == f"Report: {tmp_path / 'a model' / 'report.html'}"
    assert following == f"Next: scriptmodel-trainer generate '{tmp_path}/a model' --words 300"
    assert re.search(r"^Epoch: 1 Sample: (\[|\{\{) ", done.stdout, re.MULTILINE)
