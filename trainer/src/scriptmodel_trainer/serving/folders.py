"""A model directory that pages show, and its model, loaded once it is needed and read anew when it changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import MODEL, TrainedModel
from scriptmodel_trainer.serving.completions import Completions, Limits


class Loaded(NamedTuple):
    """A version of a model in memory, and what writes with it."""

    version: tuple[int, ...]
    model: TrainedModel
    completions: Completions


class Folder:
    """A model directory at a path of the server, called `name`."""

    def __init__(self, folder: Path, path: str, name: str) -> None:
        self.folder, self.path, self.name = folder, path, name
        self._loaded: Loaded | None = None
        self._working = asyncio.Lock()

    def has(self, name: str) -> bool:
        """Return whether the directory has a file."""
        return (self.folder / name).is_file()

    async def load(self) -> Loaded:
        """Return the model as it is on the disk. Raises BadInputError if there is none, or it is damaged."""
        async with self._working:
            if self._loaded is None or self._loaded.version != self._version():
                self.close()
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    def close(self) -> None:
        """Stop writing with the model."""
        if self._loaded is not None:
            self._loaded.completions.close()
        self._loaded = None

    def _load(self) -> Loaded:
        version, model = self._version(), artifacts.load_model(self.folder)
        return Loaded(version, model, Completions(self.name, artifacts.content_digest(self.folder), model, Limits()))

    def _version(self) -> tuple[int, ...]:
        try:
            status = (self.folder / MODEL).stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_size, status.st_ino
