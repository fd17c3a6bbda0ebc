"""Ownership of a state folder: one owner at a time, never stuck after a kill, and a lost one is noticed."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from scriptmodel_trainer.errors import WriteError
from scriptmodel_trainer.training import lease as lease_module
from scriptmodel_trainer.training.checkpoints import Checkpoint
from scriptmodel_trainer.training.lease import Lease
from scriptmodel_trainer.training.state import Effort, Position
from scriptmodel_trainer.training.stores import StateFolder

BEAT, STALE = 0.05, 1.0
DEADLINE = 60


def lease_on(folder: Path, note: Callable[[], dict[str, Any]] = dict, stale: float = STALE) -> Lease:
    return Lease(folder, note, beat_seconds=BEAT, stale_seconds=stale)


def owner_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "owner.json").read_text())
    return value


def left_by_a_killed_owner(folder: Path, machine: str, **note: Any) -> None:
    record = {"id": "gone", "term": 7, "machine": machine, "note": note}
    (folder / "owner.json").write_text(json.dumps(record))


def silent_for(folder: Path, seconds: float) -> None:
    """Set back the time of the last heartbeat."""
    then = time.time() - seconds
    os.utime(folder / "owner.json", (then, then))


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(BEAT)


def never() -> None:
    pytest.fail("waited for an owner that does not live")


def test_a_released_folder_is_free_at_once(tmp_path: Path) -> None:
    for _ in range(2):
        held = lease_on(tmp_path)
        assert held.acquire(never) is None
        held.require()
        held.release()
        assert not (tmp_path / "owner.json").exists()


def test_a_second_owner_waits_until_the_first_releases(tmp_path: Path) -> None:
    first, second = lease_on(tmp_path, stale=3600), lease_on(tmp_path, stale=3600)
    first.acquire(never)
    waiting = threading.Event()
    waiter = threading.Thread(target=second.acquire, args=(waiting.set,))
    waiter.start()
    try:
        assert waiting.wait(DEADLINE)
        for _ in range(3):  # heartbeats keep the first alive for longer than a silence may last
            silent_for(tmp_path, 1800)
            eventually(lambda: time.time() - (tmp_path / "owner.json").stat().st_mtime < 900)
        first.require()
        assert waiter.is_alive()
    finally:
        first.release()
    waiter.join(DEADLINE)
    assert not waiter.is_alive()
    second.require()
    second.release()


def test_an_owner_killed_on_this_machine_is_replaced_at_once_and_its_note_returned(tmp_path: Path) -> None:
    left_by_a_killed_owner(tmp_path, lease_module._machine(), seconds=12.5)
    held = lease_on(tmp_path, stale=3600)
    previous = held.acquire(never)
    assert previous is not None
    assert previous.note == {"seconds": 12.5}
    assert owner_of(tmp_path)["term"] == 8
    held.release()


def test_an_owner_of_another_machine_is_replaced_when_its_heartbeat_is_stale(tmp_path: Path) -> None:
    left_by_a_killed_owner(tmp_path, "another", seconds=3)
    held, waiting, replaced = lease_on(tmp_path, stale=3600), threading.Event(), []
    waiter = threading.Thread(target=lambda: replaced.append(held.acquire(waiting.set)))
    waiter.start()
    assert waiting.wait(DEADLINE)
    assert owner_of(tmp_path)["id"] == "gone"
    silent_for(tmp_path, 7200)
    waiter.join(DEADLINE)
    (previous,) = replaced
    assert previous is not None
    assert previous.id == "gone"
    held.require()
    held.release()


@pytest.mark.parametrize("content", [b"", b"[" * 5_000, b'{"id": 3, "term": "x", "note": []}', b"\xff" * 70_000])
def test_an_owner_file_that_cannot_be_read_does_not_block_for_longer_than_a_stale_one(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "owner.json").write_bytes(content)
    held = lease_on(tmp_path, stale=0.2)
    held.acquire(lambda: None)
    held.require()
    held.release()


def test_an_owner_that_was_silent_for_too_long_has_lost_the_folder(tmp_path: Path) -> None:
    beats = threading.Event()
    beats.set()
    first, second = lease_on(tmp_path, lambda: {"beats": beats.wait(DEADLINE)}), lease_on(tmp_path, stale=0.2)
    first.acquire(never)
    with first._renewing:  # no heartbeat is being written
        beats.clear()
    second.acquire(lambda: None)
    with pytest.raises(WriteError, match="another training took over the state in"):
        first.require()
    beats.set()
    eventually(lambda: not first._thread.is_alive())  # its heartbeat writes no more
    first.release()
    eventually(lambda: owner_of(tmp_path)["id"] == second._own.id)
    second.require()
    second.release()


def test_an_owner_of_an_earlier_term_that_wakes_up_and_writes_takes_nothing_over(tmp_path: Path) -> None:
    second = lease_on(tmp_path)
    left_by_a_killed_owner(tmp_path, lease_module._machine())
    second.acquire(never)
    left_by_a_killed_owner(tmp_path, "another")  # the first writes once more
    second.require()
    eventually(lambda: owner_of(tmp_path)["id"] != "gone")
    second.require()
    second.release()


def test_heartbeats_store_the_current_note(tmp_path: Path) -> None:
    seconds = [1.0]
    held = lease_on(tmp_path, lambda: {"seconds": seconds[0]})
    held.acquire(never)
    seconds[0] = 2.0
    eventually(lambda: owner_of(tmp_path)["note"] == {"seconds": 2.0})
    held.release()


@pytest.mark.parametrize("other", ["", "~"], ids=["lower", "higher"])
def test_of_two_owners_of_one_term_the_one_that_wrote_last_owns_the_folder(other: str, tmp_path: Path) -> None:
    """They found the folder free at the same moment, as they may where a file system has no locks."""
    first = Lease(tmp_path, dict, beat_seconds=3600)
    first.acquire(never)
    (tmp_path / "owner.json").write_text(json.dumps({**owner_of(tmp_path), "id": other}))
    with pytest.raises(WriteError, match="another training took over the state in"):
        first.require()
    first.release()
    assert owner_of(tmp_path)["id"] == other


def test_a_run_that_lost_its_folder_neither_reads_nor_removes_the_state_in_it(tmp_path: Path) -> None:
    saved = Checkpoint("this run", Position(), 0, (), {}, "", "", Effort())
    with StateFolder.opened(tmp_path, "this run", Effort(), Mock()) as state:
        assert state is not None
        assert state.save(saved)
        (tmp_path / "owner.json").write_text(json.dumps({**owner_of(tmp_path), "id": "another"}))
        stored = contents(tmp_path)
        with pytest.raises(WriteError, match="another training took over the state in"):
            state.newest(Mock())
        state.remove()
    StateFolder(tmp_path, "this run", Effort(), Mock()).remove()  # by a command that never owned it
    assert contents(tmp_path) == stored
    (tmp_path / "owner.json").unlink()
    StateFolder(tmp_path, "this run", Effort(), Mock()).remove()
    assert contents(tmp_path).keys() == {"owner.lock"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
