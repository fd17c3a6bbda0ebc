"""The select command: makes the model of the best trial of a search the one that writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import msgspec

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import LOG, METRICS, MODEL, REPORT
from scriptmodel_trainer.errors import BadInputError, one_line
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.storage import atomic_writer, locked, open_regular, prepare_folder, write_file
from scriptmodel_trainer.trials import TRIALS, Run, numbers_of, rank_of, read_record, write_runs

_ARRAYS = tuple(name for name in artifacts.FILES if name.endswith(".npz"))


def select(folder: Path, out: Path, progress: Progress) -> str:
    """Copy the model of the best trial, beside the table of all runs; returns what to show.

    Nothing is written while no trial is complete. Raises BadInputError if the folder has no runs, or if the model of
    the best one cannot be used.
    """
    found = _runs(folder, progress)
    best = _best(found.values())
    if best is None:
        states = [run.state for run in found.values()]
        counted = ", ".join(f"{states.count(state)} {state}" for state in ("paused", "failed") if state in states)
        return f"No trial of {folder} is complete ({counted}): nothing is written"
    source = next(path for path, run in found.items() if run is best)
    best = found[source] = msgspec.structs.replace(best, winner=True)
    runs = sorted(found.values(), key=lambda run: (run.trial, run.repeat))
    model = artifacts.load_model(source, judged=True)
    with locked(out):
        prepare_folder(out, (*artifacts.FILES, LOG, TRIALS))
        _copy(source, out)
        write_runs(out, runs)
        write_file(out / REPORT, render_report(model, runs=runs).encode("utf-8", errors="replace"))
    trials = len({run.trial for run in runs})
    figure = "" if best.value is None else f", {best.value:.4f} nats per character"
    return (
        f"Best of {trials} trials: {source.name} ({one_line(best.settings)}), validation perplexity "
        f"{rank_of(best.perplexity):.1f}{figure}\nModel: {out}\nReport: {out / REPORT}"
    )


def _runs(folder: Path, progress: Progress) -> dict[Path, Run]:
    """Return what came of each run by its folder; one whose trial.json cannot be used has failed."""
    try:
        folders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    except OSError as error:
        raise BadInputError(f"cannot read {folder}: {error.strerror}", "give the --out of trial") from error
    runs = {}
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
        runs[path] = Run(**record, trial=numbers[0], repeat=numbers[1])
    if not runs:
        raise BadInputError(f"{folder} holds no runs of a search", "give the --out of trial, which has 0001/trial.json")
    return runs


def _best(runs: Iterable[Run]) -> Run | None:
    """Return the best run of the trial with the least mean; None if no trial is complete.

    A trial is complete if all of its repeats are, but those that failed.
    """
    ranked: list[tuple[float, Run]] = []
    for _, group in groupby(sorted(runs, key=lambda run: run.trial), key=lambda run: run.trial):
        repeats = [run for run in group if run.state != "failed"]
        if repeats and all(run.state == "complete" for run in repeats):
            mean = sum(rank_of(run.value) for run in repeats) / len(repeats)
            ranked.append((mean, min(repeats, key=lambda run: run.rank)))
    return min(ranked, key=lambda each: (each[0], each[1].rank[1], each[1].trial))[1] if ranked else None


def _copy(source: Path, out: Path) -> None:
    """Copy a model, in the order in which a training stores one, and delete the arrays of an earlier one."""
    arrays = [path.name for pattern in _ARRAYS for path in source.glob(pattern)]
    for name in (*arrays, MODEL, METRICS, LOG):
        if name != LOG or (source / name).is_file():
            with open_regular(source / name) as file, atomic_writer(out / name) as copy:
                shutil.copyfileobj(file, copy)
    for path in (path for pattern in _ARRAYS for path in out.glob(pattern)):
        if path.name not in arrays:
            path.unlink(missing_ok=True)
