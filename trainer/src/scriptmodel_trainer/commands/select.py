"""The select command: makes the model of the best run of a search the one that writes."""

import hashlib
from pathlib import Path

import msgspec

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import LOG, REPORT
from scriptmodel_trainer.artifacts.trials import MOST_TRIAL, NAME, TRIAL, TRIALS, TrialRecord, TrialRun, write_records
from scriptmodel_trainer.errors import BadInputError, one_line
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.storage.files import converted, locked, parse_json, prepare_folder, read_bounded, write_file

_MOST_LOG = 1 << 24


def select(folder: Path, name: str, digest: str, out: Path, progress: Progress) -> str:
    """Copy the model of the run `name`, beside the table of all runs; returns what to show.

    Writes nothing without a name, or if there is a `digest` and the records of the runs have another one: they are not
    those among which it is the best. Raises BadInputError if the folder has no runs, or no usable model of that name.
    """
    found = {path.name: _run(path, progress) for path in sorted(folder.glob("*")) if NAME.fullmatch(path.name)}
    if not found:
        raise BadInputError(f"{folder} holds no runs of a search", "give the --out of trial, which has 0001/trial.json")
    records = hashlib.sha256(b"".join(record for record, _ in found.values()))
    if not name or (digest and digest != records.hexdigest()):
        return f"The search in {folder} is not over: nothing is written"
    runs, source = {each: run for each, (_, run) in found.items()}, folder / name
    best = runs.get(name)
    if best is None or best.state != "complete":
        what = f"is {best.state}" if best else "is not a run of the search"
        raise BadInputError(f"{source} {what}", "give --best the folder of a complete run, such as 0007")
    model = model_directory.load_model(source, judged=True)
    runs[name] = best = msgspec.structs.replace(best, winner=True)
    with locked(out):
        prepare_folder(out, (*model_directory.FILES, LOG, TRIALS))
        model_directory.save_model(out, model, render_report(model, runs=[*runs.values()]))
        if (source / LOG).is_file():
            write_file(out / LOG, read_bounded(source / LOG, _MOST_LOG))
        write_records(out / TRIALS, *runs.values())
    trials = len({run.trial for run in runs.values()})
    return (
        f"Best of {trials} trials: {name} ({one_line(best.settings)}), validation perplexity "
        f"{best.perplexity:.1f}, {best.value:.4f} nats per character\nModel: {out}\nReport: {out / REPORT}"
    )


def _run(folder: Path, progress: Progress) -> tuple[bytes, TrialRun]:
    """Return the record of a run, and what came of it; one whose record cannot be used has failed."""
    content = b""
    try:
        content = read_bounded(folder / TRIAL, MOST_TRIAL)
        record = converted(parse_json(content), TrialRecord)
    except (OSError, ValueError, BadInputError) as error:
        message = one_line(f"its trial.json cannot be used: {error}")
        progress.note(f"{folder}: {message}; the run counts as failed")
        record = TrialRecord(state="failed", reason="error", message=message)
    trial, _, repeat = folder.name.partition(".")
    return content, TrialRun(**msgspec.structs.asdict(record), trial=int(trial), repeat=int(repeat or 1))
