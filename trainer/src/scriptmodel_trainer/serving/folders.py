"""A model directory that pages show: its training as it goes, and its model, loaded once it is needed and read anew
when it changes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import LOG, MODEL, TrainedModel
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.serving.completions import Completions, Limits
from scriptmodel_trainer.serving.runs import Run, read_run
from scriptmodel_trainer.trials import read_runs

_REREAD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, and what writes with it."""

    model: TrainedModel
    completions: Completions


class Folder:
    """A model directory at a path of the server, called `name`."""

    def __init__(self, folder: Path, path: str, name: str) -> None:
        self.folder, self.path, self.name = folder, path, name
        self._loaded: Loaded | None = None
        self._version = ""
        self._loading = asyncio.Lock()
        self._run: tuple[object, Run | None] = (None, None)
        self._sections: tuple[object, str] = (None, "")

    @property
    def trained(self) -> bool:
        """Whether there is a model, which may be damaged."""
        return (self.folder / MODEL).is_file()

    async def run(self) -> Run | None:
        """Return the training in the log, which is read again if it has grown, or may have become silent."""
        version = (_version(self.folder / LOG), time.monotonic() // _REREAD_SECONDS)
        if version != self._run[0]:
            self._run = (version, await asyncio.to_thread(read_run, self.folder))
        return self._run[1]

    async def load(self) -> Loaded:
        """Return the model as it is on the disk. Raises BadInputError if there is none, or it is damaged."""
        async with self._loading:
            version = _version(self.folder / MODEL)
            if self._loaded is None or version != self._version:
                self.close()
                self._loaded = await asyncio.to_thread(self._load)
                self._version = version
            return self._loaded

    async def sections(self) -> str:
        """Return the sections of the report, for which the model writes. Raises BadInputError as `load` does."""
        loaded = await self.load()
        async with self._loading:
            if loaded is not self._sections[0]:
                text = await asyncio.to_thread(render_report, loaded.model, "sections.html", read_runs(self.folder))
                self._sections = (loaded, text)
            return self._sections[1]

    def close(self) -> None:
        """Stop writing with the model."""
        if self._loaded is not None:
            self._loaded.completions.close()
        self._loaded = None

    def _load(self) -> Loaded:
        model = artifacts.load_model(self.folder, judged=True)
        completions = Completions(self.name, artifacts.content_digest(self.folder), model, Limits())
        return Loaded(model, completions)


def name_of(folder: Path) -> str:
    """Return the name of a model: that of its folder, or of the one above for a folder called `model`."""
    path = folder.resolve()
    return (path.parent.name if path.name == "model" else path.name) or "model"


def _version(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
