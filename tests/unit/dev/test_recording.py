"""A command's output as a picture."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dev.generate.recording import drawn, recorded, shortened


def test_output_and_errors_are_recorded_in_order() -> None:
    program = "import sys; print('one', flush=True); print('two', file=sys.stderr)"
    assert recorded([sys.executable, "-c", program]) == "one\ntwo\n"


def test_a_command_that_fails_makes_no_picture() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        recorded([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_middle_of_a_long_output_is_left_out() -> None:
    assert shortened(list("abcdef"), 2, 1) == ["a", "b", "...", "f"]
    assert shortened(list("abc"), 2, 1) == ["a", "b", "c"]


def test_the_picture_shows_the_command_and_names_no_other_host() -> None:
    svg = drawn("scriptmodel list", "NAME\nthrones\n")
    assert "scriptmodel&#160;list" in svg
    assert "thrones" in svg
    assert set(re.findall(r"https?://[^\s\"<]+", svg)) == {"http://www.w3.org/2000/svg"}
