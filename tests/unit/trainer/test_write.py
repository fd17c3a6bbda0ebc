"""The write command: a model is trained once, and found again by its files."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any
from unittest.mock import Mock, patch

import pytest
from plain_words import INTERNAL
from running import run_trainer
from samples import play

from scriptmodel_trainer.artifacts.model_directory import load_model, save_model
from scriptmodel_trainer.commands.write import Quiet, next_script
from scriptmodel_trainer.corpus.speeches import SPEECHES
from scriptmodel_trainer.errors import ExitCode
from scriptmodel_trainer.progress.events import Progressed, ProgressEvent
from scriptmodel_trainer.training import auto

SCENE = "ANNA. The river will not leave. Who’s that?\n\nMIRA. A stranger waits for the last train.\n\nANNA. No.\n"
STRAIGHT = str.maketrans("“”’—", '""\'-')
FILES = {f"script-{number}.{form}" for number in (1, 2) for form in ("txt", "fountain", "fdx", "html")}


@pytest.fixture(scope="module", autouse=True)
def tiny_models() -> Iterator[None]:
    """Let `auto` choose what is trained in seconds."""
    with pytest.MonkeyPatch.context() as patched:
        rows = (auto._Row(1.0, "test", {"epochs": 1}), auto._Row(0.0, "test", {"epochs": 2}))
        patched.setattr(auto, "_ROWS", rows)
        yield


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("write") / "plays"
    folder.mkdir()
    (folder / "train.md").write_text(play(120), "utf-8")
    return folder


@pytest.fixture(scope="module")
def first(plays: Path) -> subprocess.CompletedProcess[str]:
    """The first run, which trains."""
    return write(plays, "--words", "60")


def write(plays: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return run_trainer(["write", plays, "--out", plays.parent / "written", *words])


def test_the_first_run_trains_and_says_where_everything_is(
    first: subprocess.CompletedProcess[str], plays: Path
) -> None:
    folder = plays.parent / "written"
    assert first.returncode == 0, first.stderr
    assert re.search(
        r"note: training takes about (a minute|\d+ minutes) on this machine[^;]*; Ctrl-C stops it", first.stderr
    )
    text = (folder / "script-1.txt").read_text("utf-8")
    shown = first.stdout.partition("\n\n")[2]
    assert shown.startswith("\n".join(text.splitlines()[:3]))
    command = f"scriptmodel-trainer write {plays} --out {folder}"
    for line in (f"Script: {folder}/script-1.txt (", f"Report: {folder}/report.html", f"Next:   {command}    #"):
        assert f"\n{line}" in shown
    assert f"{command} --continue scene.txt    # " in shown
    assert f"scriptmodel-trainer ui {folder}    # " in shown
    technical = ("auto: ", "vocabulary_size", "Device: ", "Learning rate", "trigrams")
    assert not any(word in first.stdout + first.stderr for word in technical)
    assert not INTERNAL.search(first.stdout + first.stderr + (folder / "script-1.fountain").read_text("utf-8"))
    assert (folder / "report.html").read_bytes() == (folder / "model" / "report.html").read_bytes()


def test_another_run_writes_another_script_with_the_same_model(
    first: subprocess.CompletedProcess[str], plays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del first
    monkeypatch.setattr("scriptmodel_trainer.commands.write.train", None)  # not called
    folder = plays.parent / "written"
    assert write(plays, "--speaker", "ANNIE").returncode == 2
    done = write(plays, "--words", "60", "--cast", "ANNA,MIRA")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in folder.iterdir()} == FILES | {"model", "report.html", SPEECHES}
    assert "seed 2" in (folder / "script-2.fountain").read_text("utf-8")


def test_next_lines_are_numbered_and_real_ones_have_their_source(
    first: subprocess.CompletedProcess[str], plays: Path, tmp_path: Path
) -> None:
    del first
    (tmp_path / "scene.txt").write_text(SCENE, "utf-8")
    lines = ["--continue", tmp_path / "scene.txt", "--next", "4"]
    shown = write(plays, *lines, "--by", "mira", "--seed=1").stdout.splitlines()
    assert [line[:10] for line in shown[:4]] == [f" {number}  MIRA. " for number in range(1, 5)]
    command = shlex.join(map(str, [plays, "--out", plays.parent / "written", *lines, "--by", "mira", "--seed", "2"]))
    assert shown[5] == f"Next: scriptmodel-trainer write {command}    # others"
    (plays.parent / "written" / SPEECHES).unlink()  # of a folder that a program made that did not store it
    real = write(plays, *lines, "--cento").stdout.splitlines()
    assert [line[:10] for line in real[:8:2]] == [f" {number}  MIRA. " for number in range(1, 5)]
    assert re.fullmatch(r"      -- train, ACT I, SCENE \d\. A room, [\w ]+", real[1])
    assert not any(path.suffix == ".txt" and path.stat().st_size == 0 for path in (plays.parent / "written").iterdir())


def test_a_cento_is_a_scene_of_real_lines_each_once_with_notes_and_the_author(
    first: subprocess.CompletedProcess[str], plays: Path, tmp_path: Path
) -> None:
    del first
    (tmp_path / "scene.txt").write_text(SCENE, "utf-8")
    own = ["--title", "Rails", "--author", "A. B.", "--out", tmp_path / "out"]
    copytree(plays.parent / "written" / "model", tmp_path / "out" / "model")
    done = run_trainer(["write", plays, "--continue", tmp_path / "scene.txt", "--cento", "--words", "60", *own])
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "script-1.txt").read_text("utf-8")
    assert text.startswith(SCENE.rstrip())
    said = re.findall(r"^(?:ANNA|MIRA)\. (.*)$", text.removeprefix(SCENE.rstrip()), re.MULTILINE)
    corpus = " ".join((plays / "train.md").read_text("utf-8").split())
    assert len(said) == len(set(said)) > 3
    assert len(text.split()) <= 60 + len(SCENE.split())
    assert all(line.translate(STRAIGHT) in corpus for line in said)
    fountain = (tmp_path / "out" / "script-1.fountain").read_text("utf-8")
    assert fountain.startswith("Title: Rails\nCredit: written by\nAuthor: A. B.\n")
    assert fountain.count("[[train, ACT I") == len(said)


def test_what_continues_a_scene_is_shown(first: subprocess.CompletedProcess[str], plays: Path, tmp_path: Path) -> None:
    del first
    (tmp_path / "scene.txt").write_text(SCENE * 8, "utf-8")
    shown = write(plays, "--continue", tmp_path / "scene.txt", "--words", "120").stdout
    assert "A stranger waits for the last train." not in shown.partition("Script: ")[0]
    assert re.search(r"^[A-Z ]+\. ", shown, re.MULTILINE)


def test_two_commands_at_once_take_two_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script-7.fdx").touch()
    listed = [*tmp_path.iterdir()]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))  # by both before either has its number
    assert [next_script(tmp_path) for _ in range(2)] == [(n, tmp_path / f"script-{n}.txt") for n in (8, 9)]


@pytest.mark.parametrize(
    ("minutes", "why"),
    [
        (None, ""),
        (3, ""),
        (1, ", although it is the shortest one"),
        (8, ": more minutes do not help with so few words"),
    ],
)
def test_a_training_is_announced_once_when_its_speed_is_known(minutes: float | None, why: str) -> None:
    rows = (auto._Row(4.0, "tuned", {}), auto._Row(2.0, "small", {}), auto._Row(0.0, "demo", {}))
    progress = Mock()
    with patch.object(auto, "_ROWS", rows):
        quiet = Quiet(progress)
        quiet.announces, quiet.choice = True, minutes and auto.choose(100_000, minutes)
        for seconds in (240.0, 900.0):
            quiet.report(Progressed(1, 3, 0.1, 90.0, 1000.0, seconds))
    (announced,) = progress.note.call_args_list
    assert announced.args[0].startswith(f"training takes about 4 minutes on this machine{why}; Ctrl-C stops it")


def test_a_model_of_other_files_or_minutes_is_not_replaced(
    first: subprocess.CompletedProcess[str], plays: Path, tmp_path: Path
) -> None:
    del first
    (tmp_path / "train.md").write_text(play(30), "utf-8")
    others = run_trainer(["write", tmp_path, "--out", plays.parent / "written"])
    assert (others.returncode, others.stderr.count("\n")) == (2, 1)
    assert "has a model that learned from other files; name another folder, or add --force" in others.stderr
    folder = plays.parent / "written"
    hint = f"{folder} holds a 10-minute model; for 0.001 minutes: --out {folder}-0.001; --force replaces it"
    assert hint in write(plays, "--minutes", "0.001").stderr
    assert not any(path.name.startswith("checkpoint") for path in plays.parent.rglob("*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--minutes", "0"], "--minutes 0 is not a number above 0"),
        (["--words", "0"], "--words 0 must be at least 1"),
        (["--speaker", "ANNIE"], 'unknown speaker "ANNIE" (did you mean ANNA?)'),
        (["--prompt", "lamp " * 60, "--words", "60"], "the prompt does not fit; ask for more --words or shorten"),
        (["--temperature", "9"], "9 is not between 0 and 2; 0.6 to 1.2 are usual"),
        (["--next", "10"], "--next needs a scene; name its file with --continue"),
        (["--next", "21", "--continue-text", "ANNA: Yes."], "--next 21 must lie between 1 and 20"),
        (["--cento", "--prompt", "ANNA: Yes."], "next lines and centos begin with no --prompt"),
        (["--out", "a.pdf"], "--out a.pdf is the name of a file; name a folder"),
        (["--out", "{plays}"], "has the plays; name another folder"),
        (["--out", "{kept}"], "report.html is there already; name another folder with --out, or add --force"),
        (["--out", "{begun}"], "has an unfinished training of other files, or for other --minutes"),
    ],
)
def test_bad_input_ends_before_the_training(words: list[str], message: str, plays: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "report.html").write_text("of someone")
    (tmp_path / "begun" / "model").mkdir(parents=True)
    (tmp_path / "begun" / "model" / "checkpoint-a.safetensors").write_bytes(b"of another training")
    words = [word.format(kept=tmp_path / "kept", begun=tmp_path / "begun", plays=plays) for word in words]
    done = run_trainer(["write", plays, "--out", tmp_path / "new", *words])
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "new").exists()


def test_the_folder_of_an_earlier_run_is_not_read_as_plays(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "speeches.json").touch()
    done = run_trainer(["write", tmp_path])
    assert (done.returncode, f"name the plays, and --out {tmp_path}" in done.stderr) == (2, True), done.stderr


@pytest.mark.usefixtures("compiled_once")
def test_the_same_command_continues_a_training_that_was_stopped(plays: Path, tmp_path: Path) -> None:
    def stop(_: object, event: ProgressEvent) -> None:
        if isinstance(event, Progressed) and event.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    command = ["write", plays, "--out", tmp_path, "--minutes", "0.001", "--words", "60"]
    with patch.object(Quiet, "report", stop):
        stopped = run_trainer(command)
    assert stopped.returncode == ExitCode.TERMINATED
    assert f"state saved in {tmp_path / 'model'}: repeat the command to continue\n" in stopped.stderr
    done = run_trainer(command)
    epochs = ["Epoch: 1 " in done.stdout, "Epoch: 2 " in done.stdout]
    assert (done.returncode, epochs) == (0, [False, True]), done.stderr
    assert {path.name for path in tmp_path.glob("script-1.*")} <= FILES
    assert not [*(tmp_path / "model").glob("checkpoint*")]


@pytest.mark.usefixtures("compiled_once")
@pytest.mark.parametrize("moment", ["train.model_directory.save_model", "write.generate"])
def test_one_ctrl_c_after_the_training_ends_the_command_and_the_model_is_kept(
    moment: str, plays: Path, tmp_path: Path
) -> None:
    def interrupted(*words: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert moment != "write.generate", "it goes on"
        save_model(*words)

    with patch(f"scriptmodel_trainer.commands.{moment}", interrupted):
        done = run_trainer(["write", plays, "--out", tmp_path, "--minutes", "10", "--words", "60"])
    stopped = "scriptmodel-trainer: stopped by Ctrl-C; the model is stored: the same command writes with it\n"
    assert (done.returncode, done.stderr.endswith(stopped)) == (ExitCode.INTERRUPTED, True), done.stderr
    assert load_model(tmp_path / "model").metrics.epochs
    assert {path.name for path in tmp_path.iterdir()} == {"model", "report.html", SPEECHES}


def test_a_folder_without_scripts_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("# A project\n\n" + "It builds the tool: run `make`, then read the docs.\n\n" * 80)
    done = run_trainer(["write", tmp_path, "--out", tmp_path / "new"])
    assert (done.returncode, f"no scripts in {tmp_path}: 1 of 1 file(s)" in done.stderr) == (2, True), done.stderr


def test_of_a_play_of_one_line_only_the_error_is_printed(tmp_path: Path) -> None:
    play = tmp_path / "play.txt"
    play.write_text("HAMLET. To be or not to be.\n")
    done = run_trainer(["write", play, "--out", tmp_path / "new"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"scriptmodel-trainer: error: {play} has about 12 words; give at least one whole scene\n"
