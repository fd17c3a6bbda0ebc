"""Outputs never replace files, pipes, links and folders of others, and may go to any stream."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import COMMAND, run_trainer, spawn_trainer
from samples import play

from scriptmodel_trainer.cli import main
from scriptmodel_trainer.errors import WriteError
from scriptmodel_trainer.storage.files import as_write_error

COMMANDS = {
    "normalize": ["normalize", "{corpus}", "--out", "{out}"],
    "statistics": ["normalize", "{corpus}", "--out", "{tmp}/tokens.txt", "--stats", "{out}"],
    "report": ["report", "{model}", "--out", "{out}"],
    "generate": ["generate", "{model}", "--words", "20", "--out", "{out}"],
}


def run(command: str, out: Path, corpus: Path, model: Path) -> tuple[int, str]:
    places = {"corpus": corpus, "model": model, "out": out, "tmp": out.parent}
    done = run_trainer([word.format(**places) for word in COMMANDS[command]])
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_or_a_pipe_in_the_place_of_the_file_is_refused(
    command: str, corpus: Path, model: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path, tmp_path / "pipe"):
        code, errors = run(command, out, corpus, model)
        assert code == 3
        assert (
            errors
            == f"scriptmodel-trainer: error: cannot write {out}: it is no regular file; give the name of a file\n"
        )
    assert (tmp_path / "pipe").is_fifo()


def test_on_a_terminal_normalize_prints_its_table_alone(corpus: Path) -> None:
    ours, theirs = os.openpty()
    done = subprocess.run([COMMAND, "normalize", corpus], stdout=theirs, stderr=theirs, check=False)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    assert "UNDERSTOOD" in shown
    assert "<boname>" not in shown


def test_space_is_asked_for_on_a_full_disk_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, errors = run("generate", tmp_path / "file" / "out.txt", tmp_path, model)
    assert (code, errors.endswith("file: File exists; choose another --out\n")) == (3, True), errors
    with pytest.raises(WriteError) as raised, as_write_error(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.hint == "free some space or choose another --out"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_folder_is_made_and_a_link_stays_a_link(
    command: str, corpus: Path, model: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "kept" / "here")
    for out in (tmp_path / "new" / "folder" / "out", link):
        assert run(command, out, corpus, model)[0] == 0
        assert out.stat().st_size
    assert link.is_symlink()


def test_other_files_in_the_folder_are_not_changed(corpus: Path, model: Path, tmp_path: Path) -> None:
    theirs = [tmp_path / ".download.part", tmp_path / ".scene.txt.77.part"]
    ours = tmp_path / ".new_script.txt.77.part"
    for path in (*theirs, ours):
        path.write_text("half")
    assert run("generate", tmp_path / "new_script.txt", corpus, model)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"new_script.txt", *(path.name for path in theirs)}


def test_a_requested_record_is_written_and_reported(model: Path, tmp_path: Path) -> None:
    out, record = tmp_path / "a.txt", tmp_path / "a.json"
    generate = ["generate", model, "--words", "20", "--out", out]
    assert run_trainer(generate).stdout == f"Wrote {out} ({len(out.read_text().split())} words)\n"
    assert not record.exists()
    done = run_trainer([*generate, "--record", record])
    assert done.stdout.splitlines()[-1] == f"Wrote {record}"
    assert record.is_file()
    for words in (["--out", out, "--record", out], ["--record", record], ["--log", "json"]):
        refused = run_trainer(["generate", model, "--words", "20", *words])
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1) or "json" in words
        assert refused.returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["model.json", "weights-*.safetensors", "train.log.jsonl"])
def test_a_file_of_a_model_is_not_overwritten(
    command: str, name: str, corpus: Path, model: Path, tmp_path: Path
) -> None:
    (path,) = model.glob(name)
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    for out in (path, tmp_path / "link"):
        code, errors = run(command, out, corpus, model)
        assert code == 2
        assert len(errors.splitlines()) == 1
        assert str(out) in errors
    assert path.read_bytes() == before


def test_a_script_is_not_written_into_its_model(corpus: Path, model: Path) -> None:
    code, errors = run("generate", model / "new_script.txt", corpus, model)
    assert code == 2
    assert "lies in the model directory" in errors
    assert not (model / "new_script.txt").exists()


FULL = {
    "normalize": ["normalize", "{corpus}"],
    "bad input in json": ["train", "--data", "{tmp}/no", "--out", "{tmp}/m", "--log", "json"],
    "evaluate": ["evaluate", "{model}", "--data", "{corpus}"],
    "generate": ["generate", "{model}", "--words", "20"],
    "generate to a file": ["generate", "{model}", "--words", "20", "--out", "{tmp}/s.txt"],
    "help": ["--help"],
    "help without buffering": ["--help"],
    "version without buffering": ["--version"],
}


@pytest.mark.parametrize("case", FULL)
def test_an_output_that_cannot_be_written_is_code_3_and_one_line(
    case: str, corpus: Path, model: Path, tmp_path: Path
) -> None:
    words = [word.format(corpus=corpus, model=model, tmp=tmp_path) for word in FULL[case]]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if "without buffering" in case else ""}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == (2 if "bad input" in case else 3)
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("scriptmodel-trainer: error: ")


@pytest.mark.parametrize("command", [["train"], ["trial", "--trial", "trial"]])
def test_a_training_whose_output_cannot_be_written_says_how_to_continue(
    command: list[str],
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, which has loaded TensorFlow: on a full disk, and when the reader has gone."""
    (tmp_path / "trial" / "0001").mkdir(parents=True)
    (tmp_path / "trial" / "0001" / "trial.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRIPTMODEL_TRIAL_WORKER", "0")
    train = [*command, "--data", str(corpus), "--out", "m", "--preset", "test", "--log", "text"]
    reader, writer = os.pipe()
    os.close(reader)
    for stream, error in ((os.open("/dev/full", os.O_WRONLY), "cannot write to"), (writer, "was closed")):
        with os.fdopen(stream, "w", buffering=1) as out, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", out)
            assert main(train) == 3
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1
        assert error in errors[0]
        assert "repeat the command to continue" in errors[0]


def test_normalize_prints_a_table_of_its_statistics(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(60), "utf-8")
    done = run_trainer(["normalize", tmp_path / "play.md", "--out", tmp_path / "tokens"])
    head, row = done.stdout.splitlines()
    assert head.split() == ["FILE", "LAYOUT", "LINES", "SPEAKERS", "UTTERANCES", "DIRECTIONS", "DROPPED", "UNDERSTOOD"]
    name, layout, lines, speakers, *_, understood = row.split()
    assert (name, layout, lines, speakers) == ("play.md", "markdown", str(len(play(60).splitlines())), "4")
    assert int(understood.rstrip("%")) > 90
    silent = run_trainer(["normalize", tmp_path / "play.md"])
    assert "UTTERANCES" not in silent.stdout + silent.stderr
    assert "note: this is the stream that training reads; --out FILE stores it and prints a table" in silent.stderr


def test_a_missing_path_is_answered_without_an_option_that_the_command_lacks(tmp_path: Path) -> None:
    done = run_trainer(["normalize", tmp_path / "no"])
    assert done.returncode == 2
    assert "--data" not in done.stderr


def test_a_stream_that_cannot_hold_a_character_gets_another(model: Path) -> None:
    generate = ["generate", model, "--words", "20", "--prompt", "naïve \udce9t", "--cast", "Zoë, Anna"]
    done = spawn_trainer(generate, {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stderr.startswith("warning: your plays never have: Zo\\xeb; they speak with the words of others\n")
    assert "na?ve" in done.stdout


def test_closed_streams_are_no_failure(model: Path) -> None:
    for closed, words in ((">&-", "20"), (">&- 2>&-", "20"), ("<&- >&- 2>&-", "0")):
        line = f"exec {COMMAND} generate {model} --words {words} {closed}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0 if words == "20" else 2, "")
        assert done.stderr == "" or done.stderr.startswith("note: copied: ")


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    corpus = tmp_path / "two\nlines"
    corpus.mkdir()
    (corpus / "caf\udce9 <b>.md").write_text(play(40), "utf-8")
    (corpus / "nothing\n.txt").touch()
    done = run_trainer(["train", "--data", corpus, "--out", tmp_path / "model", "--preset", "test"])
    assert done.returncode == 0, done.stderr
    assert done.stderr == "note: left out nothing .txt: it is empty\n"


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_seconds_between_checkpoints_that_cannot_be_are_refused(seconds: str, corpus: Path, tmp_path: Path) -> None:
    arguments = ["--out", tmp_path / "m", "--preset", "test", f"--checkpoint-seconds={seconds}"]
    done = run_trainer(["train", "--data", corpus, *arguments])
    assert done.returncode == 2
    assert f"--checkpoint-seconds {seconds} must not be negative" in done.stderr


@pytest.mark.parametrize("option", ["--out", "--stats"])
def test_a_script_is_not_overwritten_by_its_normalized_text(option: str, tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(20), "utf-8")
    done = run_trainer(["normalize", tmp_path, option, tmp_path / "play.md"])
    assert done.returncode == 2
    assert "play.md is one of the scripts and would be overwritten; name another file" in done.stderr
    assert (tmp_path / "play.md").read_text("utf-8") == play(20)


def test_a_reader_that_goes_away_ends_a_script_well(model: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [COMMAND, "generate", model, "--words", "20"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("command", "name"), [*((each, "/dev/stdout") for each in COMMANDS), ("generate", "log.txt")])
def test_the_file_that_standard_output_goes_to_is_not_replaced(
    command: str, name: str, corpus: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / name
    places = {"corpus": corpus, "model": model, "out": out, "tmp": tmp_path}
    words = [word.format(**places) for word in COMMANDS[command]]
    with (tmp_path / "log.txt").open("w") as log:
        log.write("first\n")
        log.flush()
        done = subprocess.run([COMMAND, *words], stdout=log, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.endswith(
        f"cannot write {out}: standard output or standard error goes to it; give another name\n"
    )
    assert (tmp_path / "log.txt").read_text().startswith("first\n")


def test_a_working_directory_that_was_deleted_is_reported(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-c", code, COMMAND, "generate", model, "--words", "20"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    expected = "the working directory cannot be read: No such file or directory; change to another\n"
    assert done.stderr == f"scriptmodel-trainer: error: {expected}"


def test_one_file_is_not_written_twice(corpus: Path, model: Path, tmp_path: Path) -> None:
    out, same = tmp_path / "a.txt", tmp_path / ".." / tmp_path.name / "a.txt"
    for words in (["normalize", corpus, "--stats", same], ["generate", model, "--record", same]):
        done = run_trainer([*words, "--out", out])
        assert done.returncode == 2
        assert done.stderr.endswith("; give another name\n")
        assert not out.exists()


def test_a_script_is_written_without_loading_what_reads_layouts(model: Path, tmp_path: Path) -> None:
    program = "import sys; from scriptmodel_trainer.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    words = ["generate", str(model), "--words", "20", "--out", str(tmp_path / "script.txt")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    unused = {"scriptmodel_trainer.corpus.layouts", "scriptmodel_trainer.corpus.reading", "jinja2", "tensorflow"}
    assert not set(done.stdout.split()) & unused


@pytest.mark.parametrize("command", ["normalize", "report", "generate"])
def test_a_name_reaches_no_terminal_as_it_is(command: str, corpus: Path, model: Path, tmp_path: Path) -> None:
    """The name of a file may be anybody's, and a terminal obeys some characters."""
    (tmp_path / "in\x1b[31m").mkdir()
    shutil.copy(corpus / "train.md", tmp_path / "in\x1b[31m/a\x1b]0;b\x07.txt")
    places = {"corpus": tmp_path / "in\x1b[31m", "model": model, "out": tmp_path / "out\x1b[31m"}
    done = run_trainer([word.format(**places) for word in COMMANDS[command]])
    assert done.returncode == 0, done.stderr
    assert "\\x1b[31m" in done.stdout + done.stderr or "a\\x1b]0;b\\x07" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
