"""Record a command's terminal output as an SVG: `python -m dev.generate.recording OUT.svg COMMAND...`.

The command runs without a terminal, so that it prints a line for each change instead of redrawing. Of a long output the
middle is left out. The SVG names no font of another host. `OUT.svg FILE.cast` draws the end of a session that asciinema
has recorded.
"""

import argparse
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 110
_FROM_OUTSIDE = re.compile(r"\s*@font-face \{.*?\}|\s*<!--.*?-->", re.DOTALL)
_MOVES = re.compile(r"\x1b\[[?0-9;]*[A-HJKhl]")
"""What moves the cursor or hides it; colours stay."""
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"


def recorded(command: list[str]) -> str:
    """Run `command` and return what it printed, errors included. Raises CalledProcessError if it fails."""
    env = {**os.environ, "COLUMNS": str(COLUMNS)}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
    done.check_returncode()
    return done.stdout


def played(cast: Path) -> str:
    """Return what a recorded session (asciicast v2) printed, its redrawn lines as they were in the end."""
    _header, *events = map(json.loads, cast.read_text().splitlines())
    printed = "".join(text for _time, kind, text in events if kind == "o")
    lines = (line.rpartition("\r")[2] for line in printed.replace("\r\n", "\n").split("\n"))
    return _MOVES.sub("", "\n".join(lines))


def shortened(lines: list[str], first: int = 12, last: int = 14) -> list[str]:
    """Return the first and the last lines, with `...` in place of those between them."""
    return lines if len(lines) <= first + last else [*lines[:first], "...", *lines[-last:]]


def drawn(output: str, shown: str = "") -> str:
    """Return the SVG of a terminal that shows `output`, and above it `shown` as it was typed."""
    # Without a height, too, rich takes 80 columns where TERM is dumb, as under sudo.
    console = Console(
        record=True, width=COLUMNS, height=1, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    lines = shortened(output.rstrip("\n").split("\n"))
    typed = [f"\x1b[1m$ {shown}\x1b[0m"] if shown else []
    console.print(Text.from_ansi("\n".join([*typed, *lines])))
    svg = console.export_svg(title="scriptmodel", unique_id="terminal")
    return _FROM_OUTSIDE.sub("", svg).replace("Fira Code, monospace", _FONT).replace("Fira Code", _FONT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.generate.recording", description=__doc__)
    parser.add_argument("svg", type=Path, metavar="OUT.svg")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command to record")
    options = parser.parse_args()
    command = options.command
    if command[0].endswith(".cast"):
        options.svg.write_text(drawn(played(Path(command[0]))))
    else:
        options.svg.write_text(drawn(recorded(command), shlex.join(command)))
    print(options.svg)


if __name__ == "__main__":
    main()
