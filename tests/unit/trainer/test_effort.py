"""The effort of a training, its seconds and restarts, is recorded before anything can be lost."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.training import lease
from scriptmodel_trainer.training.checkpointer import Checkpointer
from scriptmodel_trainer.training.checkpoints import Checkpoint
from scriptmodel_trainer.training.state import Effort, Outcome, Position
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.stores import StateFolder


def test_an_attempt_killed_before_its_first_checkpoint_keeps_what_was_recorded(tmp_path: Path) -> None:
    run, progress = "this run", TextProgress(io.StringIO())
    note = {"fingerprint": run, "seconds": 40.0, "gpu_seconds": 0.0, "restarts": 2, "recomputed_seconds": 8.0}
    dead = {"id": "dead", "term": 1, "machine": lease._machine(), "note": note}
    (tmp_path / "owner.json").write_text(json.dumps(dead))
    with StateFolder.opened(tmp_path, run, Effort(), progress) as state:
        assert state is not None
        assert json.loads((tmp_path / "owner.json").read_text())["note"] == note
        last = state.last_effort()
        assert last is not None
        effort = Effort()
        effort.restart(Effort(seconds=30.0, restarts=1), last)
        assert effort == Effort(seconds=40.0, restarts=3, recomputed_seconds=18.0)
    (tmp_path / "owner.json").write_text(json.dumps(dead))
    with StateFolder.opened(tmp_path, "another run", Effort(), progress) as state:
        assert state is not None
        assert state.last_effort() is None


def test_a_restart_is_counted_if_its_attempt_is_killed_before_the_next_heartbeat(tmp_path: Path) -> None:
    run, progress = "this run", TextProgress(io.StringIO())
    for restarts in (1, 2, 3):
        effort = Effort()
        with StateFolder.opened(tmp_path, run, effort, progress) as state:
            assert state is not None
            if restarts == 1:
                state.save(Checkpoint("this run", Position(), 0, (), {}, "", "", Effort()))
            task = SimpleNamespace(
                effort=effort,
                store=state,
                resume_from=(state,),
                processor="",
                tensorflow="",
                preset=SimpleNamespace(epochs=1),
                fingerprint=run,
            )
            variables = Mock(**{"shapes.return_value": {}})
            checkpointer = Checkpointer(cast(Any, task), Position(), Outcome(), variables, StopSignals())
            assert checkpointer.restore(1, Mock())
            assert effort.restarts == restarts
            killed = (tmp_path / "owner.json").read_text()
        (tmp_path / "owner.json").write_text(killed.replace(state._lease._own.id, "dead"))
