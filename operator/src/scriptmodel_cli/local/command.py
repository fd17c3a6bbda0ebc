"""The command `local`."""

import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.corpus import find_corpus
from scriptmodel_cli.documents import read_documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.programs import trainer_option
from scriptmodel_cli.local.run import to_script
from scriptmodel_cli.options import format_option, result_options
from scriptmodel_cli.output import check_new, note, write_result
from scriptmodel_cli.program import Command
from scriptmodel_cli.scripts import suffix_of
from scriptmodel_cli.session import Session


@click.command(cls=Command)
@click.option(
    "-f",
    "--filename",
    "file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True),
    help="Manifest with a ScriptModel and the ConfigMap it refers to; - for stdin.",
)
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Text file or folder to upload to the repo of spec.corpus.repo; may be repeated.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep all state in DIR, to resume or update later.",
)
@result_options
@format_option
@trainer_option
@pass_session
def local(
    session: Session,
    file: Path,
    corpus: tuple[Path, ...],
    keep: Path | None,
    out: Path | None,
    force: bool,
    form: str | None,
    trainer: Path | None,
) -> None:
    """Train and generate a script on this machine, with the operator's own code but without Kubernetes.

    localpach replaces Pachyderm and runs the trainer as a process. Progress goes to stderr, the script to stdout. With
    --keep, a second run with a changed file updates in place, as kubectl apply would: a changed `generation` writes a
    new script without training again. DIR/model is the model for the trainer's own commands, DIR/script has all samples
    and formats. No cluster is accessed.

    \b
    Examples:
      scriptmodel local -f thrones.yaml --corpus plays/ --keep state/
      scriptmodel local -f thrones.yaml --keep state/ --out new_script.txt
    """
    suffix = suffix_of(form, out)
    documents = read_documents(file)
    if out is not None:
        check_new(out, force=force)
        if not os.access(out if out.exists() else out.parent, os.W_OK):
            raise InputError(f"cannot write {out}: name a file in a writable folder")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # ends localpach too
    with ExitStack() as stack:
        try:
            folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scriptmodel-")))
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot create {keep or 'a temporary folder'}: {error.strerror}") from error
        files = find_corpus(corpus, note) if corpus else []
        try:
            script = to_script(folder.absolute(), documents, session.namespace or "default", files, trainer, suffix)
        except OSError as error:
            if error.filename is None:
                raise
            reason = f"cannot use {error.filename}: {error.strerror}; use another --keep folder"
            raise InputError(reason) from error
    write_result(script, out, force=force)
    if keep is None:
        note("No state was kept: with --keep DIR a changed file updates in place.")
    else:
        note(f"model and report: {keep / 'model'}, all samples and formats: {keep / 'script'}")
