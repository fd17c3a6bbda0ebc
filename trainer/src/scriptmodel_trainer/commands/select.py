"""The select command: makes the model of the best run of a search the one that writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import LOG, REPORT
from scriptmodel_trainer.errors import BadInputError, one_line
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.storage import locked, prepare_folder, read_bounded, write_file
from scriptmodel_trainer.trials import MOST_TRIAL, TRIAL, TRIALS, Run, numbers_of, rank_of, read_record, write_runs

_MOST_LOG = 1 << 24


def select(folder: Path, name: str, digest: str, out: Path, progress: Progress) -> str:
    """Copy the model of the run `name`, beside the table of all runs; returns what to show.

    Writes nothing without a name, or if there is a `digest` and the records of the runs have another one: they are not
    those among which it is the best. Raises BadInputError if the folder has no runs, or no usable model of that name.
    """
    found = dict(_runs(folder, progress))
    if not name or (digest and digest != _digest(found)):
        return f"The search in {folder} is not over: nothing is written"
    source = folder / name
    best = found.get(source)
    if best is None or best.state != "complete":
        what = f"is {best.state}" if best else "is not a run of the search"
        raise BadInputError(f"{source} {what}", "give --best the folder of a complete run, such as 0007")
    model = artifacts.load_model(source, judged=True)
    best = found[source] = msgspec.structs.replace(best, winner=True)
    runs = sorted(found.values(), key=lambda run: (run.trial, run.repeat))
    with locked(out):
        prepare_folder(out, (*artifacts.FILES, LOG, TRIALS))
        artifacts.save_model(out, model, render_report(model, runs=runs))
        if (source / LOG).is_file():
            write_file(out / LOG, read_bounded(source / LOG, _MOST_LOG))
        write_runs(out, runs)
    trials = len({run.trial for run in runs})
    figure = "" if best.value is None else f", {best.value:.4f} nats per character"
    return (
        f"Best of {trials} trials: {name} ({one_line(best.settings)}), validation perplexity "
        f"{rank_of(best.perplexity):.1f}{figure}\nModel: {out}\nReport: {out / REPORT}"
    )


def _runs(folder: Path, progress: Progress) -> Iterator[tuple[Path, Run]]:
    """Yield what came of each run with its folder; one whose trial.json cannot be used has failed."""
    try:
        folders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    except OSError as error:
        raise BadInputError(f"cannot read {folder}: {error.strerror}", "give the --out of trial") from error
    if not folders:
        raise BadInputError(f"{folder} holds no runs of a search", "give the --out of trial, which has 0001/trial.json")
    for path in folders:
        numbers = numbers_of(path.name)
        if numbers is None:
            progress.note(f"{path} is ignored: a run has a folder named by its number, such as 0001")
            continue
        try:
            record = msgspec.structs.asdict(read_record(path))
        except ValueError as error:
            message = f"its trial.json cannot be used: {error}"
            progress.note(f"{path}: {message}; the run counts as failed")
            record = {"state": "failed", "reason": "error", "message": one_line(message)}
        yield path, Run(**record, trial=numbers[0], repeat=numbers[1])


def _digest(folders: Iterable[Path]) -> str:
    """Return what identifies the records of runs: the SHA-256 of all, in the order of the folders' names."""
    found = hashlib.sha256()
    for path in sorted(folders):
        with suppress(OSError, BadInputError):
            found.update(read_bounded(path / TRIAL, MOST_TRIAL))
    return found.hexdigest()
