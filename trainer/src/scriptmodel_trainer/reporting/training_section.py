"""The section `Training` of the report: curves, the best epoch, overfitting, and what the model wrote meanwhile."""

from collections.abc import Sequence
from typing import Any

from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.storage.records import EpochRecord, Metrics
from scriptmodel_trainer.web.charts import Chart, Series

_PATIENCE = 2  # epochs after the best one; one alone may be chance
_RISE = 1.01  # of the validation perplexity


def training_section(
    epochs: Sequence[EpochRecord], best: int, preset: Preset, more: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the values of `training.html`: charts, their table, how to read them, and a line of script an epoch."""
    notes = [f"The weights of epoch {best} (marked) are kept: its validation perplexity is the best."]
    if preset.dropout or preset.word_dropout or preset.output_dropout:
        notes.append(
            "Training perplexity is measured with dropout while the weights change, validation perplexity without: "
            "so it may be the higher of the two."
        )
    else:
        notes.append(
            "Training perplexity is measured while the weights change, validation perplexity after each epoch."
        )
    notes += [*filter(None, [overfitting(epochs, best)]), *more]
    lines = [(epoch.epoch, epoch.sample.replace("_", " ")) for epoch in epochs]
    return {
        "charts": _charts(epochs, best),
        "notes": notes,
        "lines": lines if any(line for _, line in lines) else [],
        "best": best,
        "figures": [
            (each.epoch, each.train_perplexity, each.valid_perplexity, each.learning_rate, each.words_per_second)
            for each in epochs
        ],
    }


def circumstances(metrics: Metrics) -> list[str]:
    """Return sentences on why training ended before its last epoch, on restarts, and on the device."""
    notes = []
    if metrics.stopped_by == "budget":
        notes.append("The budget of seconds ended the training; a raised one continues it if its state was kept.")
    if metrics.stopped_by == "early-stopping":
        after = len(metrics.epochs) - metrics.best_epoch
        notes.append(
            f"Early stopping ended the training: {after} epochs did not improve on epoch {metrics.best_epoch}."
        )
    if metrics.restarts:
        times = "once" if metrics.restarts == 1 else f"{metrics.restarts} times"
        notes.append(f"The training was restarted {times} and continued from its saved state.")
    if metrics.device and metrics.device.name:
        memory = metrics.device.memory_bytes
        size = f" with {memory / 2**30:.0f} GiB" if memory else ""
        notes.append(f"Trained on {metrics.device.name} ({metrics.device.kind.upper()}){size} in {metrics.precision}.")
    return notes


def overfitting(epochs: Sequence[EpochRecord], best: int) -> str:
    """Return a sentence if the model overfits, else an empty text.

    It does if for at least two epochs after the best one validation perplexity stayed above it and ended at least 1 %
    higher, while training perplexity fell.
    """
    after = epochs[best:]
    if len(after) < _PATIENCE:
        return ""
    train = [epoch.train_perplexity for epoch in epochs[best - 1 :]]
    valid = [epoch.valid_perplexity for epoch in epochs[best - 1 :]]
    if not (train[-1] < train[0] and min(valid[1:]) > valid[0] and valid[-1] >= _RISE * valid[0]):
        return ""
    return (
        f"The model overfits after epoch {best}: in the {len(after)} epochs since, validation perplexity rose from "
        f"{valid[0]:,.1f} to {valid[-1]:,.1f} while training perplexity fell from {train[0]:,.1f} to {train[-1]:,.1f}. "
        "Fewer epochs, more dropout or more text may help."
    )


def _charts(epochs: Sequence[EpochRecord], best: int) -> list[Chart]:
    train = Series("training", "one", [epoch.train_perplexity for epoch in epochs])
    valid = Series("validation", "two", [epoch.valid_perplexity for epoch in epochs])
    rate = Series("learning rate", "three", [epoch.learning_rate for epoch in epochs])
    speed = Series("words/s", "four", [epoch.words_per_second for epoch in epochs])
    perplexity = "Perplexity by epoch (logarithmic)"
    return [
        Chart(perplexity, [train, valid], size=(640, 470), logarithmic=True, marked=best),
        Chart("Learning rate at the end of each epoch", [rate], size=(380, 186)),
        Chart("Words a second", [speed], size=(380, 186)),
    ]
