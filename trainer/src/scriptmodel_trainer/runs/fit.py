"""The second step of the train command: trains the network of a run."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from scriptmodel_trainer.evaluation.perplexity import scored
from scriptmodel_trainer.generation.log_lines import sample_line
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.spelling import without_unseen
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.runs.prepare import Run
from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.training.blending import blended
from scriptmodel_trainer.training.checkpoints import Checkpoint, Checkpoints
from scriptmodel_trainer.training.fine_tuning import weights_after
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.task import TrainingResult, TrainingTask


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a run: where its checkpoints are, and the one that it continues from."""

    run: Run
    store: Checkpoints
    saved: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A run and the network that it trained."""

    run: Run
    task: TrainingTask
    result: TrainingResult
    tensorflow: str


def fit(attempt: Attempt, progress: Progress, signals: StopSignals) -> Fitted:
    """Train the network of a run, from its newest saved state."""
    run = attempt.run
    options, vocabulary, base = run.options, run.vocabulary, run.options.base
    words = run.splits["train"]
    tensorflow = hardware.load_tensorflow(options.seed)
    preset = _for_this_machine(options.preset)
    if options.preset.precision == "bfloat16" and not hardware.bfloat16_is_faster():
        progress.note("precision=bfloat16: float32 trains faster on this processor")
    from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

    task = TrainingTask(
        preset_name=options.preset_name,
        preset=preset,
        vocabulary=len(vocabulary),
        train=words,
        valid=run.splits["valid"],
        tokens={name: len(ids) for name, ids in run.splits.items()},
        first=vocabulary.first,
        document=vocabulary.document,
        seed=options.seed,
        fingerprint=run.fingerprint,
        store=attempt.store,
        outlives=options.state is not None,
        saved=attempt.saved,
        checkpoint_seconds=options.checkpoint_seconds,
        sample=sample_line(vocabulary, options.seed, Sampling(), preset.softmax_cutoff),
        start=weights_after(base.model, vocabulary) if base else None,
        budget=options.budget,
        state=run.state,
        letter_ngrams=letter_ngrams_of(vocabulary.words, preset.letter_ngrams, preset.optimizer),
        device=hardware.device(),
        gpu_requested=options.gpu_requested,
        auto=options.auto,
    )
    result = loop.fit(task, progress, signals)
    if base and base.model.card and run.corpus.holds_out and task.start:
        result = _blended(task, task.start, result, progress)
    read = base.model.weights["embedding"] if base else None
    result = dataclasses.replace(result, weights=without_unseen(result.weights, words, read))
    return Fitted(run, task, result, tensorflow)


def _blended(
    task: TrainingTask, start: Mapping[str, Floats], result: TrainingResult, progress: Progress
) -> TrainingResult:
    """Return the result with as much of what was learned as the validation split calls for."""

    def loss(weights: dict[str, Floats]) -> float:
        network = Network(weights, task.document, cutoff=task.preset.softmax_cutoff)
        return float(scored(network, task.valid, task.first).losses(None).mean())

    weights, share = blended(start, result.weights, loss)
    progress.note(f"validation keeps {share:.0%} of what was learned beyond the base")
    return dataclasses.replace(result, weights=weights)


def _for_this_machine(preset: Preset) -> Preset:
    """Replace precision=auto by the one that is faster on this machine."""
    if preset.precision != "auto":
        return preset
    return dataclasses.replace(preset, precision=hardware.faster_precision())
