"""Repeats the headline figure of docs/results/characters.md: nats per character of tiny Shakespeare.

    python -m dev.bench.trainer record input.txt FOLDER [SEEDS]

Everything is kept in FOLDER, so a measurement that was interrupted continues.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.bench.trainer import train

FIGURE, TOLERANCE = 1.282, 0.01
TRAINING = (
    "--layout plain --preset tuned --set vocabulary_size=30000 softmax_cutoff=2000 letter_ngrams=6000 "
    "subword_discount=1.5 trigrams=true"
)
_COMMAND = Path(sys.executable).with_name("scriptmodel-trainer")
_SHARE = 0.9  # of the characters that train, as in nanoGPT's shakespeare_char


def main(arguments: Sequence[str]) -> int:
    """Train with each seed and print the figures; 1 if their mean is not the published figure."""
    file, folder, *seeds = arguments
    data = Path(folder, "data")
    data.mkdir(parents=True, exist_ok=True)
    text = Path(file).read_bytes().decode("utf-8")
    end = int(len(text) * _SHARE)
    for name, part in (("train", text[:end]), ("valid", text[end:])):
        (data / f"text.{name}.txt").write_bytes(part.encode())
    found = [_trained(data, Path(folder), seed) for seed in range(int(*seeds or ["3"]))]
    mean = statistics.mean(found)
    print(f"{', '.join(f'{each:.4f}' for each in found)}: mean {mean:.4f}, published {FIGURE} ± {TOLERANCE}")
    return int(mean > FIGURE + TOLERANCE)


def _trained(data: Path, folder: Path, seed: int) -> float:
    """Return the figure of a seed, which is trained unless it was."""
    out = folder / f"seed-{seed}"
    words = ["--data", data, "--out", out, "--state", folder / f"state-{seed}", "--seed", seed]
    subprocess.run([*train.COMMAND, *map(str, words), *TRAINING.split()], check=True)
    words = ["evaluate", out, "--data", data / "text.valid.txt", "--json"]
    done = subprocess.run([_COMMAND, *map(str, words)], check=True, capture_output=True)
    return float(json.loads(done.stdout)["nats_per_character"])
