"""Folders of programs that only exist."""

from pathlib import Path


def programs_in(folder: Path, *names: str) -> Path:
    """Make a folder with programs of these names, which do nothing, and return it."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder
