"""Judges what a model writes with other settings of generation, as a table: on it the defaults are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Opening
from scriptmodel_trainer.judging.figures import mean_figures
from scriptmodel_trainer.judging.reference import Reference, held_out_tokens, reference_of
from scriptmodel_trainer.judging.verdict import judge

SETTINGS = {
    "defaults": Sampling(),
    "temperature 0.6": Sampling(temperature=0.6),
    "temperature 1": Sampling(temperature=1.0),
    "temperature 1, top-p 1": Sampling(temperature=1.0, top_p=1.0),
    "top-p 0.9": Sampling(top_p=0.9),
    "top-p 1": Sampling(top_p=1.0),
    "repetition penalty 1": Sampling(repetition_penalty=1.0),
    "repetition penalty 1.5": Sampling(repetition_penalty=1.5),
    "greedy": Sampling(temperature=0.0, repetition_penalty=1.0),
}
_ASPECTS = ("originality", "variety", "order", "vocabulary", "form")


@dataclass(frozen=True, slots=True)
class Trial:
    """How many scripts of how many words are written with each setting."""

    samples: int
    words: int


def bench_settings(models: list[Path], data: Path, layout: str, trial: Trial) -> None:
    """Print a table of verdicts for each model; held-out text of the corpus and the same text shuffled come first."""
    corpus = stream.read_corpus(reading.find_sources([data], lambda _: None), layouts.layout_named(layout), _silent)
    reference = reference_of(corpus)
    if reference is None:
        raise SystemExit(f"{data} is too small to hold out text")
    held_out = held_out_tokens(corpus)
    length = trial.words * 13 // 10  # tokens: names, markers and punctuation are not words
    starts = range(0, max(1, len(held_out) - length), length)
    pieces = [held_out[start : start + length] for start in starts][: trial.samples]
    print(f"| model | settings | verdict | overall | {' | '.join(_ASPECTS)} |\n|{'---|' * 9}")
    _print("(held-out text)", "", reference, pieces)
    for path in models:
        for name, scripts in _scripts(path, trial):
            _print(path.name, name, reference, scripts)


def _scripts(path: Path, trial: Trial) -> Iterator[tuple[str, list[list[str]]]]:
    model = artifacts.load_model(path)
    seeds = [(0, sample) for sample in range(trial.samples)]
    writer = model.writer()
    for name, sampling in SETTINGS.items():
        yield name, [script.tokens for script in writer.write_together(trial.words, sampling, seeds, Opening())]


def _print(model: str, settings: str, reference: Reference, scripts: list[list[str]]) -> None:
    found = judge(mean_figures([reference.figures(tokens) for tokens in scripts]), reference.held_out)
    aspects = " | ".join(f"{getattr(found, name):.2f}" for name in _ASPECTS)
    print(f"| {model} | {settings} | {found.verdict} | {found.overall:.2f} | {aspects} |", flush=True)


def _silent(_text: str) -> None:
    return None
