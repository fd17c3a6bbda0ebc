"""Forged model directories: values, files and arrays of a real one changed so that all digests are right again.

Each must be loaded, or refused in one line that names it, within bounded memory.
"""

import copy
import dataclasses
import functools
import json
import os
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import Origin, TrainedModel
from scriptmodel_trainer.corpus.tokens import MARKERS
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.judging.copies import KnownSentences
from scriptmodel_trainer.judging.figures import figures_of
from scriptmodel_trainer.judging.reference import Reference, arrays_of, stored_figures
from scriptmodel_trainer.judging.runs import Runs, hashes_of, known_ngrams
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.model.subwords import LETTERS
from scriptmodel_trainer.model.trigrams import count
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.storage.files import arrays_bytes, converted, read_bounded
from scriptmodel_trainer.storage.records import CorpusFacts, Metrics
from tests.attack.runner import FindingError, main
from tests.unit.trainer.forged import arrays_file, rewrite, rewrite_json, stored_arrays, with_header, write_description

_MEMORY = 4 << 30  # bytes of address space
_LARGEST = 1 << 24
_VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 10**9, 10**400, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "\x1b[2J", "\ud800", "\u202e", "<script>", "../../x", "9" * 100_000, [], [[]], {}, {"": None}),
    *([1] * 100_000, {str(number): number for number in range(1000)}),
]
_NUMBERS = (-1, 0.5, 0, 1, 1 << 20, 1 << 31, (1 << 63) - 1, 1 << 63)
_TYPES = ("F64", "F32", "I32", "U32", "U8", "BF16", "F8_E4M3", "F4", "C64", "BOOL")
_SHAPES = ([0, 1 << 62], [1 << 62, 4], [1] * 100, [0, 4], [4, 0], [4, 8], [(1 << 64) - 4, 0])
_MODEL = "model.json"
_ARRAYS = ("weights", "trigrams", "ngrams")


@functools.cache
def _real() -> Path:
    """A whole model directory, tiny."""
    whole = (*sorted(MARKERS), ",", "'s", "ANNA", "BEN", "the", "sea", "is", "early")
    words = (*whole, *(letter for letter in LETTERS if letter not in whole))
    settings = {"hidden_units": "4", "layers": "2", "cache_window": "3", "trigrams": "true"}
    preset = presets.with_overrides(presets.PRESETS["test"], settings)
    draw = np.random.default_rng(1)
    shapes = preset.shapes(len(words)).items()
    weights = {name: draw.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes}
    epoch = dict.fromkeys(("train_perplexity", "valid_perplexity", "learning_rate", "seconds", "words_per_second"), 2.0)
    metrics = {
        "schema": 1,
        "fingerprint": "print",
        "epochs": [{"epoch": 1, **epoch}],
        "perplexity": {"train": 3.0, "valid": 4.0, "test": 5.0},
        "tokens": {"train": 90, "valid": 5, "test": 5},
        "best_epoch": 1,
        "seconds": 1.5,
        "test": {"perplexity": 5.0, "tokens": 5, "by_class": {"word": {"tokens": 5, "perplexity": 5.0}}},
    }
    summary = {"speeches": 2, "expositions": 1, "speakers": 2}
    summary |= {"frequent_words": [["early", 3]], "frequent_speakers": [["ANNA", 2]]}
    text = ("<boname>", "ANNA", "<eoname>", "the", "sea", "is", "early", "<eos>")
    known = known_ngrams(hashes_of(text))
    sentences = KnownSentences(Runs(known[3].hashes[:2]), np.zeros(2, np.uint32), ("Two Sisters",))
    reference = Reference(figures_of(text, known, sentences), known, sentences)
    metrics["held_out"] = stored_figures(reference)
    corpus = {"digest": "d", "layout": "auto", "files": 1, "layouts": {"plain": 1}, "notes": ["a"], "summary": summary}
    speakers = frozenset(map(words.index, ("ANNA", "BEN")))
    model = TrainedModel(
        Origin("test", preset, 1, converted(corpus, CorpusFacts), model_directory.versions()),
        Vocabulary(words, speakers, parts=frozenset(range(len(whole), len(words)))),
        weights,
        converted(metrics, Metrics),
        arrays_of(reference),
        trigrams=dataclasses.replace(
            count(np.tile(np.arange(len(words), dtype=np.int32), 3), len(words), 0), share=0.3
        ),
    )
    folder = Path(tempfile.mkdtemp(prefix="attack-models-")) / "model"
    folder.mkdir()
    model_directory.save_model(folder, model, "")
    return folder


def attack(number: int, chance: random.Random) -> str:
    """Forge a model directory and use it in each way."""
    del number
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(_real(), Path(temporary, "model")))
        for forge in chance.choices(
            (_value, _value, _value, _array, _array, _header, _bytes, _kind), k=chance.randint(1, 2)
        ):
            try:
                forge(folder, chance)
            except (OSError, ValueError, KeyError, TypeError, BadInputError, AttributeError):
                continue  # the first change left nothing for the second
            if forge is _kind:
                break
        return _use(folder, chance)


def _use(folder: Path, chance: random.Random) -> str:
    try:
        model = model_directory.load_model(folder, judged=True)
        page = render_report(model)
        writer = Writer(model.network(), model.vocabulary)
        script = writer.write(chance.randint(1, 30), Sampling(1.5), (1,), Opening()).tokens
    except BadInputError as error:
        line = error.line()
        if not line or len(line) > 2000:
            raise FindingError(f"a message of {len(line)} characters: {line[:200]}") from error
        return "refused"
    if "<script>" in page:
        raise FindingError("the report holds markup of the model")
    if not all(map(str.isprintable, script)):
        raise FindingError(f"control characters are written: {script!r}")
    return "used"


def _value(folder: Path, chance: random.Random) -> None:
    """Replace, remove or add a value anywhere in a JSON file."""
    whole = {"": json.loads(read_bounded(folder / _MODEL, _LARGEST))}
    whole[""].pop("digest", None)
    where: Any = whole
    key: Any = ""
    while isinstance(where[key], dict | list) and where[key] and chance.random() < 0.8:
        where = where[key]
        key = chance.choice(list(where)) if isinstance(where, dict) else chance.randrange(len(where))
    change = chance.random()
    if change < 0.15 and where is not whole:
        del where[key]
    elif change < 0.25 and isinstance(where, dict):
        where[chance.choice(("", "<script>", "\x1b", "test"))] = where[key]
    else:
        where[key] = copy.deepcopy(chance.choice(_VALUES))
    write_description(folder, whole[""])


def _array(folder: Path, chance: random.Random) -> None:
    """Change an array, its name, shape or type."""
    kind = chance.choice(_ARRAYS)
    arrays: dict[str, Any] = stored_arrays(arrays_file(folder, kind))
    name = chance.choice(list(arrays))
    array = np.atleast_1d(arrays[name])
    changes: list[Callable[[], Any]] = [
        lambda: array.astype(chance.choice(["<f8", "<f2", "<i4", "?", ">f4"])),
        lambda: array.reshape(-1),
        lambda: array[..., :-1],
        lambda: np.zeros((0, 4), np.float32),
        lambda: np.full(array.shape, chance.choice([np.nan, np.inf, 3e38, 1 << 30, -1])).astype(array.dtype),
        lambda: array[::-1],
        lambda: np.float32(1),
    ]
    arrays[name] = chance.choice(changes)()
    if chance.random() < 0.2:
        arrays[chance.choice(("lstm9/recurrent", "projection", "../x", "a/recurrent"))] = arrays.pop(name)
    rewrite(folder, kind, arrays_bytes(arrays))


def _header(folder: Path, chance: random.Random) -> None:
    """Change what the header of a file of arrays says of types, shapes, places and its own length."""
    kind = chance.choice(_ARRAYS)
    content = read_bounded(arrays_file(folder, kind), _LARGEST)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    entry = header[chance.choice(list(header))]
    key = chance.choice(list(entry))
    if isinstance(entry[key], list) and entry[key] and chance.random() < 0.5:
        entry[key][-1] = chance.choice(_NUMBERS)
    else:
        entry[key] = copy.deepcopy(chance.choice((*_TYPES, *_SHAPES, *_VALUES)))
    if chance.random() < 0.2:
        header[chance.choice(("__metadata__", "more", "x" * 2_000_000))] = entry
    length = chance.choice(_NUMBERS[-4:]) if chance.random() < 0.1 else None
    rewrite(folder, kind, with_header(header, content[end:], length))


def _bytes(folder: Path, chance: random.Random) -> None:
    """Change bytes of any file."""
    kind = chance.choice((_MODEL, *_ARRAYS))
    path = folder / _MODEL if kind == _MODEL else arrays_file(folder, kind)
    content = bytearray(read_bounded(path, _LARGEST))
    for _ in range(chance.randint(1, 5)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    changed = bytes(content[: chance.choice((None, None, len(content) // 2, 0))])
    if kind != _MODEL:
        rewrite(folder, kind, changed)
        return
    path.write_bytes(changed)
    rewrite_json(folder, lambda described: described)


def _kind(folder: Path, chance: random.Random) -> None:
    """Replace a file by a pipe, a folder, a link or a large hole."""
    path = chance.choice((folder / _MODEL, *(arrays_file(folder, kind) for kind in _ARRAYS)))
    content = read_bounded(path, _LARGEST)
    path.unlink()
    kind = chance.randrange(6)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to(chance.choice(("/dev/zero", "/dev/null", path.name, "nowhere", "metrics.json")))
    elif kind == 3:
        path.write_bytes(content)
        os.truncate(path, 1 << 40)
    elif kind == 4:
        path.write_bytes(chance.choice((b"[", b'{"a":', b"9")) * chance.choice((10, 5000, 1_000_000)))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.RLIM_INFINITY))  # too much memory is a finding
    status = main(attack)
    shutil.rmtree(_real().parent)
    sys.exit(status)
