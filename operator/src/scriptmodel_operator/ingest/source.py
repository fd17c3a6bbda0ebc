"""Reads what is outside Pachyderm: a corpus in a ConfigMap or by URL, and the text that a script continues."""

import base64
import binascii
import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.downloads import Downloads, DownloadState
from scriptmodel_operator.ingest.fetch import SourceError
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError

T = TypeVar("T")
Read = Callable[[str, str], Awaitable[Mapping[str, Any]]]
"""Returns the ConfigMap of a namespace and a name. Raises KubeError."""
Files = Mapping[str, bytes]
"""Contents by path; small, because a ConfigMap has at most 1 MiB."""
Sourced = Files | DownloadState | Problem | None
"""The files of a ConfigMap, the attempt at a download, or the problem with either; None if the corpus is a repo."""

LONGEST_TEXT = 64 * 1024
"""Bytes of a text: it becomes one word of a command, and Linux takes 128 KiB. The trainer has the same limit."""


async def corpus_source(read: Read, downloads: Downloads, model: ScriptModel) -> Sourced:
    """Return the corpus in a ConfigMap, or the newest attempt at a download; None for a repo. Raises KubeError."""
    request = model.spec.corpus.download
    if request is None or model.spec.suspend:
        downloads.forget(model.uid)
        return await corpus_files(read, model)
    return downloads.attempt(model.uid, request)


def next_check(downloads: Downloads, model: ScriptModel, interval: float) -> float | None:
    """Return the seconds until something has to be checked again; None if never.

    A download is due by itself, a ConfigMap each `interval`.
    """
    spec = model.spec
    due = downloads.due_in(model.uid) if spec.corpus.download is not None else None
    polled = spec.corpus.config_map or spec.generation.continuation
    return min(due or math.inf, interval) if polled else due


async def corpus_files(read: Read, model: ScriptModel) -> Files | Problem | None:
    """Return the corpus in a ConfigMap; None if it is elsewhere or not needed. Raises KubeError."""
    reference = model.spec.corpus.config_map
    if reference is None or model.spec.suspend:
        return None
    return await _config_map(read, model.namespace, reference.name, "DIR", from_config_map)


async def continued_text(read: Read, model: ScriptModel) -> str | Problem:
    """Return the text that the script continues; empty without one. Raises KubeError."""
    continuation = model.spec.generation.continuation
    if continuation is None or model.spec.suspend:
        return ""
    name, key = continuation.config_map.name, continuation.config_map.key
    return await _config_map(read, model.namespace, name, f"{key}=FILE", partial(text_from_config_map, key=key))


async def _config_map(
    read: Read, namespace: str, name: str, files: str, parse: Callable[[Mapping[str, Any]], T]
) -> T | Problem:
    """Return what `parse` makes of a ConfigMap; `files` is what to create a missing one from."""
    try:
        return parse(await read(namespace, name))
    except KubeNotFoundError:
        create = f"`kubectl create configmap {name} --from-file {files}`"
        return Problem(Reason.CONFIG_MAP_NOT_FOUND, f"ConfigMap {name!r} does not exist: create it with {create}")
    except KubeForbiddenError as error:
        return Problem(Reason.NOT_ALLOWED, f"{error}: let the operator's role get configmaps in this namespace")
    except SourceError as error:
        return Problem(error.reason, f"ConfigMap {name!r}: {error}")


def digests_of(files: Files) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def from_config_map(raw: Mapping[str, Any]) -> Files:
    """Return one file per key; keys of a ConfigMap are letters, digits, `-`, `_` and `.`, so they are valid paths."""
    files = {f"/{key}": str(text).encode() for key, text in (raw.get("data") or {}).items()}
    for key, encoded in (raw.get("binaryData") or {}).items():
        try:
            files[f"/{key}"] = base64.b64decode("".join(encoded.split()), validate=True)  # a manifest may break lines
        except binascii.Error as error:
            raise SourceError(Reason.INVALID_SPEC, f"binaryData.{key} is not base64: {error}") from error
    return files


def text_from_config_map(raw: Mapping[str, Any], key: str) -> str:
    """Return the text of a key. Raises SourceError unless it can be a word of a command."""
    content = from_config_map(raw).get(f"/{key}")
    if content is None:
        raise SourceError(Reason.CONFIG_MAP_NOT_FOUND, f"it has no key {key!r}: add it, or name another key")
    if len(content) > LONGEST_TEXT:
        limit = f"more than {LONGEST_TEXT // 1024} KiB"
        raise SourceError(Reason.INVALID_SPEC, f"{key} has {len(content)} bytes, {limit}: keep its last scenes only")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(Reason.INVALID_SPEC, f"{key} is not UTF-8: {error}; save it as UTF-8") from error
    if "\0" in text or not text.strip():
        problem = "has a NUL character: save it as text" if text.strip() else "is empty: give it at least one line"
        raise SourceError(Reason.INVALID_SPEC, f"{key} {problem}")
    return text
