"""The job document: what an attempt runs, and the URLs that it may use. Pure; form: docs/contributing/jobs.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import BASE_INPUT, TRIALS_INPUT, RepoRef
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
    """Return the document of an attempt. `earlier` are the attempts whose checkpoints it may read, newest first.

    Its own are the first: a queue may stop its pod and start another one. Raises RefusedError for what does not fit.
    """
    what = f"starting a job of pipeline {run.spec.ref}"
    checkpoints = [[f"{prefix(run, each)}{name}" for name in CHECKPOINTS] for each in (number, *earlier)]
    reads = [key for each in run.inputs for key in (manifest_key(run, each), *(pack.key for pack in each.part.packs))]
    reads += [key for pair in checkpoints for key in pair]
    own = prefix(run, number)
    packs = [f"{own}pack-{index:04}" for index in range(OUTPUT_PACKS)]
    writes = [*packs, own + MANIFEST, own + LOG, *checkpoints[0]]
    count = len(reads) + len(writes)
    if count > MAX_URLS:
        raise RefusedError(what, f"its inputs have too many packs: it needs {count} URLs, and may have {MAX_URLS}")
    read, written = iter(sign("GET", reads)), iter(sign("PUT", writes))
    document = json.dumps(
        {
            "schema": 1,
            "command": run.spec.command,
            "inputs": [_input(each, read) for each in run.inputs],
            "output": {"packs": _next(written, packs), "manifest": next(written), "log": next(written)},
            "checkpoints": {"read": [_next(read, each) for each in checkpoints], "write": list(written)},
            "expires": timestamp(expires),
        }
    )
    if len(document) > MAX_BYTES:
        raise RefusedError(what, f"its {count} URLs have {len(document)} bytes, but a Secret holds {MAX_BYTES}")
    return document


def prefix(run: Run, number: int) -> str:
    """Return where an attempt writes."""
    return attempt_prefix(run.namespace, run.hash, number)


def attempt_prefix(namespace: str, run_hash: str, number: int) -> str:
    return f"v1/{namespace}/runs/{run_hash}/{number}/"


def manifest_key(run: Run, read: Input) -> str:
    """Return where the manifest of what is read lies: with the repo, or that of one folder with the run."""
    namespace = run.namespace if read.of_folder else _repo(run, read).project
    return f"v1/{namespace}/manifests/{read.part.id}.json"


def _repo(run: Run, read: Input) -> RepoRef:
    branches = {BASE_INPUT: run.spec.base_branch, TRIALS_INPUT: run.spec.trials_branch}
    branch = branches.get(read.name) if read.name != run.spec.input_name else run.spec.input_branch
    if branch is None:
        raise ValueError(f"pipeline {run.spec.ref} has no input {read.name}")
    return branch.repo


def _input(read: Input, urls: Iterator[str]) -> dict[str, Any]:
    part = read.part
    manifest = {"url": next(urls), "sha256": part.id, "size": len(part.encode())}
    return {"name": read.name, "folder": read.folder, "packs": _next(urls, part.packs), "manifest": manifest}


def _next(urls: Iterator[str], keys: Sequence[object]) -> list[str]:
    return [next(urls) for _ in keys]
