"""Drives Pachyderm as a person would: with python_pachyderm."""

import uuid
from types import TracebackType
from typing import Any, Self

import grpc
import python_pachyderm
from python_pachyderm.interceptor import MetadataClientInterceptor
from python_pachyderm.proto.v2.pfs import pfs_pb2, pfs_pb2_grpc
from python_pachyderm.proto.v2.pps import pps_pb2, pps_pb2_grpc

from scriptmodel_operator.api.marks import naming

DEADLINE = 120


def place(commit: str) -> tuple[str, str]:
    """Repo and id of a commit of the default project as the status names it."""
    repo, _, found = commit.removeprefix("default/").partition("@")
    return repo, found.partition(":")[0]


class Pachyderm:
    """`client` for what is safe in python_pachyderm's own client, stubs with deadlines for the rest."""

    def __init__(self, address: str, token: str = "", namespace: str = "default") -> None:
        """`namespace` is the one that reads the repos that are made here."""
        self.namespace = namespace
        host, _, port = address.rpartition(":")  # of a socket: "unix" and its path
        self.client = python_pachyderm.Client(host=host, port=port, auth_token=token)
        self._channel = grpc.insecure_channel(address)
        calls = grpc.intercept_channel(
            self._channel, MetadataClientInterceptor([("authn-token", token)] if token else [])
        )
        self.pfs = pfs_pb2_grpc.APIStub(calls)
        self.pps = pps_pb2_grpc.APIStub(calls)

    def corpus(self, files: dict[str, str], name: str = "") -> str:
        """A new repo with one commit; its name."""
        repo = name or f"plays-{uuid.uuid4().hex[:8]}"
        self.create_repo(repo)
        self.put(repo, files)
        return repo

    def create_repo(self, repo: str) -> None:
        """Create an empty repo, as `scriptmodel push --create` would."""
        self.client.create_repo(repo, naming(self.namespace))

    def put(self, repo: str, files: dict[str, str], branch: str = "master") -> None:
        """One commit."""
        with self.client.modify_file_client((repo, branch)) as changes:
            for path, text in files.items():
                changes.put_file_from_bytes(path, text.encode())

    def head(self, repo: str, branch: str = "master") -> str:
        request = pfs_pb2.InspectBranchRequest(branch=_branch(repo, branch))
        return str(self.pfs.InspectBranch(request, timeout=DEADLINE).head.id)

    def commits(self, repo: str) -> list[str]:
        """Ids on master, newest first."""
        found: list[str] = []
        branches = self.pfs.ListBranch(pfs_pb2.ListBranchRequest(repo=_repo(repo)), timeout=DEADLINE)
        newest = next((each.head.id for each in branches if each.branch.name == "master"), "")
        while newest:
            found.append(newest)
            commit = pfs_pb2.Commit(repo=_repo(repo), id=newest)
            info = self.pfs.InspectCommit(pfs_pb2.InspectCommitRequest(commit=commit), timeout=DEADLINE)
            newest = info.parent_commit.id
        return found

    def repos(self) -> set[str]:
        request = pfs_pb2.ListRepoRequest(type="user")
        return {info.repo.name for info in self.pfs.ListRepo(request, timeout=DEADLINE)}

    def pipelines(self) -> dict[str, Any]:
        found = self.pps.ListPipeline(pps_pb2.ListPipelineRequest(details=True), timeout=DEADLINE)
        return {info.pipeline.name: info for info in found}

    def versions(self, found: dict[str, Any]) -> dict[str, int]:
        """Return an object's pipelines, by the last part of their names."""
        pipelines = self.pipelines()
        names = [each["name"] for each in found["status"]["pipelines"]]
        return {name.rpartition("-")[2]: int(pipelines[name].version) for name in names}

    def jobs(self, pipeline: str) -> list[Any]:
        """Return the jobs of all versions, newest first."""
        request = pps_pb2.ListJobRequest(pipeline=_pipeline(pipeline), history=-1)
        return list(self.pps.ListJob(request, timeout=DEADLINE))

    def delete_pipeline(self, name: str) -> None:
        request = pps_pb2.DeletePipelineRequest(pipeline=_pipeline(name), force=True)
        self.pps.DeletePipeline(request, timeout=DEADLINE)

    def delete_repo(self, name: str) -> None:
        self.pfs.DeleteRepo(pfs_pb2.DeleteRepoRequest(repo=_repo(name)), timeout=DEADLINE)

    def read(self, repo: str, commit: str, path: str) -> str:
        return self.read_bytes(repo, commit, path).decode()

    def read_bytes(self, repo: str, commit: str, path: str) -> bytes:
        file = pfs_pb2.File(commit=pfs_pb2.Commit(repo=_repo(repo), id=commit, branch=_branch(repo, "")), path=path)
        pieces = self.pfs.GetFile(pfs_pb2.GetFileRequest(file=file), timeout=DEADLINE)
        return b"".join(piece.value for piece in pieces)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


def _repo(name: str) -> Any:
    return pfs_pb2.Repo(name=name, type="user", project=pfs_pb2.Project(name="default"))


def _branch(repo: str, name: str) -> Any:
    return pfs_pb2.Branch(repo=_repo(repo), name=name)


def _pipeline(name: str) -> Any:
    return pps_pb2.Pipeline(project=pfs_pb2.Project(name="default"), name=name)
