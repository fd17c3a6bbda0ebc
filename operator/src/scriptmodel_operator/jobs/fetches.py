"""Downloads of corpora by URL: one Job of the operator's image for each, whose pod writes into the bucket.

The Job of a repo has one name, and exists until its files are committed or given up. So an operator that was killed
leaves at most one Job, its Secret and its packs, which the next download uses or deletes.
"""

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from scriptmodel_operator.api.marks import parse_mark
from scriptmodel_operator.engine.errors import NOT_FETCHED, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import Fetched, RepoRef, UserBucket
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Records, Stored
from scriptmodel_operator.jobs.document import MANIFEST, attempt_prefix
from scriptmodel_operator.jobs.fetcher import BucketSource, FetchDocument, Source
from scriptmodel_operator.jobs.job_manifest import fetch_job, fetch_metadata, passed_on, placement, secret_of
from scriptmodel_operator.jobs.manifest import MAX_MANIFEST_BYTES, Manifest, parse
from scriptmodel_operator.jobs.ports import Bucket
from scriptmodel_operator.jobs.records import RepoRecord
from scriptmodel_operator.jobs.runs import Attempt, AttemptState, JobSettings
from scriptmodel_operator.jobs.store import MOST_PACKS, Versions

KEY, ERRORS, LISTING = "fetch.json", "errors.json", "listing"
WAIT_SECONDS = 60.0
"""How long one call waits for a pod; the next one continues to wait for the same."""
_POLL_SECONDS = 1.0
_STORING_SECONDS = 600
_MOST_ERROR_BYTES = 1 << 20
_USABLE = timedelta(minutes=9)
"""How old a result may be that another operator left: less than the shortest interval between two downloads."""

log = logging.getLogger(__name__)


@dataclass
class Fetches:
    """Thread-safe; blocking. Each method may raise an EngineError."""

    bucket: Bucket
    records: Records
    versions: Versions
    attempts: Attempts
    settings: JobSettings
    image: str
    """The operator's."""
    hosts: Sequence[str]
    """The hosts that policy allows."""

    def fetch(
        self,
        repo: RepoRef,
        urls: Mapping[str, str],
        seconds: float,
        cancelled: Callable[[], bool],
        bucket: UserBucket | None = None,
    ) -> Fetched:
        """Fetch files by path, or what a bucket of a user has, for a repo.

        The file set is the prefix of the download in our bucket.
        """
        what, found = f"fetching the corpus of repo {repo}", self.records.repo(repo)
        if found is None:
            raise NotFoundError(what, f"repo {repo} not found", "NOT_FOUND")
        number = self._started(found, urls, seconds, bucket)
        own, discard = _prefix(repo, number), partial(self._discard, repo, number)
        attempt = self._ended(repo, what, cancelled, discard)
        if errors := self._errors(own, urls):
            return Fetched("", {url: RefusedError(what, text) for url, text in errors.items()}, discard)
        listing, listed = self._listing(own) if bucket else ("", frozenset())
        if bucket and listing and listing == bucket.known:
            return Fetched("", {}, discard, listing)
        paths = None if bucket else urls.keys()
        problem = self._problem(own, paths) if attempt.state is AttemptState.SUCCEEDED else attempt.reason
        if problem:
            discard()
            raise UnavailableError(what, problem, NOT_FETCHED)
        kept = listed - {file.path for file in self.manifest(own).files} if bucket and bucket.known else frozenset()
        return Fetched(own, {}, discard, listing, kept)

    def manifest(self, file_set: str) -> Manifest:
        """Return the files of a file set."""
        manifest = parse(self.bucket.get(file_set + MANIFEST, MAX_MANIFEST_BYTES), prefix=file_set)
        self.versions.check_sizes(manifest)
        return manifest

    def _listing(self, own: str) -> tuple[str, Set[str]]:
        """Return digest and paths of the listing that a pod stored; empty if it is none, so that all is fetched next
        time.
        """
        with suppress(NotFoundError, RefusedError, ValueError, TypeError, RecursionError):
            text = self.bucket.get(own + LISTING, MAX_MANIFEST_BYTES)
            return hashlib.sha256(text).hexdigest(), {str(path) for path, _size, _etag in json.loads(text)}
        return "", frozenset()

    def _problem(self, own: str, paths: Set[str] | None) -> str:
        """Return what is wrong with the result of a download, of these paths if they are known.

        Its pod is not trusted.
        """
        try:
            found = {file.path for file in self.manifest(own).files}
        except (RefusedError, NotFoundError) as error:
            return error.detail
        return "" if paths in (None, found) else "its pod stored other files"

    def _started(
        self, repo: Stored[RepoRecord], urls: Mapping[str, str], seconds: float, bucket: UserBucket | None
    ) -> int:
        """Return the number of the download in progress, or of a new one in place of what is left of an older one."""
        ref, settings = repo.record.ref, self.settings
        request, now = _hash([urls, self.hosts, bucket and asdict(bucket)]), datetime.now(UTC)
        known = self.attempts.found(ref.project, fetch_name(ref))
        if known is not None:
            if known.hash == request and now - (known.finished or now) < _USABLE:
                return known.number
            self._discard(ref, known.number)
        number = 1 + secrets.randbelow(999_999_999)  # one that no pod uses that outlives its Job
        most = MOST_PACKS if bucket else len(urls)
        names = [*(f"pack-{index:04}" for index in range(most)), MANIFEST, ERRORS, LISTING]
        keys = [_prefix(ref, number) + name for name in names]
        *packs, manifest, errors, listing = self.bucket.sign("PUT", keys, settings.url_seconds)
        if bucket:
            (before,) = self.bucket.sign("GET", [_listing_key(ref)], settings.url_seconds)
            files, source = [], BucketSource(bucket.url, bucket.known, before, packs, listing)
        else:
            files, source = [Source(*place, pack) for place, pack in zip(urls.items(), packs, strict=True)], None
        document = json.dumps(asdict(FetchDocument(files, self.hosts, seconds, manifest, errors, source)))
        mark = parse_mark(repo.record.description)
        metadata = fetch_metadata(ref, fetch_name(ref), mark.owner.name if mark else "", request, number)
        owner = self.attempts.owner(ref.project, mark)
        labels = {**settings.labels, **passed_on(owner), **metadata["labels"]}
        metadata |= {"ownerReferences": [repo.owner], "labels": labels}
        self.attempts.put("secrets", secret_of(metadata, KEY, document), "data")
        longest = int(seconds * most) * 2 + _STORING_SECONDS
        placed = placement(owner, settings.operator_pod)
        secret = bucket.secret if bucket else ""
        self.attempts.create(fetch_job(metadata, self.image, KEY, longest, placed, settings.limits, secret))
        return number

    def _ended(self, repo: RepoRef, what: str, cancelled: Callable[[], bool], discard: Callable[[], None]) -> Attempt:
        """Wait for the end of a download, which is given up if it is cancelled, but not if its pod does not start."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            attempt = self.attempts.found(repo.project, fetch_name(repo))
            if cancelled():
                discard()
                raise UnavailableError(what, "cancelled", "CANCELLED")
            if attempt is None:
                raise UnavailableError(what, "somebody deleted its Job", NOT_FETCHED)
            if attempt.state.ended:
                return attempt
            if attempt.state is AttemptState.WAITING and time.monotonic() > until:
                waits = f"Job {attempt.name} waits for its pod to start: {attempt.reason or 'no cause is known yet'}"
                raise UnavailableError(what, waits, NOT_FETCHED)
            time.sleep(_POLL_SECONDS)

    def _errors(self, own: str, urls: Mapping[str, str]) -> Mapping[str, str]:
        """Return the errors that a pod stored, by URL. It is not trusted."""
        try:
            found = json.loads(self.bucket.get(own + ERRORS, _MOST_ERROR_BYTES))
        except (NotFoundError, ValueError, RecursionError):
            return {}
        texts = found if isinstance(found, dict) else {}
        return {url: str(texts[path]) for path, url in urls.items() if path in texts}

    def _discard(self, repo: RepoRef, number: int) -> None:
        """Delete the packs that no version has, and the Job last, by which the next download finds the others."""
        try:
            found = self.records.repo(repo)
            # A version after the one that this download made would be that of a later download.
            heads = [versions[0] for versions in found.record.branches.values()] if found else []
            used = {pack.key for head in heads for pack in self.versions.load(repo.project, head.manifest).packs}
            keys = self.bucket.sizes(own := _prefix(repo, number)).keys()
            if own + LISTING in keys:
                self.bucket.copy(own + LISTING, _listing_key(repo))
            self.bucket.delete(sorted(keys - used))
            self.attempts.stop(repo.project, fetch_name(repo))
        except EngineError as error:
            log.warning("the next download of repo %s deletes what is left of this one: %s", repo, error)


def fetch_name(repo: RepoRef) -> str:
    """Return the name of the Job and the Secret of a repo; the end of its name tells it from all others."""
    return f"{repo.name.lower().replace('_', '-')[-40:].strip('-')}-fetch"


def folder_of(repo: RepoRef) -> str:
    """Return the folder below the namespace's prefix that has all downloads of a repo."""
    return f"runs/{_hash(str(repo))}"


def _prefix(repo: RepoRef, number: int) -> str:
    return attempt_prefix(repo.project, _hash(str(repo)), number)


def _listing_key(repo: RepoRef) -> str:
    return f"v1/{repo.project}/{folder_of(repo)}/{LISTING}"


def _hash(what: object) -> str:
    return hashlib.sha224(json.dumps(what, sort_keys=True).encode()).hexdigest()
