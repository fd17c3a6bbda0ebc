"""Copies the newest model and scripts out of Pachyderm, for the trainer's own commands."""

import re
from collections.abc import Mapping
from pathlib import Path

from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import RepoRef, commit_of

_WRITTEN = re.compile(r"[a-z]+-[0-9a-f]{16}\.safetensors|new_script.*")
"""Files whose names differ from commit to commit."""


def copy_results(gateway: Gateway, lineage: Mapping[str, str], folder: Path) -> None:
    """Make `folder/model` and `folder/script` equal to the commits; files of others in them stay."""
    for kind in ("model", "script"):
        copy_commit(gateway, *commit_of(lineage[kind]), folder / kind)


def copy_commit(gateway: Gateway, repo: RepoRef, commit: str, folder: Path) -> None:
    files = {Path(path).name: (path, stored) for path, stored in gateway.walk_files(repo, commit).items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (path, stored) in sorted(files.items(), key=lambda file: file[0] == "model.json"):  # it names the others
        target = folder / name
        if target.suffix == ".safetensors" and target.exists() and target.stat().st_size == stored.size:
            continue  # its digest is in its name
        part = target.with_name(f".{name}.part")
        part.write_bytes(gateway.read_file(repo, commit, path, stored.size))
        part.replace(target)
    for old in folder.iterdir():
        if old.name not in files and _WRITTEN.fullmatch(old.name):
            old.unlink()
