"""Progress reports of a training: their speed, and the time that is left."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from compiled import run_of

from scriptmodel_trainer.model.presets import PRESETS
from scriptmodel_trainer.progress.events import Progressed, ProgressEvent
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.reporter import Reporter
from scriptmodel_trainer.training.state import RunState

ROWS = cut_for_training(np.zeros(10_001, np.int32), 10, 10, 0)
WORDS = 100  # in each of the hundred windows of an epoch


class Recording(Progress):
    def __init__(self) -> None:
        self.progressed: list[Progressed] = []

    def report(self, event: ProgressEvent) -> None:
        assert isinstance(event, Progressed)
        self.progressed.append(event)

    def note(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def reporter(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """A reporter of two epochs for which a report is always due."""
    monkeypatch.setattr("scriptmodel_trainer.training.reporter.REPORT_SECONDS", 0.0)
    preset = dataclasses.replace(PRESETS["small"], epochs=2)
    stream = np.zeros(10_001, np.int32)
    return Reporter(recording, run_of(Path("state"), recording, preset, stream), ROWS)


def test_the_time_that_is_left_leaves_the_compilation_of_the_graph_out(
    reporter: Reporter, recording: Recording
) -> None:
    assert (ROWS.windows, ROWS.words) == (100, WORDS)
    position = RunState()
    position.advance(1, 5.0, 8.0)  # which compiled
    reporter.progressed(position)
    assert not recording.progressed, "nothing is known of the speed yet"
    position.advance(4, 20.0, 0.4)
    reporter.progressed(position)
    (event,) = recording.progressed
    assert event.words_per_second == pytest.approx(WORDS / 0.1)
    assert event.eta_seconds == pytest.approx((200 - 5) * 0.1)


def test_a_resumed_run_reports_its_own_speed(reporter: Reporter, recording: Recording) -> None:
    position = RunState(window=40, loss=200.0, epoch_seconds=400.0)
    position.advance(1, 5.0, 8.0)
    reporter.progressed(position)
    position.advance(10, 50.0, 1.0)
    reporter.progressed(position)
    (event,) = recording.progressed
    assert event.words_per_second == pytest.approx(WORDS / 0.1)
    assert event.eta_seconds == pytest.approx((200 - 51) * 0.1)


def test_a_position_is_reported_once_however_long_its_validation_takes(
    reporter: Reporter, recording: Recording
) -> None:
    position = RunState()
    reporter.progressed(position)
    for _ in range(2):
        position.advance(50, 250.0, 1.0)
        for _ in range(3):  # as each part of a validation does
            reporter.progressed(position)
    assert [event.fraction for event in recording.progressed] == [0.5, 1.0]
