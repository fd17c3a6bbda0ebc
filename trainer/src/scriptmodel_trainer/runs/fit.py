"""The second step of the train command: trains the network of a run."""

import dataclasses
from collections.abc import Callable, Mapping

from scriptmodel_trainer.evaluation.perplexity import scored
from scriptmodel_trainer.generation.log_lines import sample_line
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.spelling import without_unseen
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.training.fine_tuning import weights_after
from scriptmodel_trainer.training.run import Run, TrainingResult
from scriptmodel_trainer.training.stopping import StopSignals

_SHARES = (0.25, 0.5, 0.75, 1.0)  # of what was learned beyond a base


def fit(run: Run, progress: Progress, signals: StopSignals) -> tuple[Run, TrainingResult]:
    """Train the network of a run, from its saved state; returns the run as this machine trains it, and the result."""
    options, vocabulary, base = run.options, run.vocabulary, run.options.base
    hardware.load_tensorflow(options.seed)
    preset = _for_this_machine(options.preset)
    if options.preset.precision == "bfloat16" and not hardware.bfloat16_is_faster():
        progress.note("precision=bfloat16: float32 trains faster on this processor")
    from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

    run = dataclasses.replace(
        run,
        options=dataclasses.replace(options, preset=preset),
        starts_from=weights_after(base.model, vocabulary) if base else None,
        letter_ngrams=letter_ngrams_of(vocabulary.words, preset.letter_ngrams, preset.optimizer),
        device=hardware.device(),
        sample=sample_line(vocabulary, options.seed, Sampling(), preset.softmax_cutoff),
    )
    result = loop.fit(run, progress, signals)
    if base and base.model.card and run.corpus.holds_out and run.starts_from:
        result = _blended(run, run.starts_from, result, progress)
    read = base.model.weights["embedding"] if base else None
    result = dataclasses.replace(result, weights=without_unseen(result.weights, run.splits["train"], read))
    return run, result


def _blended(run: Run, start: Mapping[str, Floats], result: TrainingResult, progress: Progress) -> TrainingResult:
    """Return the result with as much of what was learned as the validation split calls for."""

    def loss(weights: dict[str, Floats]) -> float:
        network = Network(weights, run.vocabulary.document, cutoff=run.options.preset.softmax_cutoff)
        return float(scored(network, run.splits["valid"], run.vocabulary.first).losses(None).mean())

    weights, share = blended(start, result.weights, loss)
    progress.note(f"validation keeps {share:.0%} of what was learned beyond the base")
    return dataclasses.replace(result, weights=weights)


def _for_this_machine(preset: Preset) -> Preset:
    """Replace precision=auto by the one that is faster on this machine."""
    if preset.precision != "auto":
        return preset
    return dataclasses.replace(preset, precision=hardware.faster_precision())


def blended(
    base: Mapping[str, Floats], trained: Mapping[str, Floats], loss: Callable[[dict[str, Floats]], float]
) -> tuple[dict[str, Floats], float]:
    """Return the best mixture of two networks' weights by their loss, and its share of the trained ones.

    The base alone is among them, so a training that overfits does no harm. Source: Wortsman et al., "Robust fine-tuning
    of zero-shot models" (arXiv:2109.01903).
    """
    best, least, kept = dict(base), loss(dict(base)), 0.0
    for share in _SHARES:
        mixed = {name: (1 - share) * base[name] + share * weights for name, weights in trained.items()}
        if (found := loss(mixed)) < least:
            best, least, kept = mixed, found, share
    return best, kept
