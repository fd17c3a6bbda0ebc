"""The command that deletes what deleted objects have left on a claim."""

import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scriptmodel_operator.cli import main
from scriptmodel_operator.installation import checkpoints

DAY = 86_400.0


def state(claim: Path, name: str, days: float, *files: str) -> Path:
    """Create a state folder whose files, and the folder itself, were touched so many days ago."""
    folder = claim / name
    folder.mkdir(parents=True)
    for file in files or ("a/state.bin",):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"weights")
    for path in [*folder.rglob("*"), folder]:
        touch(path, days)
    return folder


def touch(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then), follow_symlinks=False)


def clean(claim: Path, older_than: str = "14d") -> Result:
    return CliRunner().invoke(main, ["clean-checkpoints", "--older-than", older_than, str(claim)])


def left(claim: Path) -> list[str]:
    return sorted(str(each.relative_to(claim)) for each in claim.glob("*/*"))


def test_folders_untouched_for_longer_go_and_all_others_stay(tmp_path: Path) -> None:
    state(tmp_path, "default/gone-train", 15)
    state(tmp_path, "default/new-train", 13)
    state(tmp_path, "team/gone-train", 400)
    done = clean(tmp_path)
    assert (done.exit_code, left(tmp_path)) == (0, ["default/new-train"])
    assert done.stdout.splitlines() == ["deleted default/gone-train", "deleted team/gone-train"]
    assert clean(tmp_path).stdout == "nothing was untouched for 14d\n"
    assert clean(tmp_path, "1d").exit_code == 0
    assert left(tmp_path) == []


def test_one_file_that_was_touched_keeps_the_folder(tmp_path: Path) -> None:
    folder = state(tmp_path, "default/train", 100, "a/state.bin", "lock/heartbeat")
    touch(folder / "lock/heartbeat", 0)
    clean(tmp_path)
    assert left(tmp_path) == ["default/train"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    claim, elsewhere = tmp_path / "claim", state(tmp_path, "elsewhere/precious", 100)
    inside = state(claim, "default/train", 100)
    (inside / "a/out").symlink_to(elsewhere)
    (claim / "default/other").symlink_to(elsewhere)
    (claim / "project").symlink_to(elsewhere.parent)
    for path in (inside / "a/out", inside / "a", inside, claim / "default/other"):
        touch(path, 100)
    clean(claim)
    assert left(claim) == ["default/other", "project/precious"], "both are links"
    assert (elsewhere / "a/state.bin").read_bytes() == b"weights"


def test_files_of_others_and_folders_at_another_depth_stay(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    for path in (tmp_path / "note.txt", tmp_path / "default/note.txt"):
        path.write_text("mine")
        touch(path, 100)
    touch(tmp_path / "default", 100)
    assert clean(tmp_path).exit_code == 0
    assert (tmp_path / "default/note.txt").exists()
    assert (tmp_path / "note.txt").exists()


def test_a_folder_that_cannot_be_deleted_is_reported_and_the_others_still_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state(tmp_path, "default/first", 100)
    state(tmp_path, "default/second", 100)

    def rmtree(folder: Path) -> None:
        if folder.name == "first":
            raise PermissionError(13, "Permission denied")
        real(folder)

    real = shutil.rmtree
    monkeypatch.setattr(checkpoints.shutil, "rmtree", rmtree)
    done = clean(tmp_path)
    assert done.exit_code == 1
    assert "deleted default/second" in done.stdout
    assert "cannot delete default/first: Permission denied" in done.stderr


@pytest.mark.parametrize(("older", "words"), [("soon", "is not a duration such as"), ("0s", "must be more than 0")])
def test_a_duration_that_would_delete_running_trainings_is_refused(tmp_path: Path, older: str, words: str) -> None:
    state(tmp_path, "default/train", 100)
    done = clean(tmp_path, older)
    assert (done.exit_code, left(tmp_path)) == (2, ["default/train"])
    assert words in done.stderr


def test_a_claim_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    done = clean(tmp_path / "nowhere")
    assert done.exit_code == 2
    assert "does not exist" in done.stderr
