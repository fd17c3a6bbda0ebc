"""The page `report.html`: training, corpus, settings and a script with its figures; one self-contained file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import TAKES, Sampling
from scriptmodel_trainer.generation.writer import writer_of
from scriptmodel_trainer.judging.figures import MEANING, shown
from scriptmodel_trainer.judging.reference import NO_FIGURES, Reference, stored_reference
from scriptmodel_trainer.reporting.formats import parts_of
from scriptmodel_trainer.reporting.templating import number, render
from scriptmodel_trainer.storage.controls import escaped
from scriptmodel_trainer.web.training import Curve, Epoch

_WORDS = 250  # of the script of a report


def render_report(model: TrainedModel) -> str:
    """Return the page as HTML."""
    metrics, origin = model.metrics, model.origin
    epochs = (
        Epoch(each.epoch, each.train_perplexity, each.valid_perplexity, each.sample.replace("_", " "))
        for each in metrics.epochs
    )
    settings = {"preset": model.preset_title, "seed": origin.seed, "layout": origin.corpus.layout}
    settings |= {"split": origin.corpus.split, **({"base": origin.base.digest} if origin.base else {})}
    page = render(
        "report.html",
        title=f"Script model “{model.preset_title}”",
        model=model,
        cards=_cards(model),
        curve=Curve(tuple(epochs)),
        corpus=_corpus(model),
        written=_written(model),
        settings=(settings | asdict(origin.preset)).items(),
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
    if metrics.stopped_by in ("budget", "early-stopping"):
        yield "Ended by", "its budget" if metrics.stopped_by == "budget" else "early stopping"
    if metrics.restarts:
        yield "Restarts", str(metrics.restarts)
    if metrics.device and metrics.device.name:
        yield f"Trained in {metrics.precision} on", metrics.device.name


def _corpus(model: TrainedModel) -> Iterator[tuple[str, str]]:
    corpus, summary = model.origin.corpus, model.origin.corpus.summary
    yield "Files", f"{corpus.files:,}"
    yield "Layouts", ", ".join(f"{name} ({count})" for name, count in corpus.layouts.items())
    yield "Words and marks", ", ".join(f"{count:,} {name}" for name, count in model.metrics.tokens.items())
    yield "Speeches", f"{summary.speeches:,} by {summary.speakers:,} speakers"
    yield "Expositions", f"{summary.expositions:,}"
    if model.metrics.understood is not None:
        yield "Understood", f"{model.metrics.understood:.0%} of the words and marks"
    yield "Frequent words", _counted(summary.frequent_words)
    yield "Who speaks most", _counted(summary.frequent_speakers)
    yield "Digest", corpus.digest
    yield "Made with", ", ".join(f"{name} {version}" for name, version in model.origin.versions.items())


def _counted(words: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{word.replace('_', ' ')} {count:,}" for word, count in words)


def _written(model: TrainedModel) -> dict[str, Any]:
    """Return a script, and what the judge finds, or why there is neither."""
    try:
        writer = writer_of(model)
        script = writer.write(_WORDS, Sampling(takes=TAKES), (model.origin.seed, 0), Opening())
    except BadInputError as error:  # a model of almost nothing cannot write; the page says so
        return {"parts": [], "judged": [], "note": error.line()}
    reference = stored_reference(model)
    return {
        "parts": list(parts_of(writer.text(script.tokens))),
        "judged": _judged(reference, script.tokens) if reference else [],
        "note": None if reference else f"{NO_FIGURES.capitalize()}.",
    }


def _judged(reference: Reference, script: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the rows of a table: the verdict on a script, and each figure beside that of held-out text."""
    columns = (reference.figures(script), reference.held_out)
    return [
        ("how near to held-out text (0 to 1)", str(reference.verdict(script)), ""),
        *((meaning, *(shown(getattr(column, name)) for column in columns)) for name, meaning in MEANING.items()),
        (f"copied: {reference.sentences.copies(script)}", "", ""),
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
