"""Times reading and training on corpora of several sizes: a token of a larger one must not take longer.

Each size has a process of its own, whose memory is what a training of it takes before any text is scored. Sizes
take turns, and one thread's CPU time is measured. The texts are random lines of the open corpus.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dev.demo.plays import plays
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.vocabulary import build_vocabulary
from scriptmodel_trainer.storage.records import FILES
from scriptmodel_trainer.training.auto import choose, preset_of
from scriptmodel_trainer.training.batches import cut_for_training

_MILLIONS = (1, 10, 50)  # tokens
_FILES = 40  # of which a tenth is held out
_WINDOWS = 8  # at each of as many places


def bench_sizes(rounds: int) -> None:
    """Print for each size what reading and training a million tokens take, and the memory."""
    command = Path(sys.executable).with_name("scriptmodel-trainer")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        tokens = Path(scratch, "tokens")
        subprocess.run([command, "normalize", *plays(), "--out", tokens], check=True, stdout=subprocess.DEVNULL)
        lines = tokens.read_text("utf-8").splitlines(keepends=True)
        processes = []
        for size in _MILLIONS:
            write_texts(lines, size * 1_000_000, Path(scratch, str(size)))
            words = [sys.executable, "-m", "dev.bench.trainer.sizes", f"{scratch}/{size}"]
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.append(stack.enter_context(process))
        read = [json.loads(_asked(process)) for process in processes]
        turns = [[float(_asked(process)) for process in processes] for _ in range(rounds)]
    trained = [min(turn) for turn in zip(*turns, strict=True)]
    for size, (seconds, memory), each in zip(_MILLIONS, read, trained, strict=True):
        ratios = f"{seconds / read[0][0]:.2f} and {each / trained[0]:.2f} of the first"
        print(f"{size:>3} million tokens: {seconds:.2f} s to read one, {each:.1f} s to train, {ratios}; {memory:,} MB")


def write_texts(lines: Sequence[str], tokens: int, folder: Path) -> None:
    """Fill a folder with files of so many tokens in all, of lines that are drawn at random."""
    folder.mkdir()
    draw = random.Random(0)  # equal texts in each run
    for number in range(_FILES):
        with Path(folder, f"{number:02}.txt").open("w", encoding="utf-8") as file:
            written = 0
            while written < tokens / _FILES:
                line = draw.choice(lines)
                written += file.write(line) and len(line.split())


def _asked(process: subprocess.Popen[str]) -> str:
    """Let a process do its next part and return its answer."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def main(folder: Path) -> None:
    """Read the texts of a folder; then train a few windows of them for each line of standard input."""
    hardware.load_tensorflow(0)
    from dev.bench.trainer.__main__ import use_threads  # noqa: PLC0415  # quietly loaded by then
    from scriptmodel_trainer.model.network_tensorflow import LanguageModel  # noqa: PLC0415  # as above
    from scriptmodel_trainer.training.graph import TrainingGraph  # noqa: PLC0415  # as above
    from scriptmodel_trainer.training.optimizers import Optimizer  # noqa: PLC0415  # as above

    use_threads(1)
    sys.stdin.readline()
    started = time.process_time()
    sources = reading.find_sources([folder], lambda _: None)
    corpus = stream.read_corpus(sources, layouts.layout_named("normalized"), lambda _: None, FILES)
    train = corpus.splits["train"]
    seconds = (time.process_time() - started) / sum(map(len, corpus.splits.values())) * 1e6
    preset = preset_of(choose(len(train), 0))
    vocabulary = build_vocabulary(train, corpus.lexicon, preset.vocabulary_size)
    ids = vocabulary.translated(train, corpus.lexicon)
    rows = cut_for_training(ids, preset.batch_size, preset.steps, vocabulary.first)
    model = LanguageModel(preset, len(vocabulary), 0)
    graph = TrainingGraph(model, Optimizer(preset, model.variables), rows, 0)
    graph.run(0, 0, [0.0])  # the first one compiles
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps([seconds, memory]), flush=True)
    for _ in sys.stdin:
        started = time.process_time()
        for place in range(_WINDOWS):
            graph.run(rows.windows // _WINDOWS * place, 0, [0.0] * _WINDOWS)
        print((time.process_time() - started) / (_WINDOWS * _WINDOWS * rows.words) * 1e6, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
