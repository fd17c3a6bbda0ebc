"""Saved state that cannot be read for now is no damage: the run ends with the cause, and nothing is deleted."""

import errno
import io
import itertools
import json
import os
from pathlib import Path
from typing import BinaryIO
from unittest.mock import Mock

import numpy as np
import pytest
from running import run_trainer

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import JsonProgress
from scriptmodel_trainer.storage import files
from scriptmodel_trainer.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from scriptmodel_trainer.training.state import Effort, Position
from scriptmodel_trainer.training.stores import StateFolder

CAUSES = [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES, errno.ENOMEM]
ARRAYS = {"weights/lstm0/kernel": np.arange(60.0), "best/output/bias": np.ones((2, 3), np.float32)}


def checkpoint(epoch: int) -> Checkpoint:
    return Checkpoint("this run", Position(epoch), 0, (), ARRAYS, "", "", Effort())


def broken_disk(monkeypatch: pytest.MonkeyPatch, cause: int, reads: int = 0) -> None:
    """Let every file fail when it has been read so many times."""

    class Failing(io.FileIO):
        left = reads

        def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # the stub's Buffer
            if self.left == 0:
                raise OSError(cause, os.strerror(cause))
            self.left -= 1
            return super().readinto(buffer)

    def opened(path: Path) -> BinaryIO:
        return io.BufferedReader(Failing(path), buffer_size=1)

    monkeypatch.setattr(files, "open_regular", opened)


@pytest.mark.parametrize("cause", CAUSES)
def test_an_error_at_any_read_has_the_cause_and_the_file(
    cause: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint(1))
    for reads in itertools.count():
        broken_disk(monkeypatch, cause, reads)
        try:
            assert load_checkpoint(path, "this run").arrays.keys() == ARRAYS.keys()
        except OSError as error:
            assert (error.errno, error.filename) == (cause, str(path))  # noqa: PT017  # until no read fails
        else:
            break
    assert reads


@pytest.mark.parametrize("cause", CAUSES)
def test_no_checkpoint_of_a_state_folder_is_deleted(
    cause: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = JsonProgress((output := io.StringIO()).write)
    with StateFolder.opened(tmp_path, "this run", Effort(), progress) as state:
        assert state is not None
        assert [state.save(checkpoint(epoch)) for epoch in (1, 2)] == [True, True]
        stored = sorted(tmp_path.glob("checkpoint-*"))
        with monkeypatch.context() as patched:
            broken_disk(patched, cause)
            with pytest.raises(OSError, match=os.strerror(cause)):
                state.newest(Mock())
        assert sorted(tmp_path.glob("checkpoint-*")) == stored
    broken_disk(monkeypatch, cause)
    another = StateFolder.opened(tmp_path, "another run", Effort(), progress)
    with pytest.raises(OSError, match=os.strerror(cause)):  # whose state it is cannot be known
        another.__enter__()
    assert sorted(tmp_path.glob("checkpoint-*")) == stored
    assert not output.getvalue()


@pytest.mark.parametrize("cause", CAUSES)
def test_a_training_that_cannot_read_its_state_ends_with_the_cause(
    cause: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.txt").write_text("the cat sees the dog and goes home\n" * 80)
    saved = tmp_path / "state" / "checkpoint-000000000000001.safetensors"
    save_checkpoint(saved, checkpoint(1))
    command = ["train", "--data", tmp_path / "lines.txt", "--preset", "test", "--out", tmp_path / "model"]
    broken_disk(monkeypatch, cause)
    done = run_trainer([*command, "--state", saved.parent, "--log", "json"])
    assert done.returncode == 3
    assert json.loads(done.stdout.splitlines()[-1])["message"] == f"{saved}: {os.strerror(cause)}"
    assert saved.exists()


def test_a_model_that_cannot_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.json").write_bytes(b"{}")
    broken_disk(monkeypatch, errno.EIO)
    with pytest.raises(BadInputError, match=f"{tmp_path} cannot be read: {os.strerror(errno.EIO)}"):
        load_model(tmp_path)
