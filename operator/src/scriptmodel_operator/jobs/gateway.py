"""The Gateway over records in ConfigMaps, attempts that are Jobs, and a bucket."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import (
    FILE_SETS,
    BranchRef,
    CommitInfo,
    Copies,
    Fetched,
    JobInfo,
    JobRef,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
    RepoRef,
    StoredFile,
    Upload,
    UserBucket,
)
from scriptmodel_operator.jobs import lists
from scriptmodel_operator.jobs.advance import Advance
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Listing, Records, Stored
from scriptmodel_operator.jobs.fetches import Fetches
from scriptmodel_operator.jobs.garbage import Garbage
from scriptmodel_operator.jobs.logs import RunLogs
from scriptmodel_operator.jobs.manifest import Manifest, replaced
from scriptmodel_operator.jobs.planning import STOPPED, MayRead
from scriptmodel_operator.jobs.ports import Bucket
from scriptmodel_operator.jobs.records import PipelineRecord, RepoRecord, Version
from scriptmodel_operator.jobs.store import Versions, engine_id


class JobsGateway:
    """Implements `Gateway`. A project is a namespace. For many threads, but one for `settle`."""

    def __init__(
        self,
        records: Records,
        bucket: Bucket,
        versions: Versions,
        attempts: Attempts,
        may_read: MayRead,
        close: Callable[[], None] = lambda: None,
        fetches: Fetches | None = None,
    ) -> None:
        """`close` ends the calls to the API server. Without `fetches` no corpora are fetched."""
        self.close = close
        self._records = records
        self._bucket = bucket
        self._versions = versions
        self._attempts = attempts
        self._fetches = fetches
        self._advance = Advance(records, bucket, versions, attempts, may_read)
        self._garbage = Garbage(records, bucket, versions)
        self._projects: frozenset[str] = frozenset()

    def settle(self, projects: Iterable[str], beat: Callable[[], None] = lambda: None) -> lists.JobsLists:
        self._projects = frozenset(projects)
        engine, listing = self.engine(), self._records.listed()  # without both, no pipeline need be tried
        self._advance.settle(listing, beat)
        return self._lists(listing, engine)

    # --- reads

    def engine(self) -> str:
        return engine_id(self._bucket)

    def server_time(self) -> datetime:
        return self._lists(self._records.listed()).server_time()

    def _lists(self, listing: Listing, engine: str = "") -> lists.JobsLists:
        return lists.JobsLists(listing, self._projects, self._advance.blocked, engine)

    def list_projects(self) -> Sequence[str]:
        return self._lists(self._records.listed()).list_projects()

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]:
        return self._lists(self._records.listed()).list_repos(projects)

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        return self._lists(self._records.listed()).list_pipelines(projects)

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        return self._lists(self._records.listed()).list_jobs(project, limit)

    def list_pipeline_versions(self, pipeline: PipelineRef) -> Sequence[PipelineInfo]:
        if (found := self._records.pipeline(pipeline)) is None:
            return []
        specs = {**found.record.older, found.record.version: found.record.spec}
        versions = (replace(found.record, version=each, spec=specs[each]) for each in sorted(specs, reverse=True))
        return [lists.pipeline_info(each) for each in versions]

    def list_pipeline_jobs(self, pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        found = self._records.pipeline(pipeline)
        return [lists.job_info(found.record, job) for job in found.record.jobs[:limit]] if found else []

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        repo = branch.repo
        if found := self._pipeline_of(repo):
            if branch.name != lists.MASTER:
                raise NotFoundError(f"reading branch {branch}", "not found", "NOT_FOUND")
            return next((lists.commit_of_job(found.record, job) for job in found.record.jobs), None)
        versions = self._repo(repo, f"reading branch {branch}").record.branches.get(branch.name)
        if not versions:
            raise NotFoundError(f"reading branch {branch}", "not found", "NOT_FOUND")
        return lists.commit_of_version(repo, versions[0])

    def inspect_commit(self, repo: RepoRef, commit: str) -> CommitInfo:
        return self._written(repo, commit)[0]

    def read_file(self, repo: RepoRef, commit: str, path: str, limit: int) -> bytes:
        return self._versions.read_file(self._manifest(repo, commit), path, limit)

    def read_files(self, repo: RepoRef, commit: str, glob: str, limit: int) -> Mapping[str, bytes]:
        return self._versions.read_files(self._manifest(repo, commit), glob, limit)

    def file_size(self, repo: RepoRef, commit: str, path: str) -> int:
        return self._manifest(repo, commit).file(path).size

    def walk_files(self, repo: RepoRef, commit: str) -> Mapping[str, StoredFile]:
        files = self._manifest(repo, commit).files
        return {each.path: StoredFile(each.size, bytes.fromhex(each.sha256)) for each in files}

    def read_log(self, job: JobRef, *, follow: bool, seconds: float) -> LogStream:
        found = self._records.pipeline(job.pipeline)
        known = found.record.job(job) if found else None
        printed = known is not None and (known.started or not follow)  # a job that waits has no log to follow yet
        runs = [run for run in known.runs if run.attempt and not run.reused] if known and printed else []
        namespace, log = job.pipeline.project, self._attempts.log
        return RunLogs(
            lambda run, follows: log(namespace, run, follow=follows, seconds=seconds),
            runs,
            f"reading the log of job {job}",
            follow=follow,
        )

    def _pipeline_of(self, repo: RepoRef) -> Stored[PipelineRecord] | None:
        return self._records.pipeline(PipelineRef(repo.project, repo.name))

    def _repo(self, repo: RepoRef, what: str) -> Stored[RepoRecord]:
        found = self._records.repo(repo)
        if found is None:
            raise NotFoundError(what, f"repo {repo} not found", "NOT_FOUND")
        return found

    def _manifest(self, repo: RepoRef, commit: str) -> Manifest:
        """Return the manifest of a version; one without files if nothing was written, as by a job that failed."""
        if repo == FILE_SETS and self._fetches:
            return self._fetches.manifest(commit)
        _commit, version = self._written(repo, commit)
        return self._versions.load(repo.project, version.manifest) if version else Manifest()

    def _written(self, repo: RepoRef, commit: str) -> tuple[CommitInfo, Version | None]:
        """Return a commit and its version, None for a job that wrote nothing. Raises NotFoundError."""
        what = f"reading commit {repo}@{commit}"
        if found := self._pipeline_of(repo):
            if job := found.record.job(JobRef(found.record.ref, commit)):
                return lists.commit_of_job(found.record, job), job.output
        else:
            for versions in self._repo(repo, what).record.branches.values():
                if version := next((each for each in versions if each.id == commit), None):
                    return lists.commit_of_version(repo, version), version
        raise NotFoundError(what, "not found", "NOT_FOUND")

    # --- writes

    def create_repo(self, repo: RepoRef, description: str, *, update: bool = False) -> None:
        known = self._records.repo(repo)
        if known is None and self._pipeline_of(repo) is None:
            record = RepoRecord(repo, datetime.now(UTC), description)
            self._records.put(Stored(record), record)
        elif known is None or not update:
            raise EngineError(f"creating repo {repo}", "it already exists", "ALREADY_EXISTS")
        else:
            self._records.change(known, f"describing {repo}", lambda record: replace(record, description=description))

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,  # noqa: ARG002 - of the port; the bucket has deadlines of its own
        copies: Copies | None = None,
    ) -> None:
        """Put the files unless the newest version has the same."""
        repo = branch.repo
        self._repo(repo, f"putting files into {branch}")
        new = uploaded = self._versions.put_files(repo.project, files)
        if copies is not None:
            source = self._manifest(copies.repo, copies.commit)
            new = replaced(self._versions.copy_to(repo.project, source, copies.paths), new)
        made_from = ((str(copies.repo), copies.commit),) if copies and copies.repo != FILE_SETS else ()
        head = self.put_version(branch, replace(new, made_from=made_from), gone)
        self._versions.discard(uploaded, self._versions.load(repo.project, head.manifest))

    def put_version(self, branch: BranchRef, new: Manifest, gone: Sequence[str]) -> Version:
        """Put files that are in the bucket; return the newest version, which is the one before if that has the same."""
        repo, what = branch.repo, f"putting files into {branch}"

        def put(record: RepoRecord) -> RepoRecord:
            head = next(iter(record.branches.get(branch.name, ())), None)
            before = self._versions.load(repo.project, head.manifest) if head else Manifest()
            whole = replaced(before, new, gone)
            if head is not None and head.content == whole.content:
                return record
            whole = self._versions.compacted(repo.project, whole)
            self._versions.store(repo.project, whole)
            version = Version(whole.id, whole.id, datetime.now(UTC), whole.size, whole.content, whole.made_from)
            return record.put(branch.name, version)

        return self._records.change(self._repo(repo, what), what, put).record.branches[branch.name][0]

    def fetch_files(
        self, branch: BranchRef, urls: Mapping[str, str], seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Fetch files by a Job in the namespace of the branch."""
        return self._fetching(branch).fetch(branch.repo, urls, seconds, cancelled)

    def fetch_bucket(
        self, branch: BranchRef, bucket: UserBucket, seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Fetch the objects of a bucket by such a Job, whose pod alone reads the Secret."""
        return self._fetching(branch).fetch(branch.repo, {"": bucket.url}, seconds, cancelled, bucket)

    def _fetching(self, branch: BranchRef) -> Fetches:
        if self._fetches is None:
            raise RefusedError(f"fetching files for {branch}", "it needs --operator-image, the image that fetches them")
        return self._fetches

    def apply_pipelines(self, pipelines: Sequence[PipelineApply]) -> None:
        """Create or update them, each before those that read its output. All are checked before the first is written.

        There is no transaction over several ConfigMaps. An operator that is killed in between finds the others as they
        were, and applies them then: a pipeline that is as desired already is not written again.
        """
        known = [self._checked(each, [other.spec.ref.output for other in pipelines]) for each in pipelines]
        for applied, found in zip(pipelines, known, strict=True):
            if found is None:
                at = datetime.now(UTC)
                record = PipelineRecord(applied.spec, 1, at, at)
                self._records.put(Stored(record), record)
            elif found.record.spec != applied.spec:
                self._records.put(found, found.record.next_version(applied, datetime.now(UTC)))

    def _checked(self, applied: PipelineApply, together: Sequence[RepoRef]) -> Stored[PipelineRecord] | None:
        ref, found = applied.spec.ref, self._records.pipeline(applied.spec.ref)
        what = f"{'updating' if applied.update else 'creating'} pipeline {ref}"
        if found is not None and not applied.update and found.record.spec != applied.spec:
            raise EngineError(what, "it already exists", "ALREADY_EXISTS")
        if found is None and self._records.repo(ref.output) is not None:
            raise RefusedError(what, "a repo with the same name already exists", "ALREADY_EXISTS")
        for _name, branch in applied.spec.input.branches:
            if branch.repo not in together and not (self._pipeline_of(branch.repo) or self._records.repo(branch.repo)):
                raise NotFoundError(what, f"repo {branch.repo} not found", "NOT_FOUND")
        return found

    def start_pipeline(self, pipeline: PipelineRef) -> None:
        self._change(pipeline, "starting", lambda record: replace(record, stopped=False))

    def stop_pipeline(self, pipeline: PipelineRef) -> None:
        """Stop a pipeline, and kill its jobs. The next poll deletes their attempts; checkpoints stay."""
        self._change(
            pipeline, "stopping", lambda record: replace(record.killed(STOPPED, datetime.now(UTC)), stopped=True)
        )

    def stop_job(self, job: JobRef, reason: str) -> None:
        if self._records.pipeline(job.pipeline) is not None:
            self._change(
                job.pipeline,
                f"stopping job {job.id} of",
                lambda record: record.killed(reason, datetime.now(UTC), job.id),
            )

    def _change(
        self, pipeline: PipelineRef, doing: str, update: Callable[[PipelineRecord], PipelineRecord]
    ) -> Stored[PipelineRecord]:
        return self._records.change(self._records.pipeline(pipeline), f"{doing} pipeline {pipeline}", update)

    def delete_pipeline(self, pipeline: PipelineRef, *, keep_repo: bool) -> None:
        """Delete a pipeline, and with its record the Jobs and Secrets of its attempts, which it owns."""
        found = self._records.pipeline(pipeline)
        if found is None:
            return
        self._check_readers(pipeline.output, f"deleting pipeline {pipeline}")
        if not keep_repo:
            self._garbage.free(found)
        elif self._records.repo(pipeline.output) is None:
            record = RepoRecord(pipeline.output, found.record.created, lists.repo_info(found.record).description)
            for job in reversed(found.record.jobs):
                record = record.put(lists.MASTER, job.output) if job.output else record
            self._records.put(Stored(record), record)
        self._records.delete(PipelineRecord, pipeline)

    def delete_repo(self, repo: RepoRef) -> None:
        """Delete a repo, and the bytes that no other record refers to."""
        found = self._records.repo(repo)
        if found is not None:
            self._check_readers(repo, f"deleting repo {repo}")
            self._garbage.free(found)
            self._records.delete(RepoRecord, repo)

    def _check_readers(self, repo: RepoRef, what: str) -> None:
        for ref, stored in sorted(self._records.listed().pipelines.items()):
            if any(branch.repo == repo for _name, branch in stored.record.spec.input.branches):
                raise RefusedError(what, f"pipeline {ref} reads it", "FAILED_PRECONDITION")
