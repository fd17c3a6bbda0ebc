"""Model directories and checkpoints may come from anyone: one line and exit code 2, before anything is loaded."""

import functools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forged import arrays_file, rewrite, rewrite_json, stored_arrays, with_header
from running import run_trainer

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.judging.reference import stored_reference
from scriptmodel_trainer.storage.files import arrays_bytes
from scriptmodel_trainer.training.checkpoints import Checkpoint, digest_of, load_checkpoint, save_checkpoint
from scriptmodel_trainer.training.state import RunState

Forge = Callable[[Path], None]


def described(change: Callable[[dict[str, Any]], object]) -> Forge:
    return lambda folder: rewrite_json(folder, change)


def metrics(change: Callable[[dict[str, Any]], object]) -> Forge:
    return described(lambda model: change(model["metrics"]))


def words(change: Callable[[list[Any]], object]) -> Forge:
    return described(lambda model: change(model["words"]))


def arrays(kind: str, change: Callable[[dict[str, np.ndarray]], object]) -> Forge:
    def forge(folder: Path) -> None:
        found = stored_arrays(arrays_file(folder, kind))
        change(found)
        rewrite(folder, kind, arrays_bytes(found))

    return forge


weights = functools.partial(arrays, "weights")
ngrams = functools.partial(arrays, "ngrams")


def pipe(kind: str) -> Forge:
    def forge(folder: Path) -> None:
        path = arrays_file(folder, kind)
        path.unlink()
        os.mkfifo(path)

    return forge


def model_json(content: bytes) -> Forge:
    return lambda folder: (folder / "model.json").write_bytes(content) and None


def content(content: bytes) -> Forge:
    return lambda folder: rewrite(folder, "weights", content)


def entry(kind: str, shape: list[int], first: int, end: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [first, end]}


FORGED: dict[str, Forge] = {
    "a pipe for weights": pipe("weights"),
    "weights cut short": lambda folder: os.truncate(arrays_file(folder, "weights"), 9),
    "weights left out": lambda folder: arrays_file(folder, "weights").unlink(),
    "no description": lambda folder: (folder / "model.json").unlink(),
    "no content": content(b""),
    "a header cut short": content(with_header({}, b"", length=100)),
    "a header of 2^63 bytes": content(with_header({}, b"", length=1 << 63)),
    "a header of more names than any model has": content(with_header({"x" * (1 << 20): entry("F32", [0], 0, 0)}, b"")),
    "a header that is a list": content(with_header([], b"")),
    "arrays in one place": content(with_header({name: entry("F32", [1], 0, 4) for name in "ab"}, bytes(4))),
    "an array outside the file": content(with_header({"a": entry("F32", [2], 0, 8)}, bytes(4))),
    "a gap before an array": content(with_header({"a": entry("F32", [1], 4, 8)}, bytes(8))),
    "content after the arrays": content(with_header({"a": entry("F32", [1], 0, 4)}, bytes(8))),
    "a shape that overflows": content(with_header({"a": entry("F32", [1 << 63], 0, 1 << 63)}, bytes(4))),
    "a shape that overflows times 0": content(with_header({"a": entry("F32", [0, 1 << 63], 0, 0)}, b"")),
    "a shape of 100 numbers": content(with_header({"a": entry("F32", [1] * 100, 0, 4)}, bytes(4))),
    "numbers that NumPy does not have": content(with_header({"a": entry("BF16", [2], 0, 4)}, bytes(4))),
    "a layer more": described(lambda model: model["parameters"].update(layers=3)),
    "layers beyond count": described(lambda model: model["parameters"].update(layers=10**12)),
    "layers that are a text": described(lambda model: model["parameters"].update(layers="2")),
    "units of another kind": described(lambda model: model["parameters"].update(hidden_units=24.5)),
    "parameters that are a list": described(lambda model: model.update(parameters=[])),
    "an optimizer of its own": described(lambda model: model["parameters"].update(optimizer="os.system")),
    "a corpus that is a text": described(lambda model: model.update(corpus="all of it")),
    "a seed below 0": described(lambda model: model.update(seed=-1)),
    "a speaker who is no word": described(lambda model: model["speakers"].append(10**9)),
    "speakers that are words": described(lambda model: model.update(speakers=["ANNA"])),
    "a schema that is a list": described(lambda model: model.update(schema=[1])),
    "a figure of 400 digits": metrics(lambda found: found["perplexity"].update(test=10**400)),
    "epochs that are a number": metrics(lambda found: found.update(epochs=5)),
    "a perplexity that is a text": metrics(lambda found: found["perplexity"].update(test="low")),
    "a best epoch that is none": metrics(lambda found: found.update(best_epoch=99)),
    "a split of its own": metrics(lambda found: found["tokens"].update({"<script>": 1})),
    "tokens of the training split left out": metrics(lambda found: found["tokens"].pop("train")),
    "no training time": metrics(lambda found: found.update(seconds=None)),
    "metrics that are a list": described(lambda model: model.update(metrics=[])),
    "no metrics": described(lambda model: model.pop("metrics")),
    "a model that is a list": model_json(b"[]"),
    "numbers that are none": model_json(b'{"schema": NaN}'),
    "brackets without end": model_json(b"[" * 200_000),
    "brackets in a description": model_json(b'{"schema": 1, "words": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "a digest that is a path": described(lambda model: model["files"].update(weights="/../../x")),
    "no weights": described(lambda model: model["files"].pop("weights")),
    "a word twice": words(lambda names: names.__setitem__(4, names[3])),
    "a word left out": words(lambda names: names.pop()),
    "an empty word": words(lambda names: names.__setitem__(4, "")),
    "a word that is a number": words(lambda names: names.__setitem__(4, 4)),
    "no end of a sentence": words(lambda names: names.__setitem__(names.index("<eos>"), "known")),
    "half a surrogate": words(lambda names: names.__setitem__(4, "\ud800")),
    "no words": words(lambda names: names.clear()),
    "an array left out": weights(lambda arrays: arrays.pop("output/bias")),
    "an array more": weights(lambda arrays: arrays.update(more=np.zeros(3, np.float32))),
    "another shape": weights(lambda arrays: arrays.update({"output/bias": np.zeros((1, 1), np.float32)})),
    "another type": weights(lambda arrays: arrays.update({"output/bias": arrays["output/bias"].astype(np.float64)})),
    "a pipe for n-grams": pipe("ngrams"),
    "n-grams of a size left out": ngrams(lambda arrays: arrays.pop("ngrams2")),
    "n-grams in no order": ngrams(lambda arrays: arrays.update(ngrams3=arrays["ngrams3"][::-1])),
    "n-grams of another kind": ngrams(lambda arrays: arrays.update(ngrams3=arrays["ngrams3"].astype(np.float32))),
    "too many n-grams": ngrams(lambda arrays: arrays.update(ngrams3=np.arange((1 << 20) + 1, dtype=np.uint32))),
    "sentences in no order": ngrams(lambda arrays: arrays.update(sentences=arrays["sentences"][::-1])),
    "a sentence of no text": ngrams(lambda arrays: arrays.update(texts=arrays["texts"] + np.uint32(9))),
    "names of texts left out": ngrams(lambda arrays: arrays.pop("names")),
    "a figure left out": metrics(lambda found: found["held_out"].pop("distinct")),
    "a share above 1": metrics(lambda found: found["held_out"].update(known_pairs=1e308)),
    "a share below 0": metrics(lambda found: found["held_out"].update(distinct=-1)),
    "words without number": metrics(lambda found: found["held_out"].update(words=1e308)),
    "a figure that is a text": metrics(lambda found: found["held_out"].update(distinct="high")),
    "a validation figure that is a text": metrics(lambda found: found["validation"].update(nats_per_character="1")),
    "a validation digest that is a number": metrics(lambda found: found["validation"].update(digest=1)),
    "a choice of auto that is a list": metrics(lambda found: found.update(auto=["tuned"])),
    "a weight that is NaN": weights(lambda arrays: arrays["output/bias"].fill(np.nan)),
    "an infinite weight": weights(lambda arrays: arrays["embedding"].fill(np.inf)),
}


REWRITTEN = {
    "another seed": (lambda text: text.replace('"seed": 3', '"seed": 4', 1), "model.json is not as it was written"),
    "another schema": (
        lambda text: text.replace('"schema": 1', '"schema": 2', 1),
        "has schema 2; this program reads 1: use the version that trained it",
    ),
    "cut": (lambda text: text[:-20], "is damaged"),
}


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model, tmp_path / "model")


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_model_is_refused_in_one_line(forge: Forge, copy: Path) -> None:
    forge(copy)
    with pytest.raises(BadInputError) as refused:
        stored_reference(load_model(copy, judged=True), copy)
    assert str(copy) in refused.value.line()
    assert len(refused.value.line()) < 1000


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_model_json_of_another_digest_or_schema_is_refused(case: str, copy: Path) -> None:
    change, reported = REWRITTEN[case]
    before = (copy / "model.json").read_text("utf-8")
    (copy / "model.json").write_text(change(before), "utf-8")
    assert change(before) != before
    with pytest.raises(BadInputError) as refused:
        load_model(copy)
    assert reported in refused.value.line()


@pytest.mark.parametrize("command", ["generate", "report", "evaluate"])
@pytest.mark.parametrize("name", ["a pipe for weights", "an array left out", "epochs that are a number"])
def test_every_command_that_takes_a_model_ends_with_code_2(
    command: str, name: str, copy: Path, corpus: Path, tmp_path: Path
) -> None:
    FORGED[name](copy)
    arguments = {
        "generate": ["generate", copy, "--words", "5"],
        "report": ["report", copy, "--out", tmp_path / "page.html"],
        "evaluate": ["evaluate", copy, "--data", corpus],
    }
    done = run_trainer(arguments[command])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_copy_itself_is_read_through_a_link_too(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copy)
    assert len(load_model(tmp_path / "link").vocabulary) > 10


def test_words_with_escapes_of_a_terminal_are_never_written(copy: Path) -> None:
    words(lambda names: names.__setitem__(slice(None), [f"\x1b]0;{w}\x07" if w.isalpha() else w for w in names]))(copy)
    done = run_trainer(["generate", copy, "--words", "40", "--temperature", "2"])
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_figure_of_almost_nothing_is_no_error_of_the_judge(copy: Path) -> None:
    metrics(lambda found: found["held_out"].update(known_pairs=1e-200))(copy)
    reference = stored_reference(load_model(copy, judged=True))
    assert reference
    assert 0 <= reference.verdict(["sea"]).form_score <= 1


DESCRIBED: dict[str, Any] = {
    "state": 5,
    "an epoch before the first": {"state": {"epoch": -1}},
    "seconds before the start": {"state": {"seconds": -1e308}},
    "seconds that are text": {"state": {"gpu_seconds": "1"}},
    "a best epoch that there is not": {"state": {"best_epoch": 7}},
    "epochs that are none": {"state": {"history": 5}},
    "epochs of which none is the best": {"state": {"history": [{"epoch": 1}]}},
    "arrays": ["weights/a"],
    "fingerprint": None,
}


@pytest.mark.parametrize("key", DESCRIBED)
def test_a_forged_checkpoint_is_refused(key: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint-a.safetensors"
    save_checkpoint(path, Checkpoint("print", RunState(), {"weights/a": np.ones(3, np.float32)}))
    found = stored_arrays(path)
    change = DESCRIBED[key] if " " in key else {key: DESCRIBED[key]}
    forged = json.loads(found["described"].tobytes()) | change
    found["described"] = np.frombuffer(json.dumps(forged).encode(), np.uint8)
    del found["digest"]
    path.write_bytes(arrays_bytes({**found, "digest": digest_of(found)}))
    with pytest.raises(BadInputError, match="is damaged"):
        load_checkpoint(path)


def test_a_pipe_for_a_checkpoint_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint-a.safetensors")
    with pytest.raises(BadInputError, match="not a regular file"):
        load_checkpoint(tmp_path / "checkpoint-a.safetensors")
