"""Finds the trainer, and runs localpach and other programs as child processes."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import NoReturn

import click

from scriptmodel_cli.connection import PREFIX
from scriptmodel_cli.errors import InputError

TRAINER = "scriptmodel-trainer"
_READY = re.compile(r" is ready on (\S+)\n")
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 15.0

trainer_option = click.option(
    "--trainer",
    envvar=f"{PREFIX}_TRAINER",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="ENV",
    help="Environment with bin/scriptmodel-trainer [default: the command's, .venv/trainer, the one on PATH].",
)


def find_trainer(named: Path | None) -> Path:
    on_path = shutil.which(TRAINER)
    likely = [Path(sys.prefix), Path(sys.prefix).parent / "trainer", Path(".venv/trainer")]
    likely += [Path(on_path).parent.parent] if on_path else []
    for environment in [named] if named else likely:
        if (environment / "bin" / TRAINER).exists():
            return environment.absolute()
    if named:
        raise InputError(f"{named} has no bin/{TRAINER}: install the trainer there")
    raise click.ClickException(
        f"{TRAINER} was not found: run `pipx install scriptmodel`, in a checkout `make env`, "
        "or name an environment that has it: add --trainer T"
    )


def become_trainer(command: str, words: Sequence[str], named: Path | None) -> NoReturn:
    """Replace this process by a command of the trainer: terminal, signals and exit code are its own."""
    program = find_trainer(named) / "bin" / TRAINER
    environment = {**os.environ, f"{PREFIX}_PROGRAM": "scriptmodel"}  # how the next command is spelled
    os.execve(program, [str(program), command, *words], environment)  # noqa: S606 - the person's own words, no shell


@contextmanager
def localpach(root: Path, log: Path, images: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run localpach within the block; yield its address and a function that raises ClickException if it has ended."""
    installed = Path(sys.executable).parent / "localpach"
    program = str(installed) if installed.exists() else shutil.which("localpach")
    if program is None:
        raise click.ClickException("localpach is not installed: run `pip install ./localpach` in a checkout")
    mapped = [f"--image={image}={environment}" for image, environment in images]
    command = [program, "serve", f"--root={root}", *mapped]
    # A folder of its own, since the path of a socket is short.
    with (
        tempfile.TemporaryDirectory(prefix="scriptmodel-") as folder,
        child([*command, f"--listen=unix:{folder}/localpach"], log) as process,
    ):

        def check() -> None:
            if process.poll() is not None:
                raise click.ClickException(f"localpach ended unexpectedly: {last_line(log)} (see {log})")

        yield _address(process, log), check


@contextmanager
def child(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program within the block; its input ends with this process, and what it prints is in a log."""
    with log.open("w") as printed:
        # In its own session, so that Ctrl-C reaches only this process, which then ends the program in order.
        process = subprocess.Popen(command, stdin=PIPE, stdout=printed, stderr=STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while not (found := _READY.search(log.read_text(errors="replace"))):
        if process.poll() is not None:
            said = last_line(log).replace("another --root", "another --keep folder")
            raise click.ClickException(f"localpach did not start: {said}")
        time.sleep(_POLL_SECONDS)
    return found[1]


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
    return lines[-1].removeprefix("localpach: ")
