"""Pictures of terminals show what was printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dev.generate.recording import drawn, played
from dev.paths import ROOT


def test_a_line_that_was_redrawn_is_shown_as_it_was_in_the_end(tmp_path: Path) -> None:
    events = [
        {"version": 2},
        [0.1, "o", "\x1b[?25lepoch 1\r\x1b[Kepoch 2\r\n"],
        [0.2, "i", "q"],
        [0.3, "o", "\x1b[1mend\x1b[0m"],
    ]
    cast = tmp_path / "session.cast"
    cast.write_text("\n".join(map(json.dumps, events)))
    assert played(cast) == "epoch 2\n\x1b[1mend\x1b[0m"


@pytest.mark.parametrize("terminal", ["xterm-256color", "dumb"])
def test_the_picture_of_the_first_minute_is_the_end_of_its_recording(
    terminal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal)
    pictures = ROOT / "docs/pictures"
    assert (pictures / "first-minute.svg").read_text() == drawn(played(pictures / "first-minute.cast"))
