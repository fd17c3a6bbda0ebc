"""A corpus, a model trained on it, and a reader of printed plays.

Property tests have no time limit, because machines are shared.
"""

from collections.abc import Iterator
from pathlib import Path

import compiled
import pytest
from hypothesis import settings
from running import run_trainer
from samples import Read, play

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.evaluation import perplexity
from scriptmodel_trainer.model import hardware, presets

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def short_windows() -> Iterator[None]:
    """Compile validation in a fifth of the time: each step of a window is written out in the graph.

    The figures do not depend on it.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(perplexity, "VALIDATION_STEPS", 10)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start no training from a base that this machine has."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SCRIPTMODEL_BASES", str(tmp_path_factory.getbasetemp() / "bases"))
        yield


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile equal networks for equal texts once in this process, for tests that train one more than once."""
    hardware.load_tensorflow(0)
    monkeypatch.setattr("scriptmodel_trainer.training.loop.compiled", compiled.reused)


@pytest.fixture(scope="session", autouse=True)
def all_fields() -> Iterator[None]:
    """Let `--set` take every field of a preset, as the benchmarks do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(presets, "KEYS", list(presets.Preset.__dataclass_fields__))
        yield


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one play of a few thousand words."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "train.md").write_text(play(220), "utf-8")
    return folder


@pytest.fixture(scope="session")
def model(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small two-layer model with a projection, trained for four epochs."""
    folder = tmp_path_factory.mktemp("models") / "model"
    arguments = ["--set", "hidden_units=24", "embedding_units=16", "layers=2"]
    arguments += ["batch_size=8", "steps=5"]
    done = run_trainer(
        ["train", "--data", corpus, "--out", folder, "--preset", "demo", "--epochs", "4", "--seed", "3", *arguments]
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return speaker (none for a direction) and words, on one line, in the detected layout, without dropped text."""

    def reader(text: str) -> list[tuple[str, str]]:
        path = tmp_path / "play.txt"
        path.write_text(text, "utf-8")
        (source,) = reading.find_sources([path], lambda _: None)
        return [
            (event.speaker if event.kind is EventKind.SPEECH else "", event.text.replace("\n", " "))
            for event in events_of(source, None)[2]
            if event.kind is not EventKind.CUT
        ]

    return reader
