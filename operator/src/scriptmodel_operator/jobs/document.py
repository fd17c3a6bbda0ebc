"""The job document: what an attempt runs, and the URLs that it may use. Pure; form: docs/contributing/jobs.md."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.jobs.runs import Input, Run

KEY = "job.json"
MAX_URLS = 200
MAX_BYTES = 1 << 20
"""What the API server takes as a Secret."""
OUTPUT_PACKS = 64
MANIFEST, LOG = "manifest.json", "log.jsonl"
CHECKPOINTS = ("checkpoint-a", "checkpoint-b")

Sign = Callable[[str, Sequence[str]], Sequence[str]]
"""Presigns keys for a method."""


def job_document(run: Run, number: int, earlier: Sequence[int], sign: Sign, expires: datetime) -> str:
    """Return the document of an attempt. `earlier` are the attempts whose checkpoints it reads, newest first, if there
    is room. Its own are before them: a queue may stop its pod and start another one.

    Raises RefusedError for what does not fit into a Secret.
    """
    what = f"starting a job of pipeline {run.spec.ref}"
    own = prefix(run, number)
    packs = [f"{own}pack-{index:04}" for index in range(OUTPUT_PACKS)]
    writes = [*packs, own + MANIFEST, own + LOG, *_checkpoints(own)]
    reads = [key for each in run.inputs for key in (manifest_key(run, each), *(pack.key for pack in each.part.packs))]
    reads += _checkpoints(own)
    room = MAX_URLS - len(reads) - len(writes)
    if room < 0:
        raise RefusedError(what, f"its inputs have {-room} packs too many for {MAX_URLS} URLs: use a smaller corpus")
    reads += [key for each in earlier[: room // 2] for key in _checkpoints(prefix(run, each))]
    read, written = iter(sign("GET", reads)), iter(sign("PUT", writes))
    document = json.dumps(
        {
            "schema": 1,
            "command": run.spec.command,
            "inputs": [_input(each, read) for each in run.inputs],
            "output": {"packs": [*islice(written, OUTPUT_PACKS)], "manifest": next(written), "log": next(written)},
            "checkpoints": {"read": [*zip(read, read, strict=True)], "write": [*written]},
            "expires": timestamp(expires),
        }
    )
    if len(document) > MAX_BYTES:
        raise RefusedError(what, f"its URLs have {len(document)} bytes, but a Secret holds {MAX_BYTES}")
    return document


def prefix(run: Run, number: int) -> str:
    """Return where an attempt writes."""
    return attempt_prefix(run.namespace, run.hash, number)


def attempt_prefix(namespace: str, run_hash: str, number: int) -> str:
    return f"v1/{namespace}/runs/{run_hash}/{number}/"


def manifest_key(run: Run, read: Input) -> str:
    """Return where the manifest of what is read lies: with the repo, or that of one folder with the run."""
    branch = dict(run.spec.input.branches).get(read.name, run.spec.input.branch)
    return f"v1/{run.namespace if read.of_folder else branch.repo.project}/manifests/{read.part.id}.json"


def _checkpoints(own: str) -> list[str]:
    return [own + name for name in CHECKPOINTS]


def _input(read: Input, urls: Iterator[str]) -> dict[str, Any]:
    part = read.part
    manifest = {"url": next(urls), "sha256": part.id, "size": len(part.encode())}
    return {"name": read.name, "folder": read.folder, "packs": [*islice(urls, len(part.packs))], "manifest": manifest}
