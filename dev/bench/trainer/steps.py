"""Times training steps of the trainer, interleaved with those of PyTorch's example."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.model.presets import Preset, preset_named
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph
from scriptmodel_trainer.training.optimizers import Optimizer

VOCABULARY = 10_000
PRECISIONS = ("float32", "bfloat16")
Task = Callable[[], float]  # does its work and returns the seconds that it took
_REST = 0.3  # seconds after which threads that wait for more work (OpenMP's) no longer keep a core busy
_PYTHON = Path(".venv/bench/bin/python")
_PROGRAM = Path(__file__).with_name("word_language_model.py")


def use_threads(threads: int) -> None:
    """Limit TensorFlow to so many threads, before it computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


class PyTorch:
    """The process that runs PyTorch; it is idle between requests."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        print(f"PyTorch {self.ask('version')['version']}")

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def pytorch(threads: int) -> Iterator[PyTorch | None]:
    """Yield the process, or None if `make bench-trainer` did not install PyTorch."""
    if not _PYTHON.exists():
        print("SKIPPED: all comparisons with PyTorch, there is no .venv/bench (make bench-trainer makes it)")
        yield None
        return
    command = [str(_PYTHON), str(_PROGRAM), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield PyTorch(process)


def timed(work: Callable[[], object], threads: int) -> Task:
    """Make a task of a function; with a single thread its CPU time counts, which is also valid on a busy machine."""
    clock = time.process_time if threads == 1 else time.perf_counter

    def task() -> float:
        began = clock()
        work()
        return clock() - began

    return task


def seconds_of(rounds: int, tasks: list[Task]) -> list[float]:
    """Return the seconds of each task's fastest round, after one that is not counted."""
    for task in tasks:
        task()
    taken: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for task, times in zip(tasks, taken, strict=True):
            time.sleep(_REST)
            times.append(task())
    return [min(times) for times in taken]


def operations(graph: TrainingGraph) -> int:
    """Train on one window, and return the number of operations in the graph that TensorFlow executed for it.

    That is the graph after TensorFlow's optimisation, without constants and arguments. Its loop over windows contains
    the step, and a few dozen operations are the loop's own. Each costs a few microseconds besides its arithmetic.
    """
    runtime = context.context()
    runtime.enable_graph_collection()
    try:
        graph.run(0, 0, [0.001])
        executed = runtime.export_run_metadata()
    finally:
        runtime.disable_graph_collection()
    graphs = [part for function in executed.function_graphs for part in function.partition_graphs]
    return max(sum(node.op not in ("Const", "_Arg") for node in part.node) for part in graphs)


def bench_steps(name: str, rounds: int, windows: int, threads: int, pytorch: PyTorch | None) -> None:
    """Print words/s of both in each precision, operations, and the ratio of the better ones."""
    preset = preset_named(name)
    tasks: dict[tuple[str, str], Task] = {}
    counts: dict[str, int] = {}
    for precision in PRECISIONS:
        graph = training_graph(dataclasses.replace(preset, precision=precision), windows)
        counts[precision] = operations(graph)
        tasks["ours", precision] = timed(functools.partial(graph.run, 0, 0, [0.001] * windows), threads)
        if pytorch is not None:
            tasks["PyTorch", precision] = their_task(pytorch, preset, precision, windows)
    taken = dict(zip(tasks, seconds_of(rounds, list(tasks.values())), strict=True))
    words = windows * preset.batch_size * preset.steps
    best: dict[str, float] = {}
    for (who, precision), seconds in taken.items():
        small = f", {counts[precision]:,} operations a step" if who == "ours" else ""
        print(f"{name:<7} {who:<8} {precision:<9} {words / seconds:>8,.0f} words/s{small}")
        best[who] = min(best.get(who, seconds), seconds)
    if pytorch is not None:
        pytorch.ask("drop")
        same = taken["PyTorch", "float32"] / taken["ours", "float32"]
        print(f"{name:<7} ours / PyTorch: {same:.2f} in float32, {best['PyTorch'] / best['ours']:.2f} each at its best")


def training_graph(preset: Preset, windows: int, vocabulary: int = VOCABULARY) -> TrainingGraph:
    """Training on tokens drawn at random."""
    stream = np.random.default_rng(0).integers(0, vocabulary, preset.batch_size * (preset.steps * windows + 1))
    rows = cut_for_training(stream.astype(np.int32), preset.batch_size, preset.steps, 0)
    model = LanguageModel(preset, vocabulary, 0)
    return TrainingGraph(model, Optimizer(preset, model.variables), rows, 0)


def their_task(pytorch: PyTorch, preset: Preset, precision: str, windows: int) -> Task:
    """The same in the process that runs PyTorch."""
    pytorch.ask(
        "make",
        name=precision,
        vocabulary=VOCABULARY,
        units=preset.hidden_units,
        layers=preset.layers,
        steps=preset.steps,
        batch=preset.batch_size,
        dropout=preset.dropout,
        bfloat16=precision == "bfloat16",
    )
    return lambda: float(pytorch.ask("run", name=precision, windows=windows)["seconds"])
