"""Deletes the bytes of a record that is about to be deleted, unless another record of the namespace refers to them."""

import threading
from collections.abc import Iterable, Iterator

from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.jobs.config_maps import Records, Stored
from scriptmodel_operator.jobs.fetches import folder_of
from scriptmodel_operator.jobs.ports import Bucket
from scriptmodel_operator.jobs.records import PipelineRecord, RepoRecord
from scriptmodel_operator.jobs.store import Versions

_MOST_KNOWN = 10_000


class Garbage:
    """Frees bytes. Thread-safe; blocking.

    The bytes go before the record does, so that whoever repeats a deletion that was killed completes it.
    """

    def __init__(self, records: Records, bucket: Bucket, versions: Versions) -> None:
        self._records = records
        self._bucket = bucket
        self._versions = versions
        self._folders: dict[tuple[str, str], frozenset[str]] = {}
        """The folders of the packs of manifests, which never change."""
        self._lock = threading.Lock()

    def free(self, gone: Stored[RepoRecord] | Stored[PipelineRecord]) -> None:
        namespace, listing = gone.record.ref.project, self._records.listed()
        if namespace in listing.unread:
            raise listing.unread[namespace]
        others = [each.record for each in listing.all if each.record.ref.project == namespace and each.uid != gone.uid]
        kept = {manifest for record in others for manifest in _manifests(record)}
        mine = set(_manifests(gone.record)) - kept
        folders = self._folders_of(namespace, mine).union(_runs(gone.record))
        if folders:
            folders -= self._folders_of(namespace, kept)
        for folder in sorted(folders):
            self._bucket.delete(list(self._bucket.sizes(f"v1/{namespace}/{folder}/")))
        self._bucket.delete([f"v1/{namespace}/manifests/{manifest}.json" for manifest in sorted(mine)])

    def _folders_of(self, namespace: str, manifests: Iterable[str]) -> frozenset[str]:
        """Return the folders below the namespace's prefix that have the packs of manifests."""
        found: set[str] = set()
        for manifest in manifests:
            key = namespace, manifest
            if key not in self._folders:
                try:
                    packs = self._versions.load(namespace, manifest).packs
                except NotFoundError:  # a deletion that was killed, or a damaged bucket
                    continue
                paths = (pack.key.split("/") for pack in packs)
                with self._lock:
                    if len(self._folders) >= _MOST_KNOWN:
                        self._folders.clear()
                    self._folders[key] = frozenset("/".join(path[2:4]) for path in paths if path[1] == namespace)
            found |= self._folders[key]
        return frozenset(found)


def _manifests(record: RepoRecord | PipelineRecord) -> Iterator[str]:
    """Yield the manifests that a record refers to in its own namespace."""
    if isinstance(record, RepoRecord):
        yield from (version.manifest for versions in record.branches.values() for version in versions)
        return
    for job in record.jobs:
        yield from (each.manifest for each in job.inputs if each.repo.project == record.ref.project)
        yield from (run.manifest for run in job.runs if run.manifest)
        if job.output:
            yield job.output.manifest


def _runs(record: RepoRecord | PipelineRecord) -> frozenset[str]:
    """Return the folders of the runs of a pipeline, or of the downloads of a repo."""
    if isinstance(record, RepoRecord):
        return frozenset([folder_of(record.ref)])
    return frozenset(f"runs/{run.hash}" for job in record.jobs for run in job.runs)
