"""A model can start from any other one, whatever words their corpora share: nothing here is trained."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from running import run_trainer

from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.records import EpochRecord
from scriptmodel_trainer.training.run import Run, TrainingResult
from scriptmodel_trainer.training.stopping import StopSignals

WORDS = ("Stow", "stow", "And", "and", "A", "a", "an", "oar", "lamp", "don't", "'tis", "Mrs.", "zeppelin", "(aside)")
NAMES = ("ANNA", "Old Ben", "STOW")
SMALL = ["--preset", "test", "--set", "hidden_units=4", "embedding_units=4"]
ADDED = ("trigrams=true", "subword_discount=2")
KINDS = (*ADDED, "document_starts=true", "softmax_cutoff=14")


@dataclass(frozen=True)
class Corpus:
    """What the speeches of a play say, who speaks them, and how: in prose, in verse, or as lines of plain text."""

    words: frozenset[str]
    names: frozenset[str] = frozenset({"ANNA"})
    form: str = "verse"
    speeches: int = 60

    def text(self) -> str:
        """The play."""
        draw, words, names = random.Random(1), sorted(self.words), sorted(self.names)
        lines = ["# Pier", ""]
        for _ in range(self.speeches):
            said = [" ".join(draw.choices(words, k=6)) for _ in range(3)]
            if self.form == "plain":
                lines += said
            else:
                lines += [f"**{draw.choice(names)}**  ", ("\\\n" if self.form == "verse" else " ").join(said) + ".", ""]
        return "\n".join(lines)


@pytest.fixture(scope="module", autouse=True)
def untrained() -> Iterator[None]:
    """Let the network of a run be what training would start with."""

    def fit(run: Run, _: Progress, __: StopSignals) -> TrainingResult:
        draw, shapes = np.random.default_rng(run.options.seed), run.options.preset.shapes(len(run.vocabulary))
        weights = run.starts_from or {name: draw.normal(0, 0.3, shape).astype("f") for name, shape in shapes.items()}
        assert {name: array.shape for name, array in weights.items()} == shapes
        run.state.add(EpochRecord(1, 2.0, 2.0, 1.0, 1.0, 1.0))
        return TrainingResult(dict(weights), "epochs")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scriptmodel_trainer.training.loop.fit", fit)
        yield


def train(corpus: Corpus, file: Path, *more: str | Path) -> None:
    file.write_text(corpus.text(), "utf-8")
    layout = "normalized" if corpus.form == "plain" else "auto"
    done("train", "--data", file, "--out", file.with_suffix(""), "--layout", layout, *more)


def done(*words: str | Path) -> None:
    run = run_trainer(words)
    assert run.returncode == 0, run.stderr


def some(values: Sequence[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), min_size=1)


corpora = st.builds(
    Corpus, some(WORDS), some(NAMES), st.sampled_from(("prose", "verse", "plain")), st.sampled_from((3, 60))
)
KNOWN = Corpus(frozenset({"Stow", "stow", "and", "lamp"}))


@settings(max_examples=15)
@given(base=corpora, corpus=corpora, kind=st.sampled_from(KINDS), added=st.sampled_from(ADDED))
@example(KNOWN, Corpus(frozenset({"zeppelin", "oar"}), frozenset({"STOW"})), ADDED[0], ADDED[1]).via("disjoint words")
@example(KNOWN, Corpus(frozenset({"stow", "and"})), KINDS[3], ADDED[1]).via("nested words")
@example(KNOWN, KNOWN, KINDS[2], ADDED[1]).via("equal words")
def test_a_model_starts_from_one_of_any_other_corpus_and_writes(
    base: Corpus, corpus: Corpus, kind: str, added: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        train(base, folder / "base.md", *SMALL, kind)
        train(corpus, folder / "new.md", "--from", folder / "base", "--set", added)
        done("generate", folder / "new", "--words", "40", "--out", folder / "script.txt")
