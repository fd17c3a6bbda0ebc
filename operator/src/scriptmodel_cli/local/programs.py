"""The two programs that take part: localpach as a child, and the trainer that it runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

TRAINER = "scriptmodel-trainer"
_READY = " is ready on "
_GRACE_SECONDS = 15.0


def find_trainer(named: Path | None) -> Path:
    """The environment of the trainer, a folder with bin/scriptmodel-trainer."""
    on_path = shutil.which(TRAINER)
    likely = [Path(sys.prefix).parent / "trainer", Path(".venv/trainer")]
    likely += [Path(on_path).parent.parent] if on_path else []
    for environment in [named] if named else likely:
        if (environment / "bin" / TRAINER).exists():
            return environment.absolute()
    if named:
        raise click.ClickException(f"{named} has no bin/{TRAINER}: install the trainer there")
    raise click.ClickException(
        f"{TRAINER} is not found: `make env` makes it in a checkout; elsewhere "
        "`python -m venv T && T/bin/pip install ./trainer`, and then --trainer T"
    )


@dataclass(frozen=True, slots=True)
class Localpach:
    """A localpach that runs as a child."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """ClickException where it has ended by itself."""
        if self.process.poll() is not None:
            raise click.ClickException(f"localpach has ended by itself: {last_line(self.log)}")


@contextmanager
def localpach(root: Path, log: Path, images: Sequence[tuple[str, Path]]) -> Iterator[Localpach]:
    """One that ends with the block. Its state stays in `root`."""
    beside = Path(sys.executable).parent / "localpach"
    program = str(beside) if beside.exists() else shutil.which("localpach")
    if program is None:
        raise click.ClickException("localpach is not installed: `pip install ./localpach` in a checkout")
    mapped = [f"--image={image}={environment}" for image, environment in images]
    command = [program, "serve", f"--root={root}", "--listen=127.0.0.1:0", "--pipeline-limit=0", *mapped]
    with log.open("a") as errors:
        # In a session of its own, so that Ctrl-C reaches us alone and it is ended in order.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
    try:
        yield Localpach(_address(process, log), process, log)
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if _READY not in line:
        raise click.ClickException(f"localpach did not start: {last_line(log)}")
    return line.strip().partition(_READY)[2]


def last_line(log: Path) -> str:
    return (log.read_text().strip().splitlines() or ["it said nothing"])[-1].removeprefix("localpach: ")
