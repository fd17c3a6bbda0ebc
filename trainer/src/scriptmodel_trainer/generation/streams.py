"""Runs the network for scripts that are being written, one alone or many together.

A script that is being written is a generator: it yields the number of its next token and is sent the logits after it.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

import numpy as np

from scriptmodel_trainer.model.network_numpy import Network, State
from scriptmodel_trainer.model.readers import Mixers, Reader
from scriptmodel_trainer.storage.arrays import Floats

ROWS = 16
"""Scripts that are written together. Always so many rows are computed, so that no row depends on how many are in use:
a product of matrices of another shape may round its sums in another order."""

T = TypeVar("T")
Stream = Generator[int, Floats, T]


def run_alone(reader: Reader, stream: Stream[T]) -> T:
    """Run one stream to its end; returns what it returns."""
    try:
        token = next(stream)
        while True:
            token = stream.send(reader.read(token))
    except StopIteration as done:
        result: T = done.value
        return result


def run_together(network: Network, streams: Sequence[Stream[T]], temperatures: Sequence[float]) -> list[T]:
    """Run streams to their end, ROWS of them at once; returns what each returns, in their order.

    `temperatures` are those of each stream's sampling.
    """
    results: list[T] = []
    for start in range(0, len(streams), ROWS):
        results += _run_rows(network, streams[start : start + ROWS], temperatures[start : start + ROWS])
    return results


def _run_rows(network: Network, streams: Sequence[Stream[T]], temperatures: Sequence[float]) -> list[T]:
    mixers = [Mixers(network, temperature) for temperature in temperatures]
    return run_on(network, streams, [next(stream) for stream in streams], network.initial_state(ROWS), mixers)


def run_on(
    network: Network, streams: Sequence[Stream[T]], last: Sequence[int], state: State, mixers: Sequence[Mixers]
) -> list[T]:
    """Run at most ROWS streams from a state of ROWS rows to their end, given the `last` token that each has yielded."""
    tokens = np.zeros(ROWS, np.int32)
    tokens[: len(last)] = last
    results: dict[int, T] = {}
    while len(results) < len(streams):
        features = network.step(state, tokens)
        logits = network.logits_of_rows(features)
        for row, stream in enumerate(streams):
            if row in results:
                continue
            try:
                tokens[row] = stream.send(mixers[row].mixed(int(tokens[row]), features[row], logits[row]))
            except StopIteration as done:
                results[row] = done.value
    return [results[row] for row in range(len(streams))]
