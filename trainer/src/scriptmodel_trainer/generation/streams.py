"""Runs the network for scripts that are being written, one alone or many side by side.

A script that is being written is a generator: it yields the numbers of its next tokens, which are many where a text is
given, and is sent the logits after the last of them.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

from scriptmodel_trainer.model.readers import Reader, read_together
from scriptmodel_trainer.storage.arrays import Floats

T = TypeVar("T")
Stream = Generator[Sequence[int], Floats, T]


def run(readers: Sequence[Reader], streams: Sequence[Stream[T]]) -> list[T]:
    """Run streams to their end, side by side, each with its reader; returns what each returns, in their order."""
    results: dict[int, T] = {}
    live = {number: next(stream) for number, stream in enumerate(streams)}
    while live:
        predicted = read_together([readers[number] for number in live], list(live.values()))
        for number, logits in zip(list(live), predicted, strict=True):
            try:
                live[number] = streams[number].send(logits)
            except StopIteration as done:
                results[number] = done.value
                del live[number]
    return [results[number] for number in range(len(streams))]
