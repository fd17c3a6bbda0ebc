"""Writes the scripts of many requests at once, in a thread of its own: each step of the network reads a row for each.

A script joins as soon as a row is free. Requests take turns: while scripts wait, the rows are dealt anew every few
tokens, so neither many scripts nor long ones of one request keep out another.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.generation.streams import ROWS, Stream
from scriptmodel_trainer.generation.writer import Draft, Script
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.readers import Reader, read_together
from scriptmodel_trainer.storage.arrays import Floats

_TURN = 32
"""Tokens that the scripts in the rows get before those that wait."""


class Job:
    """One script that is being written: its `draft` so far, and then its `script` or the `error` that ended it.

    `request` is the same object for all scripts of a request; `reader` has read all but its last token. `on_end` is
    called in the thread of the batch. Opening the job reads the given text, which may take a while, and raises
    BadInputError if the script cannot be written.
    """

    def __init__(
        self, request: object, stream: Stream[Script], draft: Draft, reader: Reader, on_end: Callable[[], object]
    ) -> None:
        self.request, self.draft, self.reader = request, draft, reader
        self.script: Script | None = None
        self.error: Exception | None = None
        self.left = False  # by the client
        self._stream, self._on_end = stream, on_end
        self.token = next(stream)

    def advance(self, logits: Floats) -> bool:
        """Write one more token; returns whether another one follows."""
        try:
            self.token = self._stream.send(logits)
        except StopIteration as done:
            self.script = done.value
        except TrainerError as error:
            self.error = error
        else:
            return True
        self.end()
        return False

    def end(self) -> None:
        self._stream.close()
        self._on_end()


class Batch:
    """Writes jobs with one network, `rows` of them at once."""

    def __init__(self, network: Network, rows: int = ROWS) -> None:
        self._network, self._most = network, rows
        self._rows: list[Job] = []
        self._waiting: dict[object, deque[Job]] = {}  # those of each request, the next request first
        self._steps = 0
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="batch", daemon=True).start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Write the scripts of one request; they end with an error if the batch is closed."""
        with self._changed:
            if self._closed:
                _fail(jobs, _closed())
            else:
                self._wait(jobs)
                self._changed.notify()

    def close(self) -> None:
        """Stop writing; what is unfinished ends with an error."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._rows or self._waiting)
                if self._closed:
                    _fail(itertools.chain(self._rows, *self._waiting.values()), _closed())
                    return
                self._admit()
            try:
                self._step()
            except Exception as error:  # one broken step must not leave later requests without answer
                _fail(self._rows, error)
                self._rows = []

    def _admit(self) -> None:
        """Give free rows to the requests in turn, and all rows anew at the end of a turn."""
        self._steps += 1
        if self._waiting and self._steps % _TURN == 0:
            self._wait(self._rows)
            self._rows = []
        while self._waiting and len(self._rows) < self._most:
            request = next(iter(self._waiting))
            jobs = self._waiting.pop(request)
            self._rows.append(jobs.popleft())
            if jobs:
                self._waiting[request] = jobs

    def _wait(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._waiting.setdefault(job.request, deque()).append(job)

    def _step(self) -> None:
        """Read the last token of each script and write the next one; scripts whose clients left are dropped."""
        for job in self._rows:
            if job.left:
                job.end()
        jobs = [job for job in self._rows if not job.left]
        predicted = read_together(self._network, [job.reader for job in jobs], [job.token for job in jobs])
        self._rows = [job for job, logits in zip(jobs, predicted, strict=True) if job.advance(logits)]


def _closed() -> TrainerError:
    return TrainerError("the model was replaced, or the server stops", "ask once more")


def _fail(jobs: Iterable[Job], error: Exception) -> None:
    for job in jobs:
        job.error = error
        with suppress(RuntimeError):  # the event loop of the clients has ended
            job.end()
