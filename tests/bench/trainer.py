"""How fast the trainer is, beside what this machine allows: a training step, generation, normalising.

Each figure is taken in turns with its roofline (the matrix products alone), so that a busy machine slows both.

    python tests/bench/trainer.py [--preset small] [--rounds 5] [--text FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scriptmodel_trainer.backend import load_tensorflow
from scriptmodel_trainer.batches import cut_for_training
from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.presets import Preset, preset_named

VOCABULARY = 10_000


def main() -> None:
    """Run all benchmarks and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--text", type=Path, help="a script to normalise")
    options = parser.parse_args()
    print(f"TensorFlow {load_tensorflow(0)}, NumPy {np.__version__}, preset {options.preset}, V = {VOCABULARY:,}")
    bench_training(preset_named(options.preset), options.rounds)
    bench_generation(preset_named(options.preset), options.rounds)
    if options.text is None:
        print("normalising: SKIPPED, give --text FILE")
    else:
        bench_normalising(options.text)


def best_of(rounds: int, *tasks: Callable[[], object]) -> list[float]:
    """Seconds of each task's fastest round; the tasks take turns."""
    times: list[list[float]] = [[] for _ in tasks]
    for task in tasks:
        task()
    for _ in range(rounds):
        for task, taken in zip(tasks, times, strict=True):
            began = time.perf_counter()
            task()
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


def bench_training(preset: Preset, rounds: int) -> None:
    """Ten windows of training, and their matrix products alone."""
    import tensorflow as tf  # noqa: PLC0415  # quietly loaded by then

    from scriptmodel_trainer.model import LanguageModel  # noqa: PLC0415
    from scriptmodel_trainer.optimizers import Optimizer  # noqa: PLC0415
    from scriptmodel_trainer.training_graph import TrainingGraph  # noqa: PLC0415

    windows = 10
    stream = np.random.default_rng(0).integers(0, VOCABULARY, preset.batch_size * (preset.steps * windows + 1))
    rows = cut_for_training(stream.astype(np.int32), preset.batch_size, preset.steps, 0)
    model = LanguageModel(preset, VOCABULARY, 0)
    graph = TrainingGraph(model, Optimizer(preset, model.variables), rows, 0)
    tokens = preset.batch_size * preset.steps
    hidden, width = preset.hidden_units, preset.input_units
    features, kernel = tf.random.normal((tokens, hidden)), tf.random.normal((VOCABULARY, hidden))
    gates, recurrent = tf.random.normal((tokens, 4 * hidden)), tf.random.normal((hidden, 4 * hidden))
    inputs, state = tf.random.normal((tokens, width)), tf.random.normal((preset.batch_size, hidden))

    @tf.function
    def products() -> object:
        total = tf.zeros(())  # a result that nobody uses would not be computed at all
        for _ in tf.range(windows):
            logits = tf.matmul(features + total, kernel, transpose_b=True)
            results = [tf.matmul(logits, kernel), tf.matmul(logits, features, transpose_a=True)]
            for _ in range(preset.layers):
                results.append(tf.matmul(inputs + total, recurrent[:width]))
                results.append(tf.matmul(gates + total, recurrent, transpose_b=True))
                results.append(tf.matmul(inputs + total, gates, transpose_a=True))
                results.append(tf.matmul(features + total, gates, transpose_a=True))
                carried = state + total
                for _ in range(preset.steps):
                    carried = tf.matmul(tf.matmul(carried, recurrent), recurrent, transpose_b=True)
                results.append(carried)
            total = tf.add_n([result[0, 0] for result in results]) * 1e-30
        return total

    ours, roof = best_of(rounds, lambda: graph.run(0, 0, [0.001] * windows), lambda: products().numpy())
    words = windows * tokens
    print(f"training: {words / ours:,.0f} words/s, {roof / ours:.0%} of its matrix products ({words / roof:,.0f})")


def bench_generation(preset: Preset, rounds: int) -> None:
    """300 steps of one stream, and their matrix-vector products alone."""
    random = np.random.default_rng(0)
    width, hidden = preset.input_units, preset.hidden_units
    weights = {"embedding": random.normal(size=(VOCABULARY, width)), "output/bias": np.zeros(VOCABULARY)}
    if not preset.tied_embeddings:
        weights["output/kernel"] = random.normal(size=(VOCABULARY, hidden))
    if preset.projected:
        weights["projection"] = random.normal(size=(hidden, width))
    for layer in range(preset.layers):
        weights[f"lstm{layer}/kernel"] = random.normal(size=(width if layer == 0 else hidden, 4 * hidden))
        weights[f"lstm{layer}/recurrent"] = random.normal(size=(hidden, 4 * hidden))
        weights[f"lstm{layer}/bias"] = np.zeros(4 * hidden)
    network = Network({name: array.astype(np.float32) for name, array in weights.items()})
    output = weights.get("output/kernel", weights["embedding"]).astype(np.float32)
    matrices = [array.astype(np.float32) for name, array in weights.items() if "lstm" in name and array.ndim == 2]
    vectors = [np.ones(len(matrix), np.float32) for matrix in matrices]
    features = np.ones(output.shape[1], np.float32)
    steps = 300

    def generate() -> None:
        state = network.initial_state()
        for step in range(steps):
            network.logits(network.step(state, step))

    def products() -> None:
        for _ in range(steps):
            for matrix, vector in zip(matrices, vectors, strict=True):
                vector @ matrix
            output @ features

    ours, roof = best_of(rounds, generate, products)
    rate, most = steps / ours, steps / roof
    print(f"generation: {rate:,.0f} tokens/s, {roof / ours:.0%} of its matrix-vector products ({most:,.0f})")


def bench_normalising(path: Path) -> None:
    """Megabytes a second of one file."""
    (source,) = reading.find_sources([path], lambda _: None)
    layout, _ = layouts.detect(reading.sample_lines(source))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tokens.txt")
        (taken,) = best_of(2, lambda: write_normalized([source], layout, out))
    print(f"normalising: {source.size / taken / 1e6:.2f} MB/s ({layout.name})")


if __name__ == "__main__":
    main()
