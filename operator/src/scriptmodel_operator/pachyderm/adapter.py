"""The Gateway over python-pachyderm's generated stubs and a gRPC channel with keepalive."""

import io
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import blake2b
from typing import Any, Self, TypeVar

import grpc
from google.protobuf import empty_pb2

from scriptmodel_operator.api.identity import LOCALPACH, PACHYDERM
from scriptmodel_operator.api.urls import without_query
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    CommitInfo,
    Copies,
    Fetched,
    JobInfo,
    JobRef,
    LogLine,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
    RepoRef,
    StoredFile,
    Upload,
    UserBucket,
)
from scriptmodel_operator.leadership import Leadership
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.access import access_error
from scriptmodel_operator.pachyderm.calls import answer, fetch_requests, send, stream, translate, upload_requests
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.fetching import fetch_each
from scriptmodel_operator.pachyderm.pipeline_json import create_v2_request
from scriptmodel_operator.pachyderm.protocol import admin, pfs, pps, transaction
from scriptmodel_operator.pachyderm.stubs import Connection, Stubs
from scriptmodel_operator.pachyderm.versions import ServerVersion, Support

READ_SECONDS = 10.0
WRITE_SECONDS = 30.0
DELETE_SECONDS = 300.0
"""Deleting much data takes minutes. Keepalive notices within 30 s that pachd does not answer."""
ALL_VERSIONS = -1
_MOST_BYTES = 1 << 27
"""The most bytes of files to read in one call."""
FILE_SET_SECONDS = 1800
"""The longest time that Pachyderm keeps a file set."""


T = TypeVar("T")
CallObserver = Callable[[str, str, float], None]
VersionObserver = Callable[[ServerVersion], None]


class GrpcLogStream:
    def __init__(self, call: Any, what: str) -> None:
        self._call = call
        self._what = what

    def __iter__(self) -> Iterator[LogLine]:
        with _translated(self._what):
            for message in self._call:
                if line := messages.log_line(message):
                    yield line

    def cancel(self) -> None:
        self._call.cancel()


class PachydermGateway:
    """The gateway over one channel, for many threads. Implements `Gateway`."""

    def __init__(
        self,
        target: PachdAddress,
        leadership: Leadership,
        called: CallObserver | None = None,
        found: VersionObserver | None = None,
    ) -> None:
        """`called` receives each call: its method, gRPC's code, and how many seconds it took.

        `found` receives the version of pachd, at first and after each time that pachd did not answer.
        No call but that for a log lasts longer than `leadership` does.
        """
        self._target = target
        self._leadership = leadership
        self._called = called
        self._found = found
        self._version: ServerVersion | None = None
        """None until it is read, and again once pachd did not answer: it may be upgraded meanwhile."""
        self._connection = Connection(target)
        self._logs = Connection(target)
        """The connection for logs: hundreds may be followed, and a proxy may limit the streams in one connection."""
        self._lists: dict[str, dict[bytes, Any]] = {}
        """The values of the newest lists, by the digests of their messages."""

    def close(self) -> None:
        self._connection.close()
        self._logs.close()

    @property
    def _stubs(self) -> Stubs:
        return self._connection.stubs

    def _metadata(self, transaction_id: str = "") -> list[tuple[str, str]]:
        pairs = []
        if token := self._token():
            pairs.append(("authn-token", token))
        if transaction_id:
            pairs.append(("pach-transaction", transaction_id))
        return pairs

    def _token(self) -> str:
        """Return the token. gRPC would print a token that it cannot send in its error."""
        try:
            token = self._target.token()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise access_error("reading the token", f"{self._target.token_file}: {why}") from None
        if not (token.isascii() and token.isprintable()):
            raise access_error("reading the token", f"{self._target.token_file}: more than one line, or not ASCII")
        return token

    def _call(self, what: str, method: Any, request: Any, seconds: float = READ_SECONDS, tx: str = "") -> Any:
        with self._observed(method), _translated(what):
            call = method.future(request, timeout=self._deadline(what, seconds), metadata=self._metadata(tx))
            return answer(call, self._leadership)

    def _stream(self, what: str, method: Any, request: Any) -> Iterator[Any]:
        """Yield the messages of a stream, however long it lasts: it ends by silence."""
        with self._observed(method), _translated(what):
            silence = self._deadline(what, READ_SECONDS)
            yield from stream(method(request, metadata=self._metadata()), what, silence, self._leadership)

    def _list(self, what: str, method: str, request: Any, kind: Any, convert: Callable[[Any], T]) -> list[T]:
        """Return a list without converting again what the previous one had, which is most of it.

        Protobuf in Python decodes some thousand messages a second.
        """
        call = self._stubs.channel.unary_stream(method, type(request).SerializeToString, bytes)
        known, found = self._lists.get(what, {}), dict[bytes, T]()
        for message in self._stream(what, call, request):
            key = blake2b(message, digest_size=16).digest()
            found[key] = known.get(key) or convert(kind.FromString(message))
        self._lists[what] = found
        return list(found.values())

    def _deadline(self, what: str, seconds: float) -> float:
        """Return the seconds that a call may take. Raises UnavailableError unless this process leads."""
        if self._leadership.lease_remaining() <= 0:
            raise UnavailableError(what, "not sent: this process does not lead")
        return seconds

    @contextmanager
    def _observed(self, method: Any) -> Iterator[None]:
        started, code = time.monotonic(), "OK"
        try:
            yield
        except EngineError as error:
            code = error.code or "UNKNOWN"
            if isinstance(error, UnavailableError):
                self._version = None
            raise
        finally:
            if self._called is not None:
                self._called(_method_name(method), code, time.monotonic() - started)

    def _server(self, what: str) -> ServerVersion:
        """Return the version of pachd. Raises RefusedError for one that is too old for the operator."""
        version = self._version or self._read_version(what)
        if version.support is Support.TOO_OLD:
            raise RefusedError(what, version.verdict, "FAILED_PRECONDITION")
        return version

    def _read_version(self, what: str) -> ServerVersion:
        answer = self._call(what, self._stubs.version.GetVersion, empty_pb2.Empty())
        localpach = answer.git_commit if answer.platform == LOCALPACH else ""
        version = ServerVersion(answer.major, answer.minor, answer.micro, answer.additional, localpach)
        self._version = version
        if self._found is not None:
            self._found(version)
        return version

    # --- reads

    def server_version(self) -> ServerVersion:
        """Return the version of pachd, or the one that localpach behaves like. Not part of Gateway."""
        return self._read_version("asking pachd for its version")

    def engine(self) -> str:
        what = "reading the id of the engine"
        kind = LOCALPACH if self._read_version(what).localpach else PACHYDERM
        found = self._call(what, self._stubs.admin.InspectCluster, admin.InspectClusterRequest())
        return f"{kind}/{found.id}" if found.id else ""

    def server_time(self) -> datetime:
        """Return the start time of an empty transaction, which ends with the call: no call returns the time."""
        what = "reading the clock of pachd"
        info = self._call(what, self._stubs.transactions.BatchTransaction, transaction.BatchTransactionRequest())
        started = messages.moment(info, "started")
        if started is None:
            raise UnavailableError(what, "the transaction has no time")
        return started

    def list_projects(self) -> Sequence[str]:
        stream = self._stream("listing projects", self._stubs.pfs.ListProject, pfs.ListProjectRequest())
        return [info.project.name for info in stream]

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]:
        request = pfs.ListRepoRequest(type=messages.USER_REPO, projects=_projects(projects))
        return self._list("listing repos", "/pfs_v2.API/ListRepo", request, pfs.RepoInfo, messages.repo_info)

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        self._server("listing pipelines")
        request = pps.ListPipelineRequest(projects=_projects(projects))
        kind, convert = pps.PipelineInfo, messages.pipeline_info
        return self._list("listing pipelines", "/pps_v2.API/ListPipeline", request, kind, convert)

    def list_pipeline_versions(self, pipeline: PipelineRef) -> Sequence[PipelineInfo]:
        request = pps.ListPipelineRequest(
            pipeline=messages.pipeline_message(pipeline), history=ALL_VERSIONS, details=True
        )
        with suppress(NotFoundError):
            stream = self._stream(f"listing versions of pipeline {pipeline}", self._stubs.pps.ListPipeline, request)
            return [messages.pipeline_info(info) for info in stream]
        return []

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        request = pps.ListJobRequest(projects=_projects([project]), history=ALL_VERSIONS, number=limit)
        what = f"listing jobs of project {project}"
        return self._list(what, "/pps_v2.API/ListJob", request, pps.JobInfo, messages.job_info)

    def list_pipeline_jobs(self, pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        request = pps.ListJobRequest(pipeline=messages.pipeline_message(pipeline), history=ALL_VERSIONS, number=limit)
        with suppress(NotFoundError):
            stream = self._stream(f"listing jobs of pipeline {pipeline}", self._stubs.pps.ListJob, request)
            return [messages.job_info(info) for info in stream]
        return []

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        request = pfs.InspectBranchRequest(branch=messages.branch_message(branch))
        info = self._call(f"reading branch {branch}", self._stubs.pfs.InspectBranch, request)
        return self.inspect_commit(branch.repo, info.head.id) if info.head.id else None

    def inspect_commit(self, repo: RepoRef, commit: str) -> CommitInfo:
        request = pfs.InspectCommitRequest(commit=messages.commit_message(repo, commit))
        return messages.commit_info(
            self._call(f"reading commit {repo}@{commit}", self._stubs.pfs.InspectCommit, request)
        )

    def file_size(self, repo: RepoRef, commit: str, path: str) -> int:
        request = pfs.InspectFileRequest(file=_file(repo, commit, path))
        info = self._call(f"reading {repo}@{commit}:{path}", self._stubs.pfs.InspectFile, request)
        return int(info.size_bytes)

    def read_file(self, repo: RepoRef, commit: str, path: str, limit: int) -> bytes:
        expected = min(self.file_size(repo, commit, path), limit)
        what = f"reading {repo}@{commit}:{path}"
        content = bytearray()
        if expected:
            request = pfs.GetFileRequest(file=_file(repo, commit, path))
            for piece in self._stream(what, self._stubs.pfs.GetFile, request):
                content += piece.value
                if len(content) >= expected:
                    break  # which cancels the call
        if len(content) < expected:
            raise UnavailableError(what, f"only {len(content)} of {expected} bytes came")
        return bytes(content[:expected])

    def read_files(self, repo: RepoRef, commit: str, glob: str, limit: int) -> Mapping[str, bytes]:
        what, request = f"reading {repo}@{commit}:{glob}", pfs.GetFileRequest(file=_file(repo, commit, glob))
        content = io.BytesIO()
        try:
            for piece in self._stream(what, self._stubs.pfs.GetFileTAR, request):
                content.write(piece.value)
                if content.tell() > _MOST_BYTES:  # whoever writes a repo decides how large its files are
                    raise RefusedError(what, f"the files have more than {_MOST_BYTES >> 20} MiB")
            content.seek(0)
            with tarfile.open(fileobj=content, mode="r:") as archive:
                files = ((each.name, archive.extractfile(each)) for each in archive)
                return {f"/{name.lstrip('/')}": file.read(limit) for name, file in files if file}
        except NotFoundError:
            return {}
        except tarfile.TarError as error:
            raise UnavailableError(what, str(error)) from error

    def walk_files(self, repo: RepoRef, commit: str) -> Mapping[str, StoredFile]:
        request = pfs.WalkFileRequest(file=_file(repo, commit, "/"))
        found = self._stream(f"listing files of {repo}@{commit}", self._stubs.pfs.WalkFile, request)
        files = (info for info in found if info.file_type == pfs.FILE)
        return {info.file.path: StoredFile(int(info.size_bytes), bytes(info.hash)) for info in files}

    def read_log(self, job: JobRef, *, follow: bool, seconds: float) -> GrpcLogStream:
        request = pps.GetLogsRequest(job=messages.job_message(job), follow=follow)
        what = f"reading the log of job {job}"
        with _translated(what):
            call = self._logs.stubs.pps.GetLogs(request, timeout=seconds, metadata=self._metadata())
            return GrpcLogStream(call, what)

    # --- writes

    def create_project(self, project: str) -> None:
        """Create a project. Not part of Gateway, since the operator creates none."""
        request = pfs.CreateProjectRequest(project=pfs.Project(name=project))
        self._call(f"creating project {project}", self._stubs.pfs.CreateProject, request, WRITE_SECONDS)

    def create_repo(self, repo: RepoRef, description: str, *, update: bool = False) -> None:
        request = pfs.CreateRepoRequest(repo=messages.repo_message(repo), description=description, update=update)
        self._call(
            f"{'describing' if update else 'creating'} repo {repo}", self._stubs.pfs.CreateRepo, request, WRITE_SECONDS
        )

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,
        copies: Copies | None = None,
    ) -> None:
        what = f"copying {copies.repo}@{copies.commit} to {branch}" if copies else f"putting files into {branch}"
        requests = upload_requests(branch, files, gone, copies)
        with self._observed(self._stubs.pfs.ModifyFile), _translated(what):
            self._deadline(what, seconds)
            send(self._stubs.pfs.ModifyFile, requests, seconds, self._metadata(), self._leadership)

    def fetch_files(
        self, _branch: BranchRef, urls: Mapping[str, str], seconds: float, cancelled: Callable[[], bool]
    ) -> Fetched:
        """Return a file set, which Pachyderm keeps for half an hour."""
        return fetch_each(self.fetch_file, urls, seconds, cancelled)

    def fetch_bucket(
        self,
        branch: BranchRef,
        bucket: UserBucket,
        seconds: float,  # noqa: ARG002 - of the port
        cancelled: Callable[[], bool],  # noqa: ARG002 - of the port
    ) -> Fetched:
        """Raise RefusedError: pachd has one set of credentials, so an object could read what is another team's."""
        raise RefusedError(
            f"fetching {bucket.url} for {branch}",
            "Pachyderm cannot use a Secret of yours: put the files into a repo (`scriptmodel push`, or "
            "`pachctl put file`), or use presigned URLs in corpus.http.urls",
        )

    def fetch_file(
        self, path: str, url: str, file_set: str, seconds: float, cancelled: Callable[[], bool] = lambda: False
    ) -> str:
        what, create = f"fetching {without_query(url)}", self._stubs.pfs.CreateFileSet
        with self._observed(create), _translated(what):
            self._deadline(what, seconds)
            made = send(create, fetch_requests(path, url), seconds, self._metadata(), self._leadership, cancelled)
        ids = [each for each in (file_set, made.file_set_id) if each]
        compose = pfs.ComposeFileSetRequest(file_set_ids=ids, ttl_seconds=FILE_SET_SECONDS)
        return str(self._call(what, self._stubs.pfs.ComposeFileSet, compose).file_set_id)

    def apply_pipelines(self, pipelines: Sequence[PipelineApply]) -> None:
        names = " and ".join(str(item.spec.ref) for item in pipelines)
        verb = "updating" if any(item.update for item in pipelines) else "creating"
        what = f"{verb} {names}"
        create, create_request = self._stubs.pps.CreatePipeline, messages.create_request
        if self._server(what).merges_defaults:
            create, create_request = self._stubs.create_pipeline_v2, create_v2_request
        opened = self._call(
            what, self._stubs.transactions.StartTransaction, transaction.StartTransactionRequest(), WRITE_SECONDS
        )
        try:
            for item in pipelines:
                self._call(what, create, create_request(item), WRITE_SECONDS, tx=opened.id)
            finish = transaction.FinishTransactionRequest(transaction=opened)
            self._call(what, self._stubs.transactions.FinishTransaction, finish, WRITE_SECONDS)
        except EngineError:
            # Finishing it would execute the requests before the refused one. One that stays open has no effect.
            drop = transaction.DeleteTransactionRequest(transaction=opened)
            with suppress(EngineError):
                self._call(f"dropping transaction {opened.id}", self._stubs.transactions.DeleteTransaction, drop)
            raise

    def settle(self, *_given: object) -> Self:
        """Do nothing: Pachyderm carries on by itself."""
        return self

    def start_pipeline(self, pipeline: PipelineRef) -> None:
        request = pps.StartPipelineRequest(pipeline=messages.pipeline_message(pipeline))
        self._call(f"starting pipeline {pipeline}", self._stubs.pps.StartPipeline, request, WRITE_SECONDS)

    def stop_pipeline(self, pipeline: PipelineRef) -> None:
        request = pps.StopPipelineRequest(pipeline=messages.pipeline_message(pipeline))
        self._call(f"stopping pipeline {pipeline}", self._stubs.pps.StopPipeline, request, WRITE_SECONDS)

    def stop_job(self, job: JobRef, reason: str) -> None:
        request = pps.StopJobRequest(job=messages.job_message(job), reason=reason)
        with suppress(NotFoundError):
            self._call(f"stopping job {job}", self._stubs.pps.StopJob, request, WRITE_SECONDS)

    def delete_pipeline(self, pipeline: PipelineRef, *, keep_repo: bool) -> None:
        request = pps.DeletePipelineRequest(pipeline=messages.pipeline_message(pipeline), keep_repo=keep_repo)
        self._call(f"deleting pipeline {pipeline}", self._stubs.pps.DeletePipeline, request, DELETE_SECONDS)

    def delete_repo(self, repo: RepoRef) -> None:
        request = pfs.DeleteRepoRequest(repo=messages.repo_message(repo))
        with suppress(NotFoundError):
            self._call(f"deleting repo {repo}", self._stubs.pfs.DeleteRepo, request, DELETE_SECONDS)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise translate(error, what) from error
    except ValueError as error:  # gRPC's answer to a call on a closed channel
        raise UnavailableError(what, str(error)) from error


def _method_name(method: Any) -> str:
    """Return the name of a stub's method, such as `InspectBranch` of `/pfs_v2.API/InspectBranch`."""
    path: Any = getattr(method, "_method", b"")
    return bytes(path).decode().rpartition("/")[2] if isinstance(path, bytes) else str(path).rpartition("/")[2]


def _projects(names: Sequence[str]) -> list[Any]:
    """Return project messages, one each: the meaning of an empty list differs from call to call."""
    return [pfs.Project(name=name) for name in names]


def _file(repo: RepoRef, commit: str, path: str) -> Any:
    return pfs.File(commit=messages.commit_message(repo, commit), path=path)
