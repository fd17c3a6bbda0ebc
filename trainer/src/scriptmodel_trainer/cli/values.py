"""Values of options: paths below /pfs, names, and numbers."""

import argparse
import os
from pathlib import Path

from scriptmodel_trainer.errors import BadInputError

HOTTEST = 2
"""Temperature above which words come in hardly any order."""


def pfs_path(text: str) -> Path:
    """Return a path; one below /pfs is taken below $PFS_ROOT if that is set (jobs without a /pfs of their own)."""
    if not text:
        raise BadInputError("an empty path", "name a file or folder")
    root = os.environ.get("PFS_ROOT")
    path = Path(text)
    if root and (path == Path("/pfs") or Path("/pfs") in path.parents) and Path(root) not in path.parents:
        return Path(root) / path.relative_to("/pfs")
    return path


def text_file(text: str) -> str:
    """Return the path of a text, `-` for standard input."""
    return text if text == "-" else str(pfs_path(text))


def model_folder(text: str) -> Path:
    """Return the path of a model; the folder of `write` has it in a folder of its own."""
    path = pfs_path(text)
    within = path / "model"
    return within if (within / "model.json").is_file() and not (path / "model.json").is_file() else path


def temperature(text: str) -> float:
    """Return the number."""
    try:
        found = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number") from None
    if not 0 <= found <= HOTTEST:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not between 0 and {HOTTEST}; 0.6 to 1.2 are usual")
    return found


def cast(text: str) -> tuple[str, ...]:
    """Return names that are separated by commas; none for `any`."""
    if text == "any":
        return ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("names of speakers are needed, separated by commas, or any")
    return names


def port(text: str) -> int:
    """Return the number of a port; 0 is a free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise BadInputError(f"--port {text[:40]} is no port", "give a number up to 65535, 0 for a free port")
    return int(text)
