"""The process that runs PyTorch, if `make bench-trainer` created its environment."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PYTHON = Path(".venv/bench/bin/python")
_PROGRAM = Path(__file__).with_name("word_language_model.py")


class PyTorch:
    """Sends a request to the process, which is otherwise idle."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version: str = self.ask("version")["version"]

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """One order and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def pytorch(threads: int) -> Iterator[PyTorch | None]:
    """Return the process, or None if PyTorch is not installed; the caller reports that."""
    if not _PYTHON.exists():
        print("SKIPPED: all comparisons with PyTorch, there is no .venv/bench (make bench-trainer makes it)")
        yield None
        return
    with subprocess.Popen(
        [str(_PYTHON), str(_PROGRAM), str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield PyTorch(process)
