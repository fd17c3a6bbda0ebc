"""Runs the command under test: in this process, or in one of its own where that is the subject."""

import contextlib
import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np

from scriptmodel_trainer.cli import main
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.runs.prepare import prepare
from scriptmodel_trainer.training.options import options_from
from scriptmodel_trainer.training.run import Run

COMMAND = Path(sys.executable).with_name("scriptmodel-trainer")
Arguments = Sequence[str | Path]


def run_trainer(arguments: Arguments, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which loads TensorFlow once, and return its exit code and what it printed."""
    words = [*map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with _restored(environment or {}), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code: object = main(words)
        except SystemExit as ended:  # --help and --version
            code = ended.code or 0
    assert isinstance(code, int), code
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(words, code, stdout, stderr)


def prepared(arguments: Arguments) -> Run:
    """Return the run that a train command prepares, which is not trained."""
    return prepare(options_from(parser().parse_args([*map(str, arguments)])), TextProgress(io.StringIO()))


def train(corpus: Path, out: Path, *more: str | Path) -> int:
    """Train in this process with a fixed seed and JSON lines on standard output; returns the exit code."""
    return main(["train", "--data", str(corpus), "--out", str(out), "--seed", "3", "--log", "json", *map(str, more)])


def spawn_trainer(
    arguments: Arguments, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a person or a pipeline would: with streams and an interpreter of its own."""
    variables = {name: value for name, value in os.environ.items() if name != "PFS_ROOT"} | dict(environment or {})
    words = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, env=variables, timeout=600, check=False)


@contextlib.contextmanager
def _restored(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables; then restore all of them, the working directory and the generators that a training seeds."""
    folder, drawn, state = Path.cwd(), random.getstate(), np.random.get_state()  # what Keras seeds
    with patch.dict(os.environ):
        os.environ.pop("PFS_ROOT", None)
        os.environ.update(environment)
        try:
            yield
        finally:
            random.setstate(drawn)
            np.random.set_state(state)
            os.chdir(folder)
