"""Next lines of a scene, and centos: what `write` does with --next and --cento."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.commands.generate import GenerateOptions, Sheet, sample_paths
from scriptmodel_trainer.corpus.speeches import LONGEST, RealLine, real_lines, speeches_beside
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.quoting import Quotable
from scriptmodel_trainer.generation.replies import MOST, Replies, replies_of
from scriptmodel_trainer.generation.requests import note_unknown
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import write_file

_BEST = 3  # real lines, of which the seed of a scene draws one


def quoted_of(folder: Path, plays: Sequence[Path]) -> Sequence[RealLine]:
    """Return the real lines of some plays; BadInputError if they have none."""
    if lines := real_lines(speeches_beside(folder, plays)):
        return lines
    raise BadInputError("these plays have no lines to quote", "leave out --cento")


def check_lines(count: int | None, request: GenerateOptions) -> None:
    """Raise BadInputError unless so many next lines can be asked for, None for a cento."""
    if request.opening.prompt:
        raise BadInputError("next lines and centos begin with no --prompt", "write it into the scene")
    if count is None:
        return
    if not 1 <= count <= MOST:
        raise BadInputError(f"--next {count} must lie between 1 and {MOST}", parameter="next")
    if not request.opening.text:
        raise BadInputError("--next needs a scene", "name its file with --continue", parameter="next")


def next_lines(
    request: GenerateOptions, count: int, quoted: Sequence[RealLine] | None, progress: Progress
) -> list[str]:
    """Return the lines to print: numbered replies as the scene is set, best first, with the sources of real ones."""
    model = load_model(request.model)
    replies, sampling = replies_of(model), request.sampling
    note_unknown(replies.writer, dataclasses.replace(request.opening, speaker=""), progress)
    scene = replies.scene(request.opening, request.seed)
    quotable = Quotable(quoted, model.vocabulary) if quoted else None
    found = replies.found(scene, count, request.words, sampling, request.seed, quotable)
    shown = []
    for number, reply in enumerate(found, 1):
        line = reply.printed.strip("\n").replace("\n", "\n    ")
        shown.append(f"{number:2}  {line}")
        if quoted and reply.line is not None:
            shown.append(f"      -- {quoted[reply.line].source}")
    return shown


def cento(request: GenerateOptions, quoted: Sequence[RealLine]) -> list[Sheet]:
    """Write scenes of real lines into their files; returns them."""
    from scriptmodel_trainer.reporting.formats import FORMATS, TitlePage  # noqa: PLC0415  # slow to load, as layouts are

    model = load_model(request.model)
    replies, quotable = replies_of(model), Quotable(quoted, model.vocabulary)
    sheets = []
    for sample in range(request.samples):
        notes: dict[str, str] = {}
        given = request.opening.text.rstrip() or request.opening.scene
        text = given
        for printed, words, source in _scene(replies, request, sample, quotable):
            text += printed
            notes[words] = source
        plays = len({line.play for line in quoted})
        made = f"Real lines of {plays} play{'' if plays == 1 else 's'}, chosen by a model, seed {request.seed}"
        page = TitlePage(request.title or "A cento", made, request.author, notes)
        new = f"{text[len(given) :].lstrip()}\n"
        text = new if request.only_new else f"{text.lstrip()}\n"
        sheets.append(Sheet(text, new))
        paths = sample_paths(request.out or Path(), sample + 1, request.formats)
        for name, path in zip(request.formats, paths, strict=True):
            write_file(path, FORMATS[name](text, page).encode(errors="replace"))
    return sheets


def _scene(
    replies: Replies, request: GenerateOptions, sample: int, quotable: Quotable
) -> Iterator[tuple[str, str, str]]:
    """Yield speeches as they are set, their words alone, and their sources."""
    scene = replies.scene(request.opening, request.seed)
    random = np.random.default_rng((request.seed, sample))
    used: set[int] = set()
    left, speech = request.words, -1
    while True:
        found = replies.real(scene, _BEST, LONGEST, int(random.integers(1 << 31)), quotable, used, speech)
        found = [reply for reply in found if len(reply.printed.split()) <= left]
        if not found:
            return
        reply = found[int(random.integers(len(found)))]
        source, speech = "", -1
        if reply.line is not None:
            used.add(reply.line)
            line = quotable.lines[reply.line]
            source, speech = line.source, line.speech
        yield reply.printed, scene.typography.words(reply.text), source
        replies.said(scene, reply)
        left -= len(reply.printed.split())
