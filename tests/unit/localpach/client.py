"""A client with short forms of the calls that the tests make."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from python_pachyderm.interceptor import MetadataClientInterceptor
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc
from python_pachyderm.proto.v2.pps import pps_pb2 as pps
from python_pachyderm.proto.v2.pps import pps_pb2_grpc
from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc

from tests.contract.serving import open_channel

T = TypeVar("T")


def until(poll: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Poll until the result is true; return it. Raises AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        result = poll()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"no result after {seconds} s: {poll}")
        time.sleep(0.02)


Name = Callable[[str], str]


def sh(script: str) -> list[str]:
    """Return a command that runs a script."""
    return ["sh", "-c", script]


class Client:
    """A client with raw stubs and shorthand for the common calls."""

    def __init__(self, address: str, token: str = "") -> None:
        sent = [("authn-token", token)] if token else []
        channel = grpc.intercept_channel(open_channel(address), MetadataClientInterceptor(sent))
        self.channel = channel
        self.pfs = pfs_pb2_grpc.APIStub(channel)
        self.pps = pps_pb2_grpc.APIStub(channel)
        self.transaction = transaction_pb2_grpc.APIStub(channel)

    def create_repo(self, name: str) -> None:
        """Create a repo in the default project."""
        self.pfs.CreateRepo(pfs.CreateRepoRequest(repo=repo(name)))

    def put(self, name: str, files: dict[str, bytes], branch: str = "master") -> str:
        """Overwrite files in one commit; return its id."""
        self.pfs.ModifyFile(modifications(name, files, branch))
        return self.head(name, branch)

    def head(self, name: str, branch: str = "master") -> str:
        """Return the id of the head of a branch."""
        request = pfs.InspectBranchRequest(branch=pfs.Branch(repo=repo(name), name=branch))
        return str(self.pfs.InspectBranch(request).head.id)

    def read(self, name: str, path: str, uuid: str = "") -> bytes:
        """Return the bytes of a file."""
        answer = self.pfs.GetFile(pfs.GetFileRequest(file=pfs.File(commit=commit(name, uuid), path=path)))
        return b"".join(piece.value for piece in answer)

    def paths(self, name: str, uuid: str = "") -> list[str]:
        """Return the paths of all files."""
        answer = self.pfs.WalkFile(pfs.WalkFileRequest(file=pfs.File(commit=commit(name, uuid), path="/")))
        return [info.file.path for info in answer if info.file_type == pfs.FILE]

    def create_pipeline(self, name: str, words: list[str], source: str | pps.Input, **fields: Any) -> str:
        """Create a pipeline; return the id of its first job."""
        request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name=name), **fields)
        request.transform.cmd.extend(words)
        if isinstance(source, str):
            request.input.pfs.repo = source
            request.input.pfs.name = "in"
            request.input.pfs.glob = "/"
        else:
            request.input.CopyFrom(source)
        self.pps.CreatePipeline(request)
        return self.head(name)

    def job(self, pipeline: str, uuid: str) -> pps.JobInfo:
        """Return a job."""
        return self.pps.InspectJob(pps.InspectJobRequest(job=job(pipeline, uuid)))

    def finished_job(self, pipeline: str, uuid: str, seconds: float = 60.0) -> pps.JobInfo:
        """Wait until a job has finished and return it."""
        request = pps.InspectJobRequest(job=job(pipeline, uuid), wait=True)
        return self.pps.InspectJob(request, timeout=seconds)

    def job_in(self, pipeline: str, uuid: str, state: int) -> pps.JobInfo:
        """Wait until a job is in a state and return it."""

        def found() -> pps.JobInfo | None:
            info = self.job(pipeline, uuid)
            return info if info.state == state else None

        return until(found)

    def lines(self, pipeline: str, uuid: str, *, user: bool = True) -> list[str]:
        """Return the log lines of a job."""
        answer = self.pps.GetLogs(pps.GetLogsRequest(job=job(pipeline, uuid)))
        return [line.message for line in answer if line.user == user]


def repo(name: str) -> pfs.Repo:
    """Return a user repo of the default project."""
    return pfs.Repo(name=name, type="user", project=pfs.Project(name="default"))


def commit(name: str, uuid: str = "", branch: str = "master") -> pfs.Commit:
    """Return a commit by id, or the head of a branch."""
    if uuid:
        return pfs.Commit(repo=repo(name), id=uuid)
    return pfs.Commit(repo=repo(name), branch=pfs.Branch(repo=repo(name), name=branch))


def job(pipeline: str, uuid: str) -> pps.Job:
    """Return a job of the default project."""
    return pps.Job(pipeline=pps.Pipeline(name=pipeline, project=pfs.Project(name="default")), id=uuid)


def modifications(name: str, files: dict[str, bytes], branch: str = "master") -> Iterable[pfs.ModifyFileRequest]:
    """Yield the requests that overwrite files."""
    yield pfs.ModifyFileRequest(set_commit=commit(name, branch=branch))
    for path, content in files.items():
        yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=path))
        added = pfs.AddFile(path=path)
        added.raw.value = content
        yield pfs.ModifyFileRequest(add_file=added)


def upload(name: str, url: str) -> Iterator[pfs.ModifyFileRequest]:
    """Return the messages that write the content of a URL to the file `/text`."""
    yield pfs.ModifyFileRequest(set_commit=commit(name))
    yield pfs.ModifyFileRequest(add_file=pfs.AddFile(path="/text", url=pfs.AddFile.URLSource(URL=url)))


def pfs_input(source: str, glob: str, **fields: Any) -> pps.Input:
    """Return an input that reads a repo."""
    return pps.Input(pfs=pps.PFSInput(repo=source, glob=glob, **fields))
