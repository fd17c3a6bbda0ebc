"""The page `report.html`: corpus, settings, quality and samples; one self-contained file."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable

from scriptmodel_trainer.artifacts import TrainedModel
from scriptmodel_trainer.controls import escaped
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Opening
from scriptmodel_trainer.presets import PRESETS
from scriptmodel_trainer.records import ClassScore, Score
from scriptmodel_trainer.reporting.judge_section import judge_section
from scriptmodel_trainer.reporting.style import STYLE
from scriptmodel_trainer.reporting.training_section import circumstances, training_section
from scriptmodel_trainer.splitting import SCENES

_TEMPERATURES = (0.5, 0.8, 1.0)
_SAMPLE_WORDS = 160
_CLASSES = {
    "word": "words",
    "name": "who speaks",
    "ender": "ends of sentences",
    "marker": "brackets and quotes",
    "unknown": "rare words, as one",
}
_SPEECH = re.compile(r"\[ (?P<name>[^\]]+) \]: (?P<text>.*)")


def render_report(model: TrainedModel) -> str:
    """Return the whole page as HTML."""
    title = f"Script model “{model.origin.preset_name}”"
    sections = (
        _summary(model),
        _section("Training", _training(model)),
        _section("Where it is sure and where it guesses", _classes(model.metrics.test)),
        _section("The corpus", _corpus(model)),
        _section("What it writes", _written(model)),
        _section("How to repeat it", _recipe(model)),
    )
    lead = (
        f"Test perplexity <strong>{_number(model.metrics.perplexity.test)}</strong>: on unseen text the model "
        "hesitates, on average, as if it had to choose among that many equally likely words."
    )
    return escaped(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><p class='eyebrow'>scriptmodel-trainer</p><h1>{html.escape(title)}</h1>"
        f"<p class='lead'>{lead}</p></header>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>" if body else ""


def _summary(model: TrainedModel) -> str:
    metrics, perplexity = model.metrics, model.metrics.perplexity
    entries: tuple[tuple[str, str], ...] = (
        ("Test perplexity", _number(perplexity.test)),
        ("Validation", _number(perplexity.valid)),
        ("Training", _number(perplexity.train)),
        ("Best epoch", f"{metrics.best_epoch} of {len(metrics.epochs)}"),
        ("Weights", f"{model.size:,}"),
        ("Vocabulary", f"{len(model.vocabulary):,}"),
        ("Training tokens", f"{metrics.tokens['train']:,}"),
        ("Time", _duration(metrics.seconds)),
    )
    if metrics.test is not None and metrics.test.nats_per_character is not None:
        entries = (*entries, ("Nats per character, test", f"{metrics.test.nats_per_character:.3f}"))
    if model.trigrams:
        entries = (*entries, ("Share of trigrams", f"{model.trigrams.share:.0%}"))
    cards = "".join(f"<div class='card'><dt>{name}</dt><dd>{value}</dd></div>" for name, value in entries)
    return f"<dl class='cards'>{cards}</dl>"


def _training(model: TrainedModel) -> str:
    metrics = model.metrics
    return training_section(metrics.epochs, metrics.best_epoch, model.origin.preset, circumstances(metrics))


def _classes(test: Score | None) -> str:
    if test is None or not test.by_class:
        return ""
    highest = max(map(_log_perplexity, test.by_class.values()))
    rows = []
    for name, entry in sorted(test.by_class.items(), key=lambda item: -item[1].tokens):
        share = _log_perplexity(entry) / highest
        bar = f"<span class='bar' style='width:{share:.1%}'></span>"
        rows.append(
            f"<tr><th scope='row'>{html.escape(_CLASSES.get(name, name))}</th><td>{entry.tokens:,}</td>"
            f"<td>{_number(entry.perplexity)}</td><td class='wide'>{bar}</td></tr>"
        )
    head = "<tr><th>class</th><th>tokens</th><th>perplexity</th><th class='wide'>on a logarithmic scale</th></tr>"
    return f"<table class='classes'><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _log_perplexity(entry: ClassScore) -> float:
    """Positive, so that a bar can be drawn as long as a share of the longest."""
    return math.log(max(entry.perplexity, 1.0001)) if math.isfinite(entry.perplexity) else math.log(1.0001)


def _corpus(model: TrainedModel) -> str:
    corpus = model.origin.corpus
    summary, understood = corpus.summary, model.metrics.understood
    layouts = ", ".join(f"{name} ({count})" for name, count in corpus.layouts.items())
    facts = [
        ("Files", f"{corpus.files:,}"),
        ("Layouts", html.escape(layouts)),
        ("Tokens", ", ".join(f"{count:,} {name}" for name, count in model.metrics.tokens.items())),
        ("Speeches", f"{summary.speeches:,} by {summary.speakers:,} speakers"),
        ("Expositions", f"{summary.expositions:,}"),
        *([("Understood", f"{understood:.0%} of the tokens")] if understood is not None else []),
    ]
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in facts)
    lists = _chips("Most frequent words of four letters and more", summary.frequent_words)
    lists += _chips("Who speaks most", summary.frequent_speakers)
    notes = "".join(f"<p class='note'>{html.escape(note)}</p>" for note in corpus.notes)
    return f"<table class='facts'><tbody>{rows}</tbody></table>{lists}{notes}"


def _chips(title: str, entries: Iterable[tuple[str, int]]) -> str:
    chips = "".join(
        f"<li>{html.escape(word.replace('_', ' '))}<small>{count:,}</small></li>" for word, count in entries
    )
    return f"<h3>{title}</h3><ul class='chips'>{chips}</ul>" if chips else ""


def _written(model: TrainedModel) -> str:
    writer = model.writer()
    scripts: dict[str, list[str]] = {}
    for temperature in _TEMPERATURES:
        try:
            script = writer.write(_SAMPLE_WORDS, Sampling(temperature), (model.origin.seed, 0), Opening())
        except BadInputError as error:  # a model of almost nothing cannot write; the page says so
            return f"<p class='note'>{html.escape(error.line())}</p>"
        scripts[f"Temperature {temperature:g}"] = script.tokens
    parts = [
        f"<article class='script'><h3>{title}</h3>{_script_lines(writer.text(script))}</article>"
        for title, script in scripts.items()
    ]
    return f"<div class='scripts'>{''.join(parts)}</div>{judge_section(model.reference, scripts)}"


def _script_lines(text: str) -> str:
    return "".join(map(_script_line, text.splitlines()))


def _script_line(line: str) -> str:
    if match := _SPEECH.fullmatch(line):
        name = html.escape(match["name"])
        return f"<p class='speech'><b>{name}</b> {html.escape(match['text'])}</p>"
    if line.startswith("{{ ") and line.endswith(" }}"):
        return f"<p class='exposition'>{html.escape(line[3:-3])}</p>"
    return f"<p>{html.escape(line)}</p>"


def _recipe(model: TrainedModel) -> str:
    origin = model.origin
    command = (
        f"scriptmodel-trainer train --data CORPUS --out MODEL_DIR --preset {origin.preset_name} --seed {origin.seed}"
    )
    layout = origin.corpus.layout
    command += f" --layout {layout}" if layout != "auto" else ""
    command += f" --split {origin.corpus.split}" if origin.corpus.split != SCENES else ""
    command += " --from BASE_MODEL_DIR" if origin.base else ""
    original = PRESETS.get(origin.preset_name, origin.preset)
    changed = [
        f"{field}={getattr(origin.preset, field)}"
        for field in origin.preset.__dataclass_fields__
        if getattr(origin.preset, field) != getattr(original, field)
    ]
    command += f" --set {' '.join(changed)}" if changed else ""
    settings = "".join(
        f"<tr><th scope='row'>{field}</th><td>{html.escape(str(getattr(origin.preset, field)))}</td></tr>"
        for field in origin.preset.__dataclass_fields__
    )
    made_with = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    base = f" from the base <code>{html.escape(origin.base.digest)}</code>" if origin.base else ""
    return (
        f"<pre>{html.escape(command)}</pre><p class='note'>on the corpus with the digest "
        f"<code>{html.escape(origin.corpus.digest)}</code>{base}; made with {html.escape(made_with)}.</p>"
        f"<details><summary>All settings</summary><table class='facts'><tbody>{settings}</tbody></table></details>"
    )


def _number(value: float) -> str:
    return "–" if not math.isfinite(value) else f"{value:,.1f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
