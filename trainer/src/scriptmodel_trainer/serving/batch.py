"""Writes the scripts of all requests together: each step of the network reads a row for each script."""

import asyncio
from collections.abc import Sequence

from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.generation.streams import Stream
from scriptmodel_trainer.generation.writer import Script
from scriptmodel_trainer.model.readers import Reader, read_together
from scriptmodel_trainer.storage.arrays import Floats

_STEPS = 8
"""Tokens of each script before new ones join."""


class Job:
    """A script in progress, and then the `script` or the `error` that ended it.

    `reader` has read all but its last `tokens`. Opening the job raises BadInputError if the script cannot be written.
    """

    def __init__(self, stream: Stream[Script], reader: Reader) -> None:
        self.reader, self._stream = reader, stream
        self.script: Script | None = None
        self.error: Exception | None = None
        self.ended = asyncio.Event()
        self.left = False
        """Whether the client needs no more of it."""
        self.tokens = next(stream)

    @property
    def in_progress(self) -> bool:
        return self.script is None and self.error is None and not self.left

    def advance(self, logits: Floats) -> None:
        """Write one more token."""
        try:
            self.tokens = self._stream.send(logits)
        except StopIteration as done:
            self.script = done.value
        except TrainerError as error:
            self.error = error


class Batch:
    """Writes jobs of one network; a thread computes some steps of all of them, then jobs join and leave."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, jobs: Sequence[Job]) -> list[Script]:
        """Return the scripts of these jobs, written beside all others; a caller that is cancelled ends its own."""
        self._jobs = [*self._jobs, *jobs]
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        try:
            await asyncio.gather(*(job.ended.wait() for job in jobs))
        finally:
            for job in jobs:
                job.left = True
        if error := next((job.error for job in jobs if job.error), None):
            raise error
        return [job.script for job in jobs if job.script]

    async def _write(self) -> None:
        while jobs := [job for job in self._jobs if job.in_progress]:
            self._jobs = jobs
            await asyncio.to_thread(self._advance, jobs)
            for job in jobs:
                if not job.in_progress:
                    job.ended.set()

    def _advance(self, jobs: Sequence[Job]) -> None:
        try:
            for _ in range(_STEPS):
                if not (jobs := [job for job in jobs if job.in_progress]):
                    return
                predicted = read_together([job.reader for job in jobs], [job.tokens for job in jobs])
                for job, logits in zip(jobs, predicted, strict=True):
                    job.advance(logits)
        except Exception as error:  # a broken step must not leave its requests without an answer
            for job in jobs:
                job.error = error
