"""Results of runs in the bucket: a run that has one is not run again."""

from __future__ import annotations

import json
from datetime import datetime

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError
from scriptmodel_operator.jobs.manifest import Manifest
from scriptmodel_operator.jobs.ports import Bucket
from scriptmodel_operator.jobs.runs import Attempt
from scriptmodel_operator.jobs.store import Versions

_MOST_BYTES = 4096


class Results:
    """Keeps and finds results. Blocking."""

    def __init__(self, bucket: Bucket, versions: Versions) -> None:
        self._bucket = bucket
        self._versions = versions

    def keep(self, namespace: str, attempt: Attempt, manifest: Manifest) -> str:
        """Store what an attempt made as the result of its run, and return the id of the manifest."""
        self._versions.store(namespace, manifest)
        result = {
            "attempt": attempt.number,
            "manifest": manifest.id,
            "started": _text(attempt.started),
            "finished": _text(attempt.finished),
        }
        self._bucket.put(_key(namespace, attempt.hash), json.dumps(result).encode())
        return manifest.id

    def find(self, namespace: str, run_hash: str) -> tuple[int, str] | None:
        """Return the attempt that computed a run, and the id of its manifest; None without a result."""
        key = _key(namespace, run_hash)
        try:
            result = json.loads(self._bucket.get(key, _MOST_BYTES))
            return int(result["attempt"]), str(result["manifest"])
        except NotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RefusedError(f"reading {key}", f"it is not valid ({error}): delete it") from error


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _key(namespace: str, run_hash: str) -> str:
    return f"v1/{namespace}/runs/{run_hash}/result.json"
