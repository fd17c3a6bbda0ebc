"""Deletes the state folders of trainings that nothing has touched for a while, such as those of deleted objects.

Pods of other trainings may write to the claim meanwhile, and what a pod writes is not trusted: links are not followed.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def state_folders(claim: Path) -> Iterator[Path]:
    """Yield the folders PROJECT/PIPELINE below the root of a claim. Raises OSError if the root cannot be read."""
    for project in _folders(claim):
        try:
            yield from _folders(project)
        except PermissionError:  # such as lost+found
            continue


def _folders(above: Path) -> Iterator[Path]:
    with os.scandir(above) as entries:
        names = sorted(each.name for each in entries if each.is_dir(follow_symlinks=False))
    yield from (above / name for name in names)


def last_touched(folder: Path) -> float:
    """Return the newest modification time in a folder, in seconds since the epoch; it may change meanwhile."""
    newest = folder.lstat().st_mtime
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                newest = max(newest, os.lstat(os.path.join(where, name)).st_mtime)  # noqa: PTH118 - thousands of files
            except FileNotFoundError:
                continue  # a training has just replaced it
    return newest


def delete_untouched(claim: Path, before: float) -> Iterator[tuple[Path, str]]:
    """Delete each state folder that was last touched before a time; yield it with the error, empty if it is gone."""
    for folder in state_folders(claim):
        try:
            if last_touched(folder) >= before:
                continue
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # deleted meanwhile
        except OSError as error:
            yield folder, error.strerror or str(error)
        else:
            yield folder, ""
