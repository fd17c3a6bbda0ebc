"""Measures nats per character of a text file: its first nine tenths train, the rest validates.

The text is read in the layout `exact` and charged in full, the end of the file too, by the static network: weights are
those of the epoch with the lowest validation perplexity. nanoGPT's recipe for a processor (its README) is measured on
the same characters in the same run, if its source is at hand; its own figure is an estimate from samples.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bench.trainer.train import COMMAND as TRAIN
from scriptmodel_trainer.model.hardware import device

_COMMAND = Path(sys.executable).with_name("scriptmodel-trainer")
_PYTORCH = Path(".venv/bench/bin/python")
_SHARE = 0.9
_NANOGPT = (
    "--device=cpu --compile=False --eval_iters=20 --log_interval=100 --block_size=64 --batch_size=12 --n_layer=4 "
    "--n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the trainer is run with; without a budget the preset says how long it trains."""

    preset: str = "tuned"
    settings: Sequence[str] = (
        "vocabulary_size=30000",
        "softmax_cutoff=2000",
        "letter_ngrams=6000",
        "subword_discount=1.5",
        "trigrams=true",
    )
    seed: int = 0
    minutes: float | None = None


def split(text: str) -> tuple[str, str]:
    """Return the first nine tenths of the characters, as nanoGPT's shakespeare_char, and the rest."""
    end = int(len(text) * _SHARE)
    return text[:end], text[end:]


def bench_characters(file: Path, recipe: Recipe, out: Path | None, nanogpt: Path | None, threads: int) -> None:
    """Print nats per character of the validation text, and what it took."""
    text = file.read_bytes().decode("utf-8")
    train, valid = split(text)
    print(f"characters: {len(train):,} train, {len(valid):,} validate; {device().name}, {threads} threads", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(_ours(train, valid, recipe, out or Path(folder, "model"), Path(folder), threads), flush=True)
        if nanogpt is None or not _PYTORCH.exists():
            print("nanoGPT: SKIPPED, give --nanogpt SOURCE and run dev/bench-env.sh")
            return
        print(_theirs(train, valid, nanogpt, Path(folder, "nanogpt"), threads), flush=True)


def _ours(train: str, valid: str, recipe: Recipe, out: Path, folder: Path, threads: int) -> str:
    data = folder / "data"
    data.mkdir()
    for name, part in (("train", train), ("valid", valid)):
        (data / f"text.{name}.txt").write_bytes(part.encode())
    command = ["--data", data, "--out", out, "--layout", "exact", "--preset", recipe.preset]
    command += ["--resume", "--seed", str(recipe.seed), *(("--set", *recipe.settings) if recipe.settings else ())]
    if recipe.minutes:
        command += ["--budget-seconds", str(round(60 * recipe.minutes))]
    started, used = time.monotonic(), _computed()
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    subprocess.run([*TRAIN, *map(str, command)], env=environment, check=True)
    took, used = time.monotonic() - started, _computed() - used
    evaluated = subprocess.run(
        [_COMMAND, "evaluate", str(out), "--data", str(data / "text.valid.txt"), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    score, model = json.loads(evaluated.stdout), json.loads((out / "model.json").read_text())
    metrics = json.loads((out / "metrics.json").read_text())
    return (
        f"{recipe.preset}, seed {recipe.seed}: {score['nats_per_character']:.4f} nats per character, "
        f"{model['weights']:,} weights, epoch {metrics['best_epoch']} of {len(metrics['epochs'])}, "
        f"{metrics['seconds']:.0f} s of training, last attempt {took:.0f} s ({used:.0f} s of computing time)"
    )


def _computed() -> float:
    """Return the computing time of finished processes, in seconds; a busy machine does not lengthen it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _theirs(train: str, valid: str, source: Path, folder: Path, threads: int) -> str:
    """Run nanoGPT's own train.py in a copy of its source."""
    shutil.copytree(source, folder)
    data = folder / "data" / "shakespeare_char"
    data.mkdir(parents=True, exist_ok=True)
    numbers = {character: number for number, character in enumerate(sorted(set(train + valid)))}
    for name, part in (("train", train), ("val", valid)):
        (data / f"{name}.bin").write_bytes(array("H", map(numbers.__getitem__, part)).tobytes())
    names = {number: character for character, number in numbers.items()}
    (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": len(numbers), "itos": names, "stoi": numbers}))
    started, used = time.monotonic(), _computed()
    done = subprocess.run(
        [_PYTORCH.absolute(), "train.py", "config/train_shakespeare_char.py", *_NANOGPT.split()],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        check=True,
        capture_output=True,
        text=True,
    )
    took, used = time.monotonic() - started, _computed() - used
    loss = last_loss(done.stdout)
    return f"nanoGPT, its recipe for a processor: {loss} nats per character, {took:.0f} s ({used:.0f} s computing time)"


def last_loss(log: str) -> str:
    """Return the last validation loss in nanoGPT's log."""
    return re.findall(r"^step \d+: train loss \S+ val loss (\S+)", log.replace(",", ""), re.MULTILINE)[-1]
