"""A model is read by what knows nothing of this program and predicts the same, and exported as a page."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import described
from running import run_trainer
from safetensors.numpy import load_file
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.evaluation.perplexity import score_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.reporting.standalone import quantised


def perplexity(arrays: dict[str, np.ndarray[Any, Any]], stream: list[int], first: int) -> float:
    """The textbook's LSTM, in float64 and in the order of gates that the file names."""
    layers = sum(name.endswith("/recurrent") for name in arrays)
    state = [[np.zeros(len(arrays[f"lstm{layer}/recurrent"]))] * 2 for layer in range(layers)]
    losses, token = [], first
    for target in stream:
        inputs = arrays["embedding"][token].astype(np.float64)
        for layer in range(layers):
            output, cell = state[layer]
            gates = inputs @ arrays[f"lstm{layer}/kernel"] + output @ arrays[f"lstm{layer}/recurrent"]
            enter, forget, candidate, leave = np.split(gates + arrays[f"lstm{layer}/bias"], 4)
            cell = cell / (1 + np.exp(-forget)) + np.tanh(candidate) / (1 + np.exp(-enter))
            inputs = np.tanh(cell) / (1 + np.exp(-leave))
            state[layer] = [inputs, cell]
        if "projection" in arrays:
            inputs = inputs @ arrays["projection"]
        logits = arrays.get("output/kernel", arrays["embedding"]) @ inputs + arrays["output/bias"]
        losses.append(np.log(np.exp(logits).sum()) - logits[target])
        token = target
    return float(np.exp(np.mean(losses)))


def test_a_model_directory_has_the_same_perplexity_elsewhere(model: Path) -> None:
    (path,) = model.glob("weights-*.safetensors")
    arrays, words, trained = load_file(path), described(model)["words"], load_model(model)
    assert described(model)["parameters"]["hidden_units"] == 24
    stream = np.random.default_rng(1).integers(0, len(trained.vocabulary), 300).astype(np.int32)
    losses = negative_log_likelihoods(Network(trained.weights), stream, trained.vocabulary.first)
    expected = score_of(trained.vocabulary, stream, losses).perplexity
    assert perplexity(arrays, stream.tolist(), words.index("<eos>")) == pytest.approx(expected, rel=1e-4)


def test_a_page_holds_model_opening_and_scripts_and_names_no_address(model: Path, tmp_path: Path) -> None:
    scene, out = tmp_path / "scene.txt", tmp_path / "write.html"
    scene.write_text("ANNA. </textarea><script>\n")
    done = run_trainer(["export", model, "--out", out, "--title", "A <play>", "--author", "A. B.", "--continue", scene])
    assert (done.returncode, done.stdout) == (0, f"Wrote {out}\n")
    assert "MB; it works in a browser, without a network" in done.stderr
    page = out.read_text()
    assert "<title>A &lt;play&gt;</title>" in page
    assert "ANNA. &lt;/textarea&gt;&lt;script&gt;</textarea>" in page
    assert not re.search(r"\b(src|href)=|https?:|@import", page)


def test_each_weight_of_a_page_is_within_half_a_step_of_the_model(model: Path) -> None:
    trained = load_model(model)
    arrays = quantised(trained)
    for name, weights in trained.weights.items():
        if weights.ndim > 1:
            rows = weights if name == "embedding" else weights.T
            scales = arrays[f"{name}/scales"][:, np.newaxis]
            assert arrays[name].dtype == np.int8
            assert (np.abs(arrays[name] * scales - rows) <= 0.501 * scales).all()


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "{model}/model.json"],
        ["--out", "{model}"],
        ["--out", "{model}/../x.pdf"],
        ["--out", "{model}/../x.fountain"],
        ["--out", "{model}/../x.safetensors"],
        ["--continue", "none"],
    ],
)
def test_an_export_that_cannot_be_is_one_line(words: list[str], model: Path) -> None:
    before = (model / "model.json").read_bytes()
    arguments = [word.format(model=model) for word in words]
    done = run_trainer(["export", model, "--out", "x.html", *arguments])
    assert done.returncode in (2, 3)
    assert done.stderr.count("\n") == 1
    assert (model / "model.json").read_bytes() == before
