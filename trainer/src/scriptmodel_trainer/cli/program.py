"""Runs a command of `scriptmodel-trainer`, and reports how it failed."""

import argparse
import contextlib
import inspect
import io
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, TypeVar

from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.cli.values import pfs_path
from scriptmodel_trainer.errors import BadInputError, ExitCode, Reported, StoppedError, TrainerError, WriteError
from scriptmodel_trainer.job.termination import leave_message, leave_messages
from scriptmodel_trainer.progress.events import Failed, FileWritten
from scriptmodel_trainer.progress.listeners import Progress, TextProgress, progress_for
from scriptmodel_trainer.reporting.suffixes import ALL, formats_for
from scriptmodel_trainer.training.stopping import REPEAT, StopSignals

T = TypeVar("T")
_SAMPLING = "scriptmodel_trainer.generation.sampling"
_BESIDE = {"report": "export", "ui": "serve"}  # commands that share a module
_TRAIN = ("train", "trial", "write", "job")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Expected failures become one line, never a traceback."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _require_working_directory()
        try:
            with StopSignals() as signals:
                options = parser().parse_args(words)
                _limit_threads()
                return (_run_job if options.command == "job" else _run)(options, words, signals)
        finally:
            sys.stdout.flush()  # what Python does at exit, where a failure could not be reported
    except (TrainerError, StoppedError, MemoryError, OSError) as error:
        return _ended(error, words)


def _ended(error: Reported | MemoryError | OSError, words: Sequence[str]) -> int:
    """Report an error as the log's kind has it; returns the exit code, also where nothing can be written."""
    continuing = REPEAT if words[:1] and words[0] in _TRAIN else ""
    lost = isinstance(error, OSError) and (isinstance(error, BrokenPipeError) or error.filename is None)
    if lost:  # what has no name is a stream, and standard output is the one that is written to
        _discard(sys.stdout)
    if isinstance(error, BrokenPipeError) and not continuing:
        return ExitCode.DONE  # the reader closed the pipe (`... | head`) and needs no more
    failure = _failure(error, continuing)
    leave_message(failure.line())
    try:
        (TextProgress(sys.stdout) if lost else progress_for(_log_kind(words))).report(Failed(failure))
    except OSError:
        _discard(sys.stdout)
        with contextlib.suppress(OSError):
            TextProgress(sys.stdout).report(Failed(failure))
    return failure.code


def _failure(error: Reported | MemoryError | OSError, continuing: str) -> Reported:
    """Return what to report of an error, and how the command continues if it trains."""
    if isinstance(error, Reported):
        return error
    if isinstance(error, MemoryError):
        return BadInputError("out of memory", "use a smaller preset, vocabulary_size or batch_size")
    if isinstance(error, BrokenPipeError):
        return WriteError("standard output was closed and the model is not trained", continuing)
    reason = error.strerror or error
    if error.filename is not None:
        return WriteError(f"{error.filename}: {reason}")
    hint = f"the model is not trained: {continuing}" if continuing else ""
    return WriteError(f"cannot write to standard output: {reason}", hint)


def _require_working_directory() -> None:
    """Raise BadInputError if the working directory was deleted: no relative path can be found."""
    try:
        Path.cwd()
    except OSError as error:
        raise BadInputError(f"the working directory cannot be read: {error.strerror}", "change to another") from error


def _discard(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere, so that Python's own flush at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_streams() -> None:
    """Open what whoever started us had closed; a character that standard output cannot hold becomes a question mark."""
    if sys.stdout is None or sys.stderr is None:
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file opened would be taken for it
            pass
        os.close(number)
        sys.stdout = sys.stdout or os.fdopen(1, "w")
        sys.stderr = sys.stderr or os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _limit_threads() -> None:
    # NumPy's products of one script are too small for threads: where processors are busy, threads that wait for each
    # other take many times as long. TensorFlow has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _run(options: argparse.Namespace, words: Sequence[str], signals: StopSignals) -> int:
    log = _log_kind(words)
    progress = progress_for(log)
    command, module = options.command, _module(options.command)
    match command:
        case "generate":
            _run_generate(options, log, progress)
        case "write":
            _run_write(options, words, progress, signals)
        case "train":
            module.train(import_module("scriptmodel_trainer.training.options").options_from(options), progress, signals)
        case "trial":
            return ExitCode(module.trial(options, words, signals))
        case "serve" | "ui":
            _called(getattr(module, command), options)
        case "normalize" | "export" | "report":
            _called(getattr(module, command), options, progress=progress)
            if command != "normalize":
                progress.report(FileWritten(options.out, None))
        case _:
            print(_called(getattr(module, command), options, progress=progress))
    return ExitCode.DONE


def _run_job(options: argparse.Namespace, words: Sequence[str], signals: StopSignals) -> int:
    from scriptmodel_trainer.job.running import JobAttempt  # noqa: PLC0415  # it loads NumPy

    leave_messages()
    return JobAttempt(options.document, main, partial(_ended, words=words)).work(signals)


def _module(command: str) -> Any:
    """Import what runs a command. Each loads only what it needs: generate must start at once, TensorFlow is slow."""
    return import_module(f"scriptmodel_trainer.commands.{_BESIDE.get(command, command)}")


def _called(function: Callable[..., T], parsed: argparse.Namespace, **given: Any) -> T:
    """Call a function, or make a record, with what is `given` and with options of the command line, by their names."""
    known = vars(parsed) | given
    return function(**{name: known[name] for name in inspect.signature(function).parameters if name in known})


def _run_write(options: argparse.Namespace, given: Sequence[str], progress: Progress, signals: StopSignals) -> None:
    write = _module("write")
    folder = write.folder_for(options.plays, options.out)
    training = write.training_of(options.plays, folder / write.MODEL, options.base, options.minutes)
    words = options.words if options.words is not None else 600 if options.lines is None else 20
    usual = {"out": folder / "script-1.txt", "seed": options.seed or 0, "takes": import_module(_SAMPLING).TAKES}
    request = _request(options, progress, model=training.out, words=words, kind=ALL, **usual)
    chosen = _called(
        write.WriteOptions,
        options,
        folder=folder,
        training=training,
        request=request,
        minutes=training.minutes,
        others=[word for last, word in itertools.pairwise(["", *given]) if "--seed" not in (last, word.split("=")[0])],
        repeat=[*map(str, options.plays), *(["--out", str(folder)] if options.out else [])],
    )
    print(write.write(chosen, progress, signals))


def _run_generate(options: argparse.Namespace, log: str, progress: Progress) -> None:
    if log == "json" and options.out is None:
        raise BadInputError("--log json needs --out", "the script itself goes to standard output otherwise")
    sheets = _module("generate").generate(_request(options, progress), progress)
    if options.out is None:
        print("\n".join(sheet.text for sheet in sheets), end="", flush=True)
    if sheets[0].copied:
        progress.note(f"copied: {sheets[0].copied}")


def _request(parsed: argparse.Namespace, progress: Progress, **given: Any) -> Any:
    from scriptmodel_trainer.corpus.given import given_text  # noqa: PLC0415  # these load NumPy
    from scriptmodel_trainer.generation.openings import Opening  # noqa: PLC0415

    options = argparse.Namespace(**{"text": None, "record": None} | vars(parsed) | given)
    for_pipeline = _is_output_of_pipeline(options.out)
    usual_record = options.out.with_name("generation.json") if for_pipeline else None  # its consumer reads it
    text = options.text or ""
    if options.continued is not None:
        text = given_text(options.continued, progress.note)
    return _called(
        _module("generate").GenerateOptions,
        options,
        sampling=_called(import_module(_SAMPLING).Sampling, options),
        opening=_called(Opening, options, text=text),
        record=options.record or usual_record,
        formats=formats_for(options.kind, options.out, ALL if for_pipeline else None),
    )


def _is_output_of_pipeline(path: Path | None) -> bool:
    """True for a file in the output of a Pachyderm job, whose commands end with its files in /pfs/out."""
    return path is not None and path.parent == Path(os.environ.get("PFS_ROOT") or "/pfs") / "out"


def _log_kind(words: Sequence[str]) -> str:
    """`json` or `text`, known before the words are parsed, because a usage error is reported the same way.

    A generate job of a pipeline is read by a program, which its command line does not say.
    """
    chosen = _values("--log", words)
    if not chosen and words[:1] == ["generate"]:
        out = next(iter(_values("--out", words)), "")
        return "json" if out and _is_output_of_pipeline(pfs_path(out)) else "text"
    return "json" if "json" in chosen or words[:1] == ["job"] else "text"


def _values(option: str, words: Sequence[str]) -> list[str]:
    """Return what a command line gives an option, as the next word or after `=`."""
    apart = [value for word, value in itertools.pairwise(words) if word == option]
    return apart + [word.removeprefix(f"{option}=") for word in words if word.startswith(f"{option}=")]
