"""The page `report.html`: corpus, settings, quality and samples; one self-contained file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.artifacts.trials import TrialRun
from scriptmodel_trainer.corpus.given import rendered_event
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import TAKES, Sampling
from scriptmodel_trainer.judging.figures import MEANING, shown
from scriptmodel_trainer.judging.reference import NO_FIGURES, Reference
from scriptmodel_trainer.model.presets import AUTO, KEYS, PRESETS
from scriptmodel_trainer.reporting.search_section import search_section
from scriptmodel_trainer.reporting.templating import number, render
from scriptmodel_trainer.reporting.training_section import circumstances, training_section
from scriptmodel_trainer.storage.controls import escaped
from scriptmodel_trainer.storage.records import SCENES, ClassScore, Score

_WORDS = 250  # of the script of a report
_CLASSES = {
    "word": "words",
    "name": "who speaks",
    "ender": "ends of sentences",
    "marker": "brackets and quotes",
}


def render_report(model: TrainedModel, runs: Sequence[TrialRun] = ()) -> str:
    """Return the page as HTML; `runs` are those of the search that the model is the best of."""
    metrics, origin = model.metrics, model.origin
    page = render(
        "report.html",
        title=f"Script model “{model.preset_title}”",
        model=model,
        cards=_cards(model),
        training=training_section(metrics.epochs, metrics.best_epoch, origin.preset, circumstances(metrics)),
        search=search_section(runs),
        classes=_classes(metrics.test),
        corpus=_corpus(model),
        written=_written(model),
        command=_command(model),
        settings=[(field, getattr(origin.preset, field)) for field in origin.preset.__dataclass_fields__],
    )
    return escaped(page)


def _cards(model: TrainedModel) -> Iterator[tuple[str, str]]:
    metrics, perplexity = model.metrics, model.metrics.perplexity
    yield "Test perplexity", number(perplexity.test)
    yield "Validation", number(perplexity.valid)
    yield "Training", number(perplexity.train)
    yield "Best epoch", f"{metrics.best_epoch} of {len(metrics.epochs)}"
    yield "Weights", f"{model.size:,}"
    yield "Vocabulary", f"{len(model.vocabulary):,}"
    yield "Words and marks read", f"{metrics.tokens['train']:,}"
    yield "Time", _duration(metrics.seconds)
    if metrics.test is not None and metrics.test.nats_per_character is not None:
        yield "Surprise at a letter, test", f"{metrics.test.nats_per_character:.3f}"
    if model.trigrams:
        yield "Share of trigrams", f"{model.trigrams.share:.0%}"


def _classes(test: Score | None) -> list[tuple[str, ClassScore, str]]:
    """Return title, score and length of the bar of each class, the largest class first."""
    by_class = test.by_class if test else {}
    highest = max(map(_log_perplexity, by_class.values()), default=1.0)
    return [
        (_CLASSES.get(name, name), entry, f"{_log_perplexity(entry) / highest:.1%}")
        for name, entry in sorted(by_class.items(), key=lambda item: -item[1].tokens)
    ]


def _log_perplexity(entry: ClassScore) -> float:
    """Positive, so that a bar can be drawn as long as a share of the longest."""
    return math.log(max(entry.perplexity, 1.0001)) if math.isfinite(entry.perplexity) else math.log(1.0001)


def _corpus(model: TrainedModel) -> Iterator[tuple[str, str]]:
    corpus, summary = model.origin.corpus, model.origin.corpus.summary
    yield "Files", f"{corpus.files:,}"
    yield "Layouts", ", ".join(f"{name} ({count})" for name, count in corpus.layouts.items())
    yield "Words and marks", ", ".join(f"{count:,} {name}" for name, count in model.metrics.tokens.items())
    yield "Speeches", f"{summary.speeches:,} by {summary.speakers:,} speakers"
    yield "Expositions", f"{summary.expositions:,}"
    if model.metrics.understood is not None:
        yield "Understood", f"{model.metrics.understood:.0%} of the words and marks"


def _written(model: TrainedModel) -> dict[str, Any]:
    """Return the values of `scripts.html`: a script, and what the judge finds."""
    try:
        writer = model.writer()
        (script,) = writer.write_together(_WORDS, Sampling(takes=TAKES), [(model.origin.seed, 0)], Opening())
    except BadInputError as error:  # a model of almost nothing cannot write; the page says so
        return {"script": [], "judged": [], "note": error.line()}
    return {
        "script": map(_script_line, writer.text(script.tokens).splitlines()),
        "judged": _judged(model.reference, script.tokens) if model.reference else [],
        "note": None if model.reference else f"{NO_FIGURES.capitalize()}.",
    }


def _judged(reference: Reference, script: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the rows of a table: titles, the verdict on a script, and each figure."""
    columns = (reference.figures(script), reference.held_out)
    return [
        ("", "This script", "Held-out text"),
        ("how near to held-out text (0 to 1)", str(reference.verdict(script)), ""),
        *(
            (meaning, *(shown(getattr(column, name)) for column in columns))
            for name, meaning in MEANING.items()
            if name != "longest_copy"
        ),
    ]


def _script_line(line: str) -> tuple[str, str, str]:
    """Return kind, name and text of a line of a script."""
    if event := rendered_event(line):
        return event.kind.value, event.speaker, event.text.strip()
    return "verse" if line[:1] == " " else "", "", line


def _command(model: TrainedModel) -> str:
    """Return the command that trains such a model again."""
    origin, preset, choice = model.origin, model.origin.preset, model.metrics.auto
    name = AUTO if choice else origin.preset_name
    command = f"scriptmodel-trainer train --data CORPUS --out MODEL_DIR --preset {name} --seed {origin.seed}"
    command += f" --minutes {choice.minutes / choice.pace:.9g}" if choice and choice.minutes else ""
    layout, split = origin.corpus.layout, origin.corpus.split
    command += f" --layout {layout}" if layout != "auto" else ""
    command += f" --split {split}" if split != SCENES else ""
    command += " --from BASE_MODEL_DIR" if origin.base else ""
    usual = asdict(PRESETS.get(origin.preset_name, preset)) | dict(choice.settings if choice else {})
    changed = [f"{key}={getattr(preset, key)}" for key in KEYS if getattr(preset, key) != usual[key]]
    return command + (f" --set {' '.join(changed)}" if changed else "")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
