"""Results of finished jobs, read by commit id. A commit never changes, so what was read is cached."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from scriptmodel_operator.api.safe_text import without_controls
from scriptmodel_operator.api.status import MAX_EXCERPT, ScriptStatus
from scriptmodel_operator.desired.command_lines import GENERATION_PATH, METRICS_PATH, SCRIPT_PATH
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import CommitInfo, RepoRef
from scriptmodel_operator.observe.trainer_files import GenerationFile, ModelMetrics, SampleFigures

_MAX_JSON = 4 * 1024 * 1024
_MAX_SCRIPT = 8 * 1024 * 1024
_PER_OBJECT = 32
"""Cached values for each object, three times what one at rest needs."""

T = TypeVar("T")
F = TypeVar("F", bound=BaseModel)
Place = tuple[RepoRef, str]
"""A repo and a commit."""
Provenance = tuple[Place, ...]
"""Repos and commits that a commit was made from directly."""


@dataclass(frozen=True, slots=True)
class Script:
    status: ScriptStatus
    blank: bool
    model_folder: str = ""
    """The folder of the model that wrote it, such as /0007 for the best run of a search; empty for the root."""


class Results:
    """Reads and caches results, and drops those least recently used first. Thread-safe; blocking."""

    def __init__(self, gateway: Gateway, objects: Callable[[], int]) -> None:
        """`objects` returns the number of objects, with which the cache grows and shrinks."""
        self.gateway = gateway
        self._objects = objects
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, RepoRef, str], Any] = OrderedDict()

    def metrics(self, repo: RepoRef, commit: str, folder: str = "") -> ModelMetrics | None:
        """Return the metrics of the model in a folder of a commit; None if there is no valid metrics.json."""
        path = folder + METRICS_PATH
        return self.cached(path, repo, commit, lambda: self._json(repo, commit, path, ModelMetrics))

    def script(self, repo: RepoRef, commit: str) -> Script | None:
        return self.cached("script", repo, commit, lambda: self._read_script(repo, commit))

    def digests(self, repo: RepoRef, commit: str) -> dict[str, str]:
        return self.cached("digests", repo, commit, lambda: self._read_digests(repo, commit))

    def commit(self, repo: RepoRef, commit: str) -> CommitInfo | None:
        """Return a commit; None if it does not exist in `repo`. Cached only once it is finished."""

        def read() -> CommitInfo | None:
            try:
                return self.gateway.inspect_commit(repo, commit)
            except NotFoundError:
                return None

        return self.cached("commit", repo, commit, read, lambda found: found is not None and found.finished)

    def provenance(self, repo: RepoRef, commit: str) -> Provenance:
        """Return what a commit was made from, fixed at its start; empty if the commit does not exist in `repo`."""

        def read() -> Provenance | None:
            found = self.commit(repo, commit)
            return found.provenance if found else None

        return self.cached("provenance", repo, commit, read, lambda found: found is not None) or ()

    def cached(
        self, kind: str, repo: RepoRef, commit: str, read: Callable[[], T], keep: Callable[[T], bool] = lambda _: True
    ) -> T:
        """Return a value of a commit that was read, or read it; `keep` says whether it can no longer change."""
        key = (kind, repo, commit)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                known: T = self._known[key]
                return known
        value = read()
        if keep(value):
            with self._lock:
                self._known[key] = value
                while len(self._known) > _PER_OBJECT * max(1, self._objects()):
                    self._known.popitem(last=False)
        return value

    def _json(self, repo: RepoRef, commit: str, path: str, kind: type[F]) -> F | None:
        """Return the file, parsed; None if it is missing or does not fit its schema."""
        try:
            return kind.model_validate_json(self.gateway.read_file(repo, commit, path, _MAX_JSON))
        except (NotFoundError, ValueError):
            return None

    def _read_digests(self, repo: RepoRef, commit: str) -> dict[str, str]:
        paths = self.gateway.walk_files(repo, commit)
        contents = ((path, self.gateway.read_file(repo, commit, path, _MAX_SCRIPT)) for path in paths)
        return {path: hashlib.sha256(content).hexdigest() for path, content in contents}

    def _read_script(self, repo: RepoRef, commit: str) -> Script | None:
        try:
            size = self.gateway.file_size(repo, commit, SCRIPT_PATH)
            content = self.gateway.read_file(repo, commit, SCRIPT_PATH, min(size, _MAX_SCRIPT))
        except NotFoundError:
            return None
        generation = self._json(repo, commit, GENERATION_PATH, GenerationFile)
        sample = generation.samples[0] if generation and generation.samples else SampleFigures()
        temperature = generation.temperature if generation else None
        status = ScriptStatus(
            path=SCRIPT_PATH,
            size_bytes=size,
            words=sample.words,
            excerpt=excerpt(content),
            temperature=None if temperature is None else f"{temperature:g}",
            score=sample.score,
        )
        run = generation.run if generation else ""
        return Script(status, not content.strip(b"\0 \t\r\n\f\v"), f"/{run}" if run else "")


def excerpt(content: bytes) -> str:
    """Return the first whole lines that fit into 1 KiB, without control characters."""
    if len(content) <= MAX_EXCERPT:
        return without_controls(content.decode(errors="replace")[:MAX_EXCERPT])
    head = content[:MAX_EXCERPT]
    whole = head[: head.rfind(b"\n") + 1] or head
    return without_controls(whole.decode(errors="ignore"))
