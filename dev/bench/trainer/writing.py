"""Times generation and its matrix-vector products, in a running process and from a cold start; times normalising."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from dev.bench.trainer.timing import seconds_of, timed
from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.tokens import MARKERS
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.streams import ROWS
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import preset_named
from scriptmodel_trainer.model.subwords import LETTERS
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.storage.records import CorpusFacts, EpochRecord, Metrics, SplitPerplexity

_STEPS = 300
_WORDS = 1000
_SAMPLE_WORDS = 60
_TOGETHER = (200, 650)  # hidden units of `small` and of `medium`


def bench_generation(rounds: int) -> None:
    """Print tokens/s of one stream of `small`, and the time of `generate` from a cold start."""
    weights = random_weights(10_000, 200)
    network = Network(weights)
    matrices = [weights[f"lstm{layer}/{name}"] for layer in range(2) for name in ("kernel", "recurrent")]
    output, vector = weights["output/kernel"], np.ones(200, np.float32)

    def generate() -> None:
        state = network.initial_state()
        for step in range(_STEPS):
            network.logits(network.step(state, step))

    def products() -> None:
        for _ in range(_STEPS):
            for matrix in matrices:
                vector @ matrix
            output @ vector

    ours, roof = seconds_of(rounds, timed(generate), timed(products))
    print(f"generation: {_STEPS / ours:,.0f} tokens/s, {roof / ours:.0%} of its products ({_STEPS / roof:,.0f})")
    # A process of its own: products of matrices gain from all cores, and the threads of this one are fixed.
    work = f"from dev.bench.trainer.writing import bench_together; bench_together({rounds})"
    threads = {**os.environ, "OPENBLAS_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    subprocess.run([sys.executable, "-c", work], check=True, env=threads)
    with tempfile.TemporaryDirectory() as folder:
        bench_cold_start(rounds, Path(folder), roof / _STEPS)


def bench_together(rounds: int) -> None:
    """Print tokens/s of 16 samples written together, as a multiple of one stream, at the sizes of two presets."""
    for units in _TOGETHER:
        _bench_together(rounds, units)


def _bench_together(rounds: int, units: int) -> None:
    vocabulary = vocabulary_of(10_000)
    writer = Writer(Network(random_weights(10_000, units)), vocabulary)
    seeds = [(0, sample) for sample in range(ROWS)]
    tokens: list[int] = [0, 0]

    def alone() -> None:
        tokens[0] = len(writer.write(_SAMPLE_WORDS, Sampling(), seeds[0], Opening()).tokens)

    def together() -> None:
        scripts = writer.write_together(_SAMPLE_WORDS, Sampling(), seeds, Opening())
        tokens[1] = sum(len(script.tokens) for script in scripts)

    one, many = seconds_of(rounds, timed(alone), timed(together))
    ratio = (tokens[1] / many) / (tokens[0] / one)
    rate = f"{tokens[1] / many:,.0f} tokens/s, {ratio:.1f} times one stream"
    print(f"{ROWS} samples together, {units} units a layer: {rate}")


def vocabulary_of(size: int) -> Vocabulary:
    """Return a vocabulary of so many words, with markers and 50 speakers."""
    known = (*sorted(MARKERS), *LETTERS)
    words = (*known, *(f"word{number}" for number in range(size - len(known))))
    speakers = frozenset(range(len(known), len(known) + 50))
    return Vocabulary(words, speakers, parts=frozenset(range(len(MARKERS), len(known))))


def random_model(folder: Path) -> Path:
    """Store a model of random weights, of the size of `small`."""
    folder.mkdir()
    origin = model_directory.Origin("small", preset_named("small"), 0, CorpusFacts(), model_directory.versions())
    metrics = Metrics("", (EpochRecord(1),), SplitPerplexity(), {"train": 1}, best_epoch=1, seconds=0)
    model = model_directory.TrainedModel(origin, vocabulary_of(10_000), random_weights(10_000, 200), metrics)
    model_directory.save_model(folder, model, "")
    return folder


def bench_cold_start(rounds: int, folder: Path, roof: float) -> None:
    """Start a process that writes 1,000 words, and one that imports NumPy; `roof`: seconds of a token's products."""
    model = random_model(folder / "model")
    command = Path(sys.executable).with_name("scriptmodel-trainer")
    written, record = folder / "script.txt", folder / "generation.json"
    # Compiled modules are kept, as they are where the trainer is installed: some who work on it have that turned off.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def generate() -> None:
        subprocess.run(
            [command, "generate", model, "--words", str(_WORDS), "--takes", "1", "--out", written, "--record", record],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
        )

    def start() -> None:
        subprocess.run([sys.executable, "-c", "import numpy"], check=True, env=environment)

    cold, least = seconds_of(rounds, timed(generate), timed(start))
    (sample,) = json.loads(record.read_bytes())["samples"]
    possible = least + sample["tokens"] * roof
    print(
        f"cold start: {sample['words']:,} words ({sample['tokens']:,} tokens) in {cold:.2f} s, {cold / possible:.1f} "
        f"times NumPy's import ({least:.2f} s) and these tokens' products ({possible - least:.2f} s)"
    )


def random_weights(vocabulary: int, units: int) -> dict[str, Floats]:
    """Weights of `small`, drawn as training begins."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary, units), "output/kernel": (vocabulary, units)}
    for layer in range(2):
        shapes |= {f"lstm{layer}/{name}": (units, 4 * units) for name in ("kernel", "recurrent")}
        shapes[f"lstm{layer}/bias"] = (4 * units,)
    shapes["output/bias"] = (vocabulary,)
    return {name: random.uniform(-0.1, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


def bench_normalising(path: Path) -> None:
    """Print megabytes a second of one file."""
    (source,) = reading.find_sources([path], lambda _: None)
    layout, _ = layouts.detect(reading.sample_lines(source))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tokens.txt")
        (taken,) = seconds_of(2, timed(lambda: write_normalized([source], layout, out)))
    print(f"normalising: {source.size / taken / 1e6:.2f} MB/s ({layout.name})")
