"""Repeats a headline figure of docs/results with several seeds, and says whether it holds.

    python -m dev.bench.trainer record eight-plays --out /var/tmp/records
    python -m dev.bench.trainer record tiny-shakespeare --data input.txt --out /var/tmp/records

Everything is kept in --out, which may be outside of the clone: a measurement that was interrupted continues, in any
clone of the same version. A figure holds unless the mean of the seeds is higher, with p < 0.05 in a one-sided t-test.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bench.trainer import train
from dev.plays import plays

_COMMAND = Path(sys.executable).with_name("scriptmodel-trainer")
_SHARE = 0.9  # of the characters of tiny Shakespeare that train, as in nanoGPT's shakespeare_char
_CRITICAL = {2: 6.314, 3: 2.920, 4: 2.353, 5: 2.132}
"""Student's t that is exceeded with probability 0.05, by the number of seeds."""


@dataclass(frozen=True, slots=True)
class Record:
    """A figure of docs/results, of which less is better, and how it was trained.

    It is the perplexity of the test text, of a corpus of plays its nats per character: vocabularies differ.
    """

    page: str
    figure: float
    training: str
    plays: int = 0
    """How many of the open corpus are read, 0 for a corpus that --data names."""
    characters: bool = False
    """Whether --data is one file, and the figure is nats per character of its last tenth, which validates."""


RECORDS = {
    "eight-plays": Record("presets.md", 1.111, "--preset auto", plays=8),
    "all-plays": Record("presets.md", 1.1662, "--preset auto", plays=38),
    "tiny-shakespeare": Record(
        *("characters.md", 1.282),
        "--layout exact --preset tuned --set vocabulary_size=30000 softmax_cutoff=2000 letter_ngrams=6000 "
        "subword_discount=1.5 trigrams=true",
        characters=True,
    ),
}


def verdict(figure: float, found: Sequence[float]) -> str:
    """Return mean and spread of the seeds, and whether the figure holds."""
    mean, count = statistics.mean(found), len(found)
    if count not in _CRITICAL:
        return f"{mean:.4g} with {count} seed(s), beside {figure:g}: too few or too many seeds for a test"
    spread = statistics.stdev(found)
    beyond = mean - figure > _CRITICAL[count] * spread / math.sqrt(count)
    told = "does NOT hold: seeds are significantly worse" if beyond else "holds"
    return f"{mean:.4g} ± {spread:.2g} ({count} seeds), beside {figure:g}: it {told}"


def main(arguments: Sequence[str]) -> int:
    """Train with each seed and print the figures; 1 if the figure does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer record",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=RECORDS, help="the figure")
    parser.add_argument("--out", type=Path, required=True, help="keep models and the state of trainings here")
    parser.add_argument("--data", type=Path, help="the corpus; tiny-shakespeare: its one file")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="number of seeds [default: 3]")
    options = parser.parse_args(arguments)
    record, folder = RECORDS[options.name], options.out / options.name
    if not record.plays and options.data is None:
        parser.error(f"{options.name} needs --data: docs/results/{record.page} says which corpus that is")
    data = _corpus(record, options.data, folder)
    found = [_trained(record, data, folder, seed) for seed in range(options.seeds)]
    told = verdict(record.figure, found)
    print(f"{options.name}: {', '.join(f'{each:.4f}' for each in found)}: {told}")
    return 1 if "NOT" in told else 0


def _corpus(record: Record, data: Path | None, folder: Path) -> list[Path]:
    if record.plays or data is None:
        return sorted(plays()[: record.plays], key=lambda path: path.name)  # as a folder of them is read
    if not record.characters:
        return [data]
    text, parts = data.read_bytes().decode("utf-8"), folder / "data"
    parts.mkdir(parents=True, exist_ok=True)
    end = int(len(text) * _SHARE)
    for name, part in (("train", text[:end]), ("valid", text[end:])):
        (parts / f"text.{name}.txt").write_bytes(part.encode())
    return [parts]


def _trained(record: Record, data: Sequence[Path], folder: Path, seed: int) -> float:
    """Return the figure of a seed, which is trained unless it was."""
    out, state = folder / f"seed-{seed}", folder / f"state-{seed}"
    words = ["--data", *data, "--out", out, "--state", state, "--seed", seed, "--resume"]
    subprocess.run([*train.COMMAND, *map(str, words), *record.training.split()], check=True)
    if not record.characters:
        test = json.loads((out / "metrics.json").read_text("utf-8"))["test"]
        return float(test["nats_per_character" if record.plays else "perplexity"])
    words = ["evaluate", out, "--data", data[0] / "text.valid.txt", "--json"]
    done = subprocess.run([_COMMAND, *map(str, words)], check=True, capture_output=True)
    return float(json.loads(done.stdout)["nats_per_character"])
