"""A model directory that pages show, and its model, loaded once it is needed and read anew when it changes."""

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import MODEL, TrainedModel
from scriptmodel_trainer.corpus.speeches import SPEECHES
from scriptmodel_trainer.serving.completions import Completions
from scriptmodel_trainer.serving.next_lines import NextLines

_SCRIPTS = ("script-*.txt", "new_script*.txt", "script/*.txt")
"""What `write`, `generate` and `scriptmodel local` call the scripts beside a model."""


class Loaded(NamedTuple):
    """A model, and what answers requests to write with it."""

    model: TrainedModel
    completions: Completions
    lines: NextLines


class Folder:
    """A model directory, called `name`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._loaded: Loaded | None = None
        self._written = 0
        """When the model in memory was written, in nanoseconds."""
        self._working = asyncio.Lock()

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def scripts(self) -> list[Path]:
        """Return the newest twenty scripts that are stored beside the directory, the newest first."""
        found = []
        for path in itertools.chain.from_iterable(map(self._beside.glob, _SCRIPTS)):
            with suppress(OSError):  # it is gone, or a link that leads nowhere
                if (facts := path.stat()).st_size:  # an empty one is being written
                    found.append((facts.st_mtime, path))
        return [path for _, path in sorted(found, reverse=True)[:20]]

    async def load(self) -> Loaded:
        """Return the model as it is on the disk, and what writes with it.

        Raises BadInputError if there is none, or it is damaged. A browser that leaves does not end the loading, whose
        thread would continue.
        """
        return await asyncio.shield(self._current())

    @property
    def has_lines(self) -> bool:
        """Whether the speeches of the plays are stored beside the model."""
        return (self._beside / SPEECHES).is_file()

    @property
    def _beside(self) -> Path:
        return self.folder.resolve().parent

    async def _current(self) -> Loaded:
        async with self._working:
            written = (self.folder / MODEL).stat().st_mtime_ns if self.has(MODEL) else 0
            if self._loaded is None or self._written != written:
                self._loaded, self._written = await asyncio.to_thread(self._load), written
            return self._loaded

    def _load(self) -> Loaded:
        model = model_directory.load_model(self.folder)
        return Loaded(model, Completions(self.name, model), NextLines(model, self._beside))
