"""A model directory that pages show: its training as it goes, and its model, loaded once it is needed and read anew
when it changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import MODEL, TrainedModel
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.serving.completions import Completions, Limits
from scriptmodel_trainer.trials import read_runs


@dataclass(slots=True)
class Loaded:
    """A version of a model in memory, and what writes with it."""

    version: str
    model: TrainedModel
    completions: Completions
    sections: str = field(default="", init=False)
    """Those of its report, once they were asked for."""


class Folder:
    """A model directory at a path of the server, called `name`."""

    def __init__(self, folder: Path, path: str, name: str) -> None:
        self.folder, self.path, self.name = folder, path, name
        self._loaded: Loaded | None = None
        self._working = asyncio.Lock()

    @property
    def trained(self) -> bool:
        """Whether there is a model, which may be damaged."""
        return (self.folder / MODEL).is_file()

    async def load(self) -> Loaded:
        """Return the model as it is on the disk. Raises BadInputError if there is none, or it is damaged."""
        async with self._working:
            if self._loaded is None or self._loaded.version != self._version():
                self.close()
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    async def sections(self) -> str:
        """Return the sections of the report, for which the model writes. Raises BadInputError as `load` does."""
        loaded = await self.load()
        async with self._working:
            if not loaded.sections:
                runs = read_runs(self.folder)
                loaded.sections = await asyncio.to_thread(render_report, loaded.model, "sections.html", runs)
            return loaded.sections

    def close(self) -> None:
        """Stop writing with the model."""
        if self._loaded is not None:
            self._loaded.completions.close()
        self._loaded = None

    def _load(self) -> Loaded:
        version, model = self._version(), artifacts.load_model(self.folder, judged=True)
        completions = Completions(self.name, artifacts.content_digest(self.folder), model, Limits())
        return Loaded(version, model, completions)

    def _version(self) -> str:
        try:
            status = (self.folder / MODEL).stat()
        except OSError:
            return ""
        return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def name_of(folder: Path) -> str:
    """Return the name of a model: that of its folder, or of the one above for a folder called `model`."""
    path = folder.resolve()
    return (path.parent.name if path.name == "model" else path.name) or "model"
