"""Runs a ScriptModel from its manifest to a script."""

import asyncio
import hashlib
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scriptmodel_cli import text
from scriptmodel_cli.corpus import CorpusFile
from scriptmodel_cli.documents import Documents
from scriptmodel_cli.errors import InputError, SuspendedError
from scriptmodel_cli.live import Live
from scriptmodel_cli.local.object_file import Objects
from scriptmodel_cli.local.programs import find_trainer, localpach
from scriptmodel_cli.options import now
from scriptmodel_cli.output import note
from scriptmodel_cli.program import INTERRUPTED
from scriptmodel_cli.pushing import ensure_repo, push
from scriptmodel_cli.screen import line_of
from scriptmodel_cli.scripts import copy_results, read_script
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.app import Process, open_pachyderm, working
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import arrived
from scriptmodel_operator.desired.policy import ANYTHING, Policy
from scriptmodel_operator.engine.values import BranchRef, RepoRef, commit_of
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.channel import PachdAddress

IMAGE = "scriptmodel-trainer:local"
CLUSTER = "local"
CLAIM = "checkpoints"
"""A folder of localpach, so that an interrupted training resumes."""
_POLL_SECONDS = 0.5
_REFRESH_SECONDS = 0.2


def to_script(
    folder: Path, documents: Documents, namespace: str, corpus: Sequence[CorpusFile], trainer: Path | None, suffix: str
) -> bytes:
    """Return the newest script; all state is in `folder`.

    Raises ClickException if the object is stalled, InputError if `folder` is damaged, Exit on an interrupt.
    """
    objects = Objects(folder / "scriptmodel.json")
    objects.apply(documents, namespace)
    spec = objects.raw["spec"]
    _check_documents(documents, spec, given=bool(corpus))
    environment = find_trainer(trainer)
    if "gpu" in spec["training"]:
        note("spec.training.gpu is ignored: the trainer uses the devices of this machine")
    images = sorted({IMAGE, spec["training"]["image"] or IMAGE})
    logging.basicConfig(filename=folder / "operator.log", level=logging.INFO)
    pachyderm, log = folder / "pachyderm", folder / "localpach.log"
    with localpach(pachyderm, log, [(image, environment) for image in images]) as (address, check):
        session = Session(pachd=address)
        _put_corpus(session, objects.raw, corpus, folder / "corpus.sha256")
        asyncio.run(_reconcile(objects, session, check))
        return _result(objects.raw, session, suffix, folder)


def _check_documents(documents: Documents, spec: dict[str, Any], *, given: bool) -> None:
    """Raise InputError if the manifest lacks a document that the spec names, or --corpus is given without a repo."""
    if given and "repo" not in spec["corpus"]:
        raise InputError("--corpus needs spec.corpus.repo: remove --corpus or name a repo")
    for field, part in (("corpus", spec["corpus"]), ("generation.continue", spec["generation"].get("continue") or {})):
        name = (part.get("configMap") or {}).get("name")
        if name and name not in documents.config_maps:
            raise InputError(f"the file has no ConfigMap {name!r}, which spec.{field} refers to: add it after ---")


def _put_corpus(session: Session, raw: dict[str, Any], files: Sequence[CorpusFile], known: Path) -> None:
    """Upload the corpus unless it has the digest in the file `known`: equal files would start a job for nothing."""
    repo, own = raw["spec"]["corpus"].get("repo"), raw["spec"]["pachyderm"]["project"]
    with session.engine("the corpus") as gateway:
        needed = {own, repo["project"]} if repo else {own}  # in a cluster an administrator creates them
        for project in sorted(needed - set(gateway.list_projects())):
            gateway.create_project(project)
        if repo is None:
            return
        branch = BranchRef(RepoRef(repo["project"], repo["name"]), repo["branch"])
        digest = _digest(branch, files)
        if not files or (known.exists() and known.read_bytes() == digest.encode()):
            if branch.repo not in {info.ref for info in gateway.list_repos([branch.repo.project])}:
                raise InputError(f"repo {branch.repo} is empty: give its files with --corpus PATH")
            return
        ensure_repo(gateway, branch, create_for=raw["metadata"]["namespace"])
        push(gateway, branch, files, replace=True)
    known.write_text(digest)


async def _reconcile(objects: Objects, session: Session, check: Callable[[], None]) -> None:
    """Run the operator's own loop until the object is ready, stalled or suspended."""
    watching = asyncio.create_task(_watch(objects, check))
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = watching.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    config = OperatorConfig(
        pachd=PachdAddress(session.pachd),
        trainer_image=IMAGE,
        checkpoint_claim=CLAIM,
        poll_interval=_POLL_SECONDS,
        policy=everything(),
    )
    process = Process.create()
    gateway, _where = open_pachyderm(config, process, UNLIMITED)
    try:
        async with asyncio.TaskGroup() as group, working(group, config, objects, gateway, CLUSTER, process):
            arrived(process.store, process.queue, objects.raw)
            await asyncio.wait([watching])  # its own error is none of the group's
    finally:
        watching.cancel()
    if interrupted:
        note("Stopped. With --keep the same command resumes.")
        raise click.exceptions.Exit(INTERRUPTED)
    watching.result()


async def _watch(objects: Objects, check: Callable[[], None]) -> None:
    live = Live(err=True)
    try:
        while not (objects.is_reconciled and text.is_settled(objects.raw)):
            check()
            if text.is_observed(objects.raw):
                live.show(line_of(objects.raw), now())
            await asyncio.sleep(_REFRESH_SECONDS)
        live.show(line_of(objects.raw), now())
    finally:
        live.end()


def _result(found: dict[str, Any], session: Session, suffix: str, folder: Path) -> bytes:
    if text.suspended(found):
        raise SuspendedError("the ScriptModel is suspended: set `suspend: false` in the file to run it")
    ready = text.condition(found)
    if ready["status"] != "True":
        raise click.ClickException(f"the ScriptModel is stalled ({ready['reason']}): {ready['message']}")
    if ready["reason"] == Reason.HELD_BACK:
        note(f"{ready['message']} (here: the same field in the file)")
    lineage, script = found["status"]["lineage"], found["status"]["script"]
    with session.engine("the script") as gateway:
        copy_results(gateway, lineage, folder)
        return read_script(gateway, *commit_of(lineage["script"]), script["path"], suffix)


def everything() -> Policy:
    """Return the policy whose lists all have everything."""
    defaults = asdict(Policy())
    lists = {name: (ANYTHING,) for name, value in defaults.items() if isinstance(value, tuple)}
    mappings = {name: {ANYTHING: (ANYTHING,)} for name, value in defaults.items() if isinstance(value, dict)}
    return Policy(trainer_image=IMAGE, **lists, **mappings)  # type: ignore[arg-type]  # by name


def _digest(branch: BranchRef, files: Sequence[CorpusFile]) -> str:
    total = hashlib.sha256(str(branch).encode())
    for file in files:
        total.update(f"\0{file.path}\0{file.size}\0".encode())
        for piece in file.pieces():
            total.update(piece)
    return total.hexdigest()
