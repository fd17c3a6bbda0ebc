"""The generate command: scripts into files, and a record of what made them."""

import dataclasses
import glob
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.trials import model_folder
from scriptmodel_trainer.corpus.given import GivenText
from scriptmodel_trainer.corpus.tokens import OPEN_EXPOSITION, OPEN_NAME
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.requests import note_unknown, require_limits
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Script, Writer, writer_of
from scriptmodel_trainer.judging.copies import KnownSentences, stored_sentences
from scriptmodel_trainer.judging.reference import stored_reference
from scriptmodel_trainer.progress.events import FileWritten
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.suffixes import SUFFIXES, TEXT
from scriptmodel_trainer.storage.files import json_bytes, prepare_folder, require_file, write_file


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The generate command's options, checked; without `out` the scripts are returned only.

    `record` is where the description of what made the scripts goes, None for nowhere. With `only_new` a script leaves
    out the text that it continues. Each of some
    `formats` has its suffix in place of that of `out`. The file that is `continued` is not overwritten.
    """

    model: Path
    words: int
    sampling: Sampling
    seed: int
    opening: Opening
    samples: int
    out: Path | None
    record: Path | None = None
    only_new: bool = False
    formats: tuple[str, ...] = (TEXT,)
    continued: str | None = None
    title: str = ""
    author: str = ""
    no_copies: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A script in the first of its formats, and as plain text what follows the text that it continues.

    `copied` says how much of all scripts of the command is copied; empty if the model does not know.
    """

    text: str
    new: str
    copied: str = ""


def generate(options: GenerateOptions, progress: Progress) -> list[Sheet]:
    """Write `samples` scripts; returns them.

    Sample i of a seed is the same whatever `samples` is.
    """
    check(options)
    started = time.monotonic()
    folder = model_folder(options.model)
    model = model_directory.load_model(folder, judged=True)
    _prepare(options)
    known = stored_sentences(model, folder)
    reference = stored_reference(model, folder) if options.record else None
    if options.no_copies and known is None:
        raise BadInputError("the model has no sentences of its training text", "train it again, or omit --no-copies")
    writer = writer_of(model)
    note_unknown(writer, options.opening, progress)
    scripts = _scripts(options, writer, known if options.no_copies else None)
    new = [script.tokens[script.given :] for script in scripts]
    verdicts = [reference.verdict(tokens) if reference else None for tokens in new]
    texts = [_texts(options, writer, script) for script in scripts]
    printed = [
        _printed(options, model, text, spoken, number, len(scripts))
        for number, (text, spoken, _) in enumerate(texts, 1)
    ]
    if options.out is not None:
        entries = []
        for number, (script, (text, *_), sheets) in enumerate(zip(scripts, texts, printed, strict=True), 1):
            files = dict(zip(sample_paths(options.out, number, options.formats), sheets, strict=True))
            entries.append(_store(files, count_pieces(text), script, progress))
        for entry, verdict, tokens in zip(entries, verdicts, new, strict=True):
            if known:
                entry["copies"] = dataclasses.asdict(known.copies(tokens))
            if verdict:
                entry["score"] = dataclasses.asdict(verdict)
        if options.record is not None:
            record = _record(options, model, entries, time.monotonic() - started)
            if folder != options.model:
                record["model"]["run"] = folder.name
            write_file(options.record, json_bytes(record))
            progress.report(FileWritten(options.record, None))
    copied = str(known.copies(*new)) if known else ""
    return [Sheet(sheets[0], new, copied) for sheets, (*_, new) in zip(printed, texts, strict=True)]


def _texts(options: GenerateOptions, writer: Writer, script: Script) -> tuple[str, str, str]:
    """Return a script as plain text, as what the other formats are made from, and what follows the text it continues.

    Plain text is set like the text that it continues. New words that continue a speech of that are that speech in the
    other formats.
    """
    text = writer.text(script.tokens[script.given if options.only_new else 0 :])
    name = _continued_name(script) if options.only_new else ""
    spoken = f"[ {name} ]: {text}" if name else text
    typography = writer.typography(options.opening.text)
    if typography is None:
        return text, spoken, writer.text(script.tokens[script.given :])
    added = typography.text(writer.added(script))
    whole = added.lstrip() if options.only_new else options.opening.text.rstrip() + added
    return whole, typography.named(spoken), added.lstrip()


def _continued_name(script: Script) -> str:
    """Return who speaks where the new words continue a speech of the given text; "" where they begin another line."""
    begun = script.tokens[script.given : script.given + 1]
    speakers = GivenText(tuple(script.tokens[: script.given])).speakers
    return speakers[0].replace("_", " ") if speakers and begun and begun[0] not in (OPEN_NAME, OPEN_EXPOSITION) else ""


def _printed(
    options: GenerateOptions, model: model_directory.TrainedModel, text: str, spoken: str, number: int, count: int
) -> list[str]:
    """Return a script in each of the formats, with a first page that is enough to find it again."""
    if options.formats == (TEXT,):
        return [text]
    from scriptmodel_trainer.reporting.formats import FORMATS, TitlePage  # noqa: PLC0415  # slow to load, as layouts are

    corpus, sample = model.origin.corpus.files, f", sample {number}" if count > 1 else ""
    made = f"{corpus} script{'' if corpus == 1 else 's'}"
    drawn = f"temperature {options.sampling.temperature:g}, seed {options.seed}{sample}"
    page = TitlePage(options.title or "A new script", f"A model of {made}, {drawn}", options.author)
    return [FORMATS[each](text if each == TEXT else spoken, page) for each in options.formats]


def check(options: GenerateOptions) -> None:
    """Raise BadInputError if options are out of range or exclude each other."""
    require_limits(options.words, options.samples, options.seed, most=1000)
    if options.out is None and options.formats != (TEXT,) and options.samples > 1:
        message = f"standard output holds one script of the format {options.formats[0]}"
        raise BadInputError(message, "name a file with --out, or leave out --samples")


def _scripts(options: GenerateOptions, writer: Writer, refused: KnownSentences | None) -> list[Script]:
    """Return all samples, without sentences that are refused."""
    is_copy = (lambda tokens: bool(refused.copies(tokens).copied)) if refused else None
    seeds = [(options.seed, sample) for sample in range(options.samples)]
    return [writer.write(options.words, options.sampling, seed, options.opening, is_copy) for seed in seeds]


def _prepare(options: GenerateOptions) -> None:
    """Check that all files can be stored, and that none of them belongs to a model, before anything is written."""
    if options.out is None:
        if options.record is not None:
            raise BadInputError("--record needs --out", "give both or neither")
        return
    samples = range(1, options.samples + 1)
    paths = [path for sample in samples for path in sample_paths(options.out, sample, options.formats)]
    folder = Path(os.path.realpath(options.model))
    if options.record is not None and os.path.realpath(options.record) in map(os.path.realpath, paths):
        raise BadInputError(f"{options.record} is the name of a script and of its record", "give another name")
    for option, path in (*(("--out", path) for path in paths), ("--record", options.record)):
        if path is None:
            continue
        if options.continued and os.path.realpath(path) == os.path.realpath(options.continued):
            raise BadInputError(f"{option} {path} would replace the scene to continue", "give another name")
        if folder in Path(os.path.realpath(path)).parents:
            raise BadInputError(f"{option} {path} lies in the model directory", "choose a place outside of it")
        model_directory.protect(path, option=option)
        require_file(path)
        prepare_folder(path.parent, [glob.escape(path.name)])


def sample_paths(out: Path, sample: int, formats: Sequence[str]) -> list[Path]:
    """Return the paths of a sample in each format: `out` itself for one format, else with the suffixes of all.

    `new_script.txt` is that of the first sample, `new_script.2.txt` that of the second, and so on.
    """
    outs = [out] if len(formats) == 1 else [out.with_suffix(SUFFIXES[name]) for name in formats]
    return [each if sample == 1 else each.with_name(f"{each.stem}.{sample}{each.suffix}") for each in outs]


def _store(files: Mapping[Path, str], words: int, script: Script, progress: Progress) -> dict[str, Any]:
    """Write a script in each of its formats; returns what the record says of it, with the digest of the first file."""
    contents = {path: sheet.encode("utf-8", errors="replace") for path, sheet in files.items()}
    for path, content in contents.items():
        write_file(path, content)
        progress.report(FileWritten(path, words))
    path, content = next(iter(contents.items()))
    digest = hashlib.sha256(content).hexdigest()
    entry: dict[str, Any] = {"file": path.name, "words": words, "tokens": len(script.tokens), "sha256": digest}
    if script.cast.names:
        entry["cast"] = {"names": script.cast.names, "play": script.cast.play, "voices": script.cast.voices}
    return entry


def _record(
    options: GenerateOptions,
    model: model_directory.TrainedModel,
    entries: list[dict[str, Any]],
    seconds: float,
) -> dict[str, Any]:
    """Return what made the scripts: enough to make them again with the same model."""
    return {
        "schema": 1,
        "samples": entries,
        "words": options.words,
        "sampling": dataclasses.asdict(options.sampling),
        "seed": options.seed,
        "prompt": options.opening.prompt,
        "speaker": options.opening.speaker,
        **({"scene": options.opening.scene} if options.opening.scene else {}),
        **({"continued": options.opening.text} if options.opening.text else {}),
        "model": {
            "preset": model.origin.preset_name,
            "seed": model.origin.seed,
            "corpus": model.origin.corpus.digest or None,
            "perplexity": msgspec.to_builtins(model.metrics.perplexity),
        },
        "versions": model_directory.versions(),
        "seconds": round(seconds, 3),
    }
