"""Record a command's terminal output as an SVG: `python -m dev.generate.recording OUT.svg COMMAND...`.

The command runs without a terminal, so that it prints a line for each change instead of redrawing. Of a long output the
middle is left out. The SVG names no font of another host.
"""

import argparse
import io
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


def shortened(lines: list[str], first: int = 12, last: int = 14) -> list[str]:
    """Return the first and the last lines, with `...` in place of those between them."""
    return lines if len(lines) <= first + last else [*lines[:first], "...", *lines[-last:]]


def drawn(shown: str, output: str) -> str:
    """Return the SVG of a terminal in which `shown` was typed and printed `output`."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    lines = shortened(output.rstrip("\n").split("\n"))
    console.print(Text.from_ansi("\n".join([f"\x1b[1m$ {shown}\x1b[0m", *lines])))
    svg = console.export_svg(title="scriptmodel", unique_id="terminal")
    return _FROM_OUTSIDE.sub("", svg).replace("Fira Code, monospace", _FONT).replace("Fira Code", _FONT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.generate.recording", description=__doc__)
    parser.add_argument("svg", type=Path, metavar="OUT.svg")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command to record")
    options = parser.parse_args()
    options.svg.write_text(drawn(shlex.join(options.command), recorded(options.command)))
    print(options.svg)


if __name__ == "__main__":
    main()
