"""The judge command: figures of a script or of a model's samples beside held-out text of a corpus, and a verdict."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.corpus.given import is_rendered, rendered_tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.requests import require_limits
from scriptmodel_trainer.generation.sampling import TAKES, Sampling
from scriptmodel_trainer.generation.writer import writer_of
from scriptmodel_trainer.judging.copies import Copies, KnownSentences, stored_sentences
from scriptmodel_trainer.judging.figures import MEANING, mean_figures, shown
from scriptmodel_trainer.judging.reference import reference_of
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import finite
from scriptmodel_trainer.storage.records import SCENES

_SHORT = 200
"""Words; figures of a shorter text say little."""


def judge(
    subject: Path,
    data: Sequence[Path],
    layout: str,
    samples: int,
    words: int,
    seed: int,
    as_json: bool,
    split: str | None,
    progress: Progress,
) -> str:
    """Return the verdict on a script, or on samples of a model, as a line of JSON or as readable text.

    `samples`, `words` and `seed` are for a model alone.
    """
    require_limits(words, samples, seed, most=100)
    if layout == layouts.PLAIN:
        hint = "leave out --layout, or name another one"
        raise BadInputError("the judge compares speeches and directions, which layout plain does not recognise", hint)
    model = model_directory.load_model(subject, judged=True) if subject.is_dir() else None
    if model and model.vocabulary.plain:
        message = f"{subject} was trained on plain text, and the judge compares speeches and directions"
        raise BadInputError(message, "judge a model that was trained on plays")
    known = stored_sentences(model, subject) if model and model.origin.base else None
    if model:
        writer, sampling = writer_of(model), Sampling(takes=TAKES)
        texts = [writer.write(words, sampling, (seed, sample), Opening()).tokens for sample in range(samples)]
    else:
        texts = [_tokens(subject, layout, progress)]
    sources = reading.find_sources(data, progress.note)
    split = split or (model.origin.corpus.split if model else SCENES)
    corpus = stream.read_corpus(sources, layouts.layout_named(layout), progress.note, split)
    if corpus.doubt:
        progress.report(Warned("not_scripts", corpus.doubt))
    report = _report(texts, corpus, known)
    if (judged := report["figures"]["words"]) < _SHORT:
        text = f"the text has {judged} words: figures of fewer than {_SHORT} say little"
        progress.report(Warned("short_text", text))
    return json.dumps(finite(report)) if as_json else _table(report)


def _tokens(script: Path, layout: str, progress: Progress) -> list[str]:
    (source,) = reading.find_sources([script], progress.note)
    if is_rendered(reading.sample_lines(source)):
        return rendered_tokens(reading.read_lines(source))
    whole = stream.read_whole([source], layouts.layout_named(layout))
    return [whole.lexicon[number] for number in whole.ids.tolist()]


def _report(texts: Sequence[Sequence[str]], corpus: stream.TokenStream, base: KnownSentences | None) -> dict[str, Any]:
    """Return verdict and figures; the text that a base has learned from is known, too."""
    reference = reference_of(corpus, base)
    if reference is None:
        raise BadInputError("the corpus is too small to hold out text to compare with", "add scripts to --data")
    figures = mean_figures([reference.figures(tokens) for tokens in texts])
    return {
        **dataclasses.asdict(reference.verdict(*texts)),
        "samples": len(texts),
        "figures": dataclasses.asdict(figures),
        "held_out": dataclasses.asdict(reference.held_out),
        "copies": dataclasses.asdict(reference.sentences.copies(*texts)),
    }


def _table(report: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{name} {report[name]:.2f}" for name in ("originality", "variety", "order", "vocabulary", "turns")
    )
    rows = [
        f"{meaning:<48} {shown(report['figures'][name]):>9} {shown(report['held_out'][name]):>9}"
        for name, meaning in MEANING.items()
    ]
    head = f"{'':<48} {'text':>9} {'held out':>9}"
    return "\n".join(
        (
            f"Form:  {report['form']} ({report['form_score']:.2f}: {values})",
            f"Sense: {report['sense']} ({report['sense_score']:.2f})",
            head,
            *rows,
            f"Copied: {Copies(**report['copies'])}",
        )
    )
