"""The write command: from plays to a script, with a model that is trained once and found again by its files."""

import dataclasses
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.artifacts import bases, model_directory
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.commands.generate import GenerateOptions, Sheet, check, generate
from scriptmodel_trainer.commands.next_lines import cento, check_lines, next_lines, quoted_of
from scriptmodel_trainer.commands.train import train
from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.speeches import SPEECHES, RealLine, Speech, speeches_beside, speeches_of
from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.errors import BadInputError, printable, program_name
from scriptmodel_trainer.generation.requests import Request
from scriptmodel_trainer.progress import events
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.formats import parts_of
from scriptmodel_trainer.reporting.suffixes import SUFFIXES
from scriptmodel_trainer.runs.prepare import CHOSEN
from scriptmodel_trainer.storage.files import as_write_error, read_bounded, write_file
from scriptmodel_trainer.storage.records import Choice
from scriptmodel_trainer.training import auto
from scriptmodel_trainer.training.checkpoints import newest_in, paths_in
from scriptmodel_trainer.training.fine_tuning import epochs_in, load_base
from scriptmodel_trainer.training.options import TrainOptions
from scriptmodel_trainer.training.run import Run
from scriptmodel_trainer.training.stopping import StopSignals

MODEL = "model"
_SCRIPT = re.compile(r"script-(\d{1,9})\..*")
_FEWEST = 0.2  # share of the text that is understood where a corpus has scripts
_LEAST = 100  # tokens
_SHOWN = 12  # lines
_TECHNICAL = (
    events.FileWritten
    | events.ModelStored
    | events.Started
    | events.DeviceUsed
    | events.EpochStarted
    | events.TrigramsMixed
)
_MOST_REPORT = 1 << 26


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The write command's options, checked.

    `request` is what is written: its seed is None for the number of the script. `training` is what to train if no model
    is there. `minutes` are those that were asked for. With `force` another model in the folder is replaced.
    """

    plays: Sequence[Path]
    folder: Path
    training: TrainOptions
    request: GenerateOptions
    seed: int | None
    minutes: float | None
    force: bool
    repeat: Sequence[str]
    """What a command begins with that uses the same model."""
    others: Sequence[str]
    """What the command began with, but for its seed."""
    base: str | None = None
    """Name of the base that a training starts from, `none` for none; without it one in the language of the plays."""
    lines: int | None = None
    """How many next lines are wanted in place of a script."""
    cento: bool = False


def folder_for(plays: Sequence[Path], out: Path | None) -> Path:
    """Return the folder for the model and its scripts: `out`, else one that is named after the plays."""
    if made := next((path for path in plays if (path / MODEL).is_dir() and (path / SPEECHES).exists()), None):
        raise BadInputError(f"{made} has a model and its scripts, no plays", f"name the plays, and --out {made}")
    if out is None:
        return Path(f"{plays[0].resolve().stem or 'plays'}-written")
    if out.suffix.lower() in (*SUFFIXES.values(), ".pdf"):
        raise BadInputError(f"--out {out} is the name of a file", "name a folder: every format is stored in it")
    if out.resolve() in (path.resolve() for path in plays):
        raise BadInputError(f"--out {out} has the plays", "name another folder: a script in it would be read as a play")
    return out


def training_of(plays: Sequence[Path], out: Path, base: str | None, minutes: str | None) -> TrainOptions:
    """Return what trains the model of some plays, from the base of that name, for so many minutes."""
    named = load_base(bases.found_as(base, plays)) if base and base != bases.NONE else None
    return TrainOptions(
        plays,
        out,
        base=named,
        split=named.model.origin.corpus.split if named else None,
        minutes=auto.minutes_from(minutes, None),
        usual=10.0,
        installed=() if base else tuple(bases.installed()),
    )


def write(options: WriteOptions, progress: Progress, signals: StopSignals) -> str:
    """Write scripts with the model of these plays, which is trained unless it is there; returns what to show."""
    check(options.request)
    if options.lines is not None or options.cento:
        check_lines(options.lines, options.request)
    model = options.folder / MODEL
    if not _fits(options, model):
        _train(options, model, progress, signals)
    if options.lines is not None:
        request = dataclasses.replace(options.request, seed=options.seed or 1)
        again = f"Next: {shlex.join([program_name(), *options.others])} --seed {request.seed + 1}    # others"
        return printable("\n".join([*next_lines(request, options.lines, _quoted(options), progress), "", again]))
    number, out = next_script(options.folder)
    request = dataclasses.replace(options.request, out=out, seed=number if options.seed is None else options.seed)
    try:
        quoted = _quoted(options)
        sheets = cento(request, quoted) if quoted else generate(request, Quiet(progress))
    finally:
        if not out.stat().st_size:  # nothing was written
            out.unlink()
    return printable("\n".join(_ending(options, out, sheets[0])))


def _quoted(options: WriteOptions) -> Sequence[RealLine] | None:
    """Return the real lines that are requested, None for none."""
    return quoted_of(options.folder, options.plays) if options.cento else None


def next_script(folder: Path) -> tuple[int, Path]:
    """Make the file of the next script and return it with its number, which no other command takes meanwhile."""
    written = (_SCRIPT.fullmatch(path.name) for path in folder.iterdir())
    number = 1 + max((int(name[1]) for name in written if name), default=0)
    while True:
        path = folder / f"script-{number}.txt"
        with as_write_error(path), suppress(FileExistsError):
            path.touch(exist_ok=False)
            return number, path
        number += 1


class Quiet(Progress):
    """Leaves out files that are written, which the end names, and what only who chose the settings understands.

    Says once how long a training takes, which is known when a part of it is done, and whether more of the minutes that
    `auto` was given would help.
    """

    announces = False
    choice: Choice | None = None

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def note(self, text: str) -> None:
        if not text.startswith(CHOSEN):
            self._progress.note(text)

    def report(self, event: events.ProgressEvent) -> None:
        if isinstance(event, events.Progressed) and self.announces:
            self.announces, minutes = False, event.eta_seconds / 60
            about = f"training takes about {_minutes(minutes)} on this machine{_limit(self.choice, minutes)}"
            self.note(f"{about}; Ctrl-C stops it, the same command continues it")
        if not isinstance(event, _TECHNICAL):
            self._progress.report(event)


def _fits(options: WriteOptions, folder: Path) -> bool:
    """Return whether the model in the folder has learned from these files; BadInputError if it is another one."""
    report = options.folder / model_directory.REPORT
    if not (folder / model_directory.MODEL).is_file():
        if report.exists() and not paths_in(folder) and not options.force:
            raise BadInputError(f"{report} is there already", "name another folder with --out, or add --force")
        return False
    try:
        model = model_directory.load_model(folder)
    except BadInputError as error:
        if options.force:
            return False
        raise BadInputError(error.message, "add --force to train it again, or name another folder") from error
    digest = reading.corpus_digest(reading.find_sources(options.plays, lambda _: None))
    known = model.origin.corpus.digest == digest
    timed = options.minutes is None or _is_for(model, options.minutes)
    if known and timed and _has_wanted_base(options, model):
        return True
    if not options.force:
        if known and not timed and options.minutes is not None:
            took = model.metrics.auto.minutes if model.metrics.auto else None
            kind = f"a {took:g}-minute model" if took else "a model that --minutes did not choose"
            hint = f"for {options.minutes:g} minutes: --out {options.folder}-{options.minutes:g}; --force replaces it"
            raise BadInputError(f"{options.folder} holds {kind}", hint)
        other = "started from another base, or from none" if known else "learned from other files"
        raise BadInputError(f"{folder} has a model that {other}", "name another folder, or add --force to replace it")
    return False


def _is_for(model: TrainedModel, minutes: float) -> bool:
    """Return whether so many minutes would train as long again."""
    if model.origin.base:
        return epochs_in(minutes, model.metrics.tokens["train"]) == model.origin.preset.epochs
    return auto.is_choice_for(model.metrics.auto, minutes)


def _has_wanted_base(options: WriteOptions, model: TrainedModel) -> bool:
    """Return whether a model started from the base that is asked for; any will do unless one is named."""
    base, wanted = model.origin.base, options.training.base
    if options.base is None:
        return True
    return base is None if options.base == bases.NONE else bool(base and wanted and base.digest == wanted.model.digest)


def _train(options: WriteOptions, folder: Path, progress: Progress, signals: StopSignals) -> None:
    def require(corpus: TokenStream) -> None:
        if (tokens := len(corpus.splits["train"])) < _LEAST:
            raise BadInputError(f"{options.plays[0]} has about {tokens} words", "give at least one whole scene")
        if corpus.understood < _FEWEST:
            hint = "`scriptmodel-trainer normalize FOLDER` shows how each file is read"
            raise BadInputError(f"no scripts in {options.plays[0]}: {corpus.doubt}", hint)

    def before(run: Run) -> None:
        """Find out before an hour of training what is wrong with the folder, and say how long that takes."""
        if unfinished and not (begun and begun.fingerprint == run.fingerprint) and not options.force:
            message = f"{folder} has an unfinished training of other files, or for other --minutes or another base"
            raise BadInputError(message, "repeat that command, name another folder, or add --force to start anew")
        _note_base(run, options.base, progress)
        quiet.announces, quiet.choice = True, run.options.auto

    quiet, unfinished = Quiet(progress), paths_in(folder)
    begun = newest_in(folder)
    request = Request(options.request.words, options.request.opening)
    training = dataclasses.replace(options.training, request=request)
    found: list[Speech] = []
    train(training, quiet, signals, before, require, lambda *file: found.extend(speeches_of(*file)))
    write_file(options.folder / model_directory.REPORT, read_bounded(folder / model_directory.REPORT, _MOST_REPORT))
    speeches_beside(options.folder, options.plays, found)  # for the page, too, which does not have the plays
    signals.deferred, signals.hint = False, "the model is stored: the same command writes with it"
    signals.answer()


def _note_base(run: Run, wanted: str | None, progress: Progress) -> None:
    """Say which base the training starts from, or how to get one unless none is wanted."""
    base = run.options.base
    if base and base.model.card:
        read = f"which has read {len(base.model.card.texts)} texts"
        progress.note(
            f"starting from the base {base.model.card.name}, {read}; --base none learns from these plays alone"
        )
    elif wanted is None:
        progress.note(bases.how_to_get_one())


def _limit(choice: Choice | None, minutes: float) -> str:
    """Return what keeps a training from the minutes that were given: there is no shorter one, or no longer one."""
    if choice is None or choice.minutes is None:
        return ""
    if minutes > choice.minutes and auto.is_choice_for(choice, 0):
        return ", although it is the shortest one"
    return ": more minutes do not help with so few words" if auto.is_longest(choice) else ""


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def _command(options: WriteOptions) -> list[str]:
    return [program_name(), "write", *options.repeat]


def _ending(options: WriteOptions, out: Path, sheet: Sheet) -> list[str]:
    """Return the beginning of what was written, where everything is, and what to try next."""
    lines = sheet.new.splitlines()
    names = [name for name, _ in Counter(part.name for part in parts_of(sheet.text) if part.name).most_common(2)]
    program, *more = _command(options)
    command, page = shlex.join([program, *more]), shlex.join([program, "ui", str(options.folder)])
    others = " ".join(suffix for suffix in SUFFIXES.values() if suffix != out.suffix)
    samples = f" to {out.stem}.{options.request.samples}.txt" if options.request.samples > 1 else ""
    return [
        "",
        *lines[:_SHOWN],
        *(["..."] if len(lines) > _SHOWN else []),
        "",
        f"Script: {out}{samples} ({len(sheet.text.split()):,} words); also as {others}",
        *([f"Copied: {sheet.copied}"] if sheet.copied else []),
        f"Report: {options.folder / model_directory.REPORT}",
        f"Model:  {options.folder / MODEL}",
        f"Next:   {command}    # another script, in seconds",
        *([f"        {command} --cast {shlex.quote(','.join(names))}    # only these two speak"] if names[1:] else []),
        f"        {command} --continue scene.txt    # your own scene, continued",
        f"        {page}    # a page in the browser to write in",
    ]
