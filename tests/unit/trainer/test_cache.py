"""The neural cache: one reader for generation and evaluation, whose probabilities sum to one."""

import json
from pathlib import Path

import numpy as np
import pytest
from constant_cache import ConstantCache
from random_models import SCRIPT, network
from running import run_trainer
from stepwise import negative_log_likelihoods, stepwise_negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.commands.evaluate import read_text, score
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.progress.listeners import progress_for

SETTINGS = ConstantCache(window=20, share=0.3, sharpness=5.0)
STREAM = np.random.default_rng(4).integers(0, len(SCRIPT), 200).astype(np.int32)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_cache_is_the_formula_of_the_paper_and_has_its_share_at_any_temperature(temperature: float) -> None:
    net = network(SCRIPT, 1, 0.5)
    net.cache = SETTINGS
    reader, state = Reader(net, temperature), net.initial_state()
    directions = []
    for time, token in enumerate(STREAM.tolist()):
        mixed = reader.read(token) / temperature
        features = net.step(state, token)
        directions.append(features / np.linalg.norm(features))
        logits = net.logits(features).astype(np.float64) / temperature
        expected = np.exp(logits) / np.exp(logits).sum()
        first = max(0, time - SETTINGS.window)
        if time:
            weights = np.exp([SETTINGS.sharpness * directions[past] @ directions[time] for past in range(first, time)])
            expected *= 1 - SETTINGS.share
            for past, weight in zip(range(first, time), weights / weights.sum(), strict=True):
                expected[STREAM[past + 1]] += SETTINGS.share * weight
        assert np.exp(mixed.astype(np.float64)) == pytest.approx(expected, abs=1e-5)
        assert np.exp(mixed.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_without_a_share_the_cache_changes_nothing() -> None:
    net = network(SCRIPT, 1, 0.5)
    alone = stepwise_negative_log_likelihoods(Reader(net), STREAM, 0)
    assert alone == pytest.approx(negative_log_likelihoods(net, STREAM, 0), abs=1e-4)
    net.cache = ConstantCache(share=0.0)
    assert stepwise_negative_log_likelihoods(Reader(net), STREAM, 0) == pytest.approx(alone, abs=1e-4)


def test_what_is_measured_is_what_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probabilities that a script was drawn from are those that evaluation gives to the same tokens."""
    net = network(SCRIPT, 2, 0.5)
    net.cache = SETTINGS
    drawn: list[np.ndarray] = []

    class Recording(Reader):
        def read(self, token: int) -> np.ndarray:
            drawn.append(super().read(token))
            return drawn[-1]

    monkeypatch.setattr("scriptmodel_trainer.generation.writer.Reader", Recording)
    script = Writer(net, SCRIPT).write(60, Sampling(1.0), (1, 0), Opening()).tokens
    ids = SCRIPT.encode(script)
    measured = negative_log_likelihoods(net, ids, SCRIPT.id_of("<eos>"))
    for logits, target, loss in zip(drawn, ids.tolist(), measured.tolist(), strict=False):
        wide = logits.astype(np.float64)
        assert np.log(np.exp(wide).sum()) - wide[target] == pytest.approx(loss, abs=1e-4)
    assert len(drawn) > 20


def test_the_cache_helps_on_text_that_repeats_itself(model: Path, tmp_path: Path) -> None:
    text = "\n\n".join(["**ANNA**  \nThe lamp zigzags over seven old harbours.  "] * 30)
    (tmp_path / "play.md").write_text(f"# A Play\n\n## ACT I\n\n{text}\n", "utf-8")
    static = json.loads(run_trainer(["evaluate", model, "--data", tmp_path, "--json"]).stdout)
    trained, progress = load_model(model), progress_for("text")
    cached = trained.network()
    cached.cache = ConstantCache()
    text = read_text(trained, [tmp_path], "auto", progress)
    assert score(trained.vocabulary, cached, text, progress).perplexity < static["perplexity"]
