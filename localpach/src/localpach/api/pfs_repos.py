"""The PFS calls about projects, repos and branches."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from localpach.api.describe import branch_info, project_info, repo_info, repo_size
from localpach.backend import Calls
from localpach.errors import InvalidArgumentError, PachError
from localpach.messages import Empty, branch_ref, pfs, repo_message, repo_ref
from localpach.names import DEFAULT_PROJECT
from localpach.pfs import branches, commitsets, projects, repos
from localpach.pfs.repos import Repo
from localpach.store.database import Txn


class RepoCalls(Calls):
    """The PFS calls about projects, repos and branches."""

    def CreateProject(self, request: pfs.CreateProjectRequest, context: grpc.ServicerContext) -> Empty:
        """Create or update a project."""
        name = request.project.name if request.HasField("project") else None
        with self._backend.db.write() as txn:
            projects.create(txn, name, request.description, update=request.update)
        return Empty()

    def InspectProject(self, request: pfs.InspectProjectRequest, context: grpc.ServicerContext) -> pfs.ProjectInfo:
        """Describe a project."""
        name = request.project.name
        with self._backend.db.read() as txn:
            try:
                return project_info(projects.get(txn, name))
            except PachError as error:
                raise error.within(f'error getting project "{name}"') from None

    def ListProject(self, request: pfs.ListProjectRequest, context: grpc.ServicerContext) -> Iterator[pfs.ProjectInfo]:
        """List all projects."""
        with self._backend.db.read() as txn:
            found = projects.list_all(txn)
        yield from map(project_info, found)

    def DeleteProject(self, request: pfs.DeleteProjectRequest, context: grpc.ServicerContext) -> Empty:
        """Delete an empty project."""
        with self._backend.db.write() as txn:
            projects.delete(txn, request.project.name if request.HasField("project") else None)
        return Empty()

    def CreateRepo(self, request: pfs.CreateRepoRequest, context: grpc.ServicerContext) -> Empty:
        """Create or update a repo."""
        self._perform(context, create_repo=request)
        return Empty()

    def InspectRepo(self, request: pfs.InspectRepoRequest, context: grpc.ServicerContext) -> pfs.RepoInfo:
        """Describe a repo with its size."""
        if not request.HasField("repo"):
            raise PachError("repo cannot be nil")
        with self._backend.db.read() as txn:
            repo = repos.get(txn, repo_ref(request.repo))
            info = repo_info(txn, repo)
            info.details.size_bytes = repo_size(txn, repo)
            return info

    def ListRepo(self, request: pfs.ListRepoRequest, context: grpc.ServicerContext) -> Iterator[pfs.RepoInfo]:
        """List the repos of a type, newest first."""
        found = []
        with self._backend.db.read() as txn:
            for repo in repos.list_all(txn, kind=request.type, projects=[each.name for each in request.projects]):
                info = repo_info(txn, repo)
                info.size_bytes_upper_bound = repo_size(txn, repo)
                found.append(info)
        yield from found

    def DeleteRepo(self, request: pfs.DeleteRepoRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a repo."""
        if not request.HasField("repo"):
            raise InvalidArgumentError("no repo specified")
        self._perform(context, delete_repo=request)
        return Empty()

    def DeleteRepos(self, request: pfs.DeleteReposRequest, context: grpc.ServicerContext) -> pfs.DeleteReposResponse:
        """Delete all repos, or those of some projects; none may belong to a pipeline."""
        names = [each.name for each in request.projects]
        if not request.all and not names:
            return pfs.DeleteReposResponse()
        with self._backend.db.write() as txn:
            found = repos.list_all(txn, projects=() if request.all else names)
            self._delete(txn, found, "delete repos", force=request.force)
        return pfs.DeleteReposResponse(repos=[repo_message(repo.ref) for repo in found])

    def CreateBranch(self, request: pfs.CreateBranchRequest, context: grpc.ServicerContext) -> Empty:
        """Create or update a branch."""
        self._perform(context, create_branch=request)
        return Empty()

    def InspectBranch(self, request: pfs.InspectBranchRequest, context: grpc.ServicerContext) -> pfs.BranchInfo:
        """Describe a branch with its provenance."""
        with self._backend.db.read() as txn:
            return branch_info(txn, branches.get(txn, branch_ref(request.branch)))

    def ListBranch(self, request: pfs.ListBranchRequest, context: grpc.ServicerContext) -> Iterator[pfs.BranchInfo]:
        """List the branches of a repo, newest first."""
        repo = repo_ref(request.repo) if request.HasField("repo") else None
        with self._backend.db.read() as txn:
            found = branches.in_repo(txn, repo)
            infos = [branch_info(txn, each) for each in (reversed(found) if request.reverse else found)]
        yield from infos

    def DeleteBranch(self, request: pfs.DeleteBranchRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a branch."""
        self._perform(context, delete_branch=request)
        return Empty()

    def DeleteAll(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Delete all repos and projects except the default project, which is created again."""
        with self._backend.db.write() as txn:
            self._delete(txn, repos.list_all(txn), "could not delete all repos", force=False)
            for project in projects.list_all(txn):
                projects.delete(txn, project.name)
            projects.create(txn, DEFAULT_PROJECT, "", update=False)
        return Empty()

    def _delete(self, txn: Txn, found: list[Repo], what: str, *, force: bool) -> None:
        if any(repos.belongs_to_pipeline(txn, repo.ref) for repo in found):
            raise PachError(f"{what}: {commitsets.OF_A_PIPELINE}")
        commitsets.delete_repos(txn, self._backend.content, found, force=force)
