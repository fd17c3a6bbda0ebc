"""The PFS calls about projects, repos and branches."""

from collections.abc import Iterator

import grpc

from localpach.api.describe import branch_info, project_info, repo_info, repo_size
from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import Empty, branch_ref, pfs, repo_ref
from localpach.pfs import branches, projects, repos


class RepoCalls(Calls):
    def CreateProject(self, request: pfs.CreateProjectRequest, context: grpc.ServicerContext) -> Empty:
        name = request.project.name if request.HasField("project") else None
        with self._backend.db.write() as txn:
            projects.create(txn, name, request.description, update=request.update)
        return Empty()

    def InspectProject(self, request: pfs.InspectProjectRequest, context: grpc.ServicerContext) -> pfs.ProjectInfo:
        name = request.project.name
        with self._backend.db.read() as txn:
            try:
                return project_info(projects.get(txn, name))
            except PachError as error:
                raise error.within(f'error getting project "{name}"') from None

    def ListProject(self, request: pfs.ListProjectRequest, context: grpc.ServicerContext) -> Iterator[pfs.ProjectInfo]:
        with self._backend.db.read() as txn:
            found = projects.list_all(txn)
        yield from map(project_info, found)

    def DeleteProject(self, request: pfs.DeleteProjectRequest, context: grpc.ServicerContext) -> Empty:
        with self._backend.db.write() as txn:
            projects.delete(txn, request.project.name if request.HasField("project") else None)
        return Empty()

    def CreateRepo(self, request: pfs.CreateRepoRequest, context: grpc.ServicerContext) -> Empty:
        self._perform(context, create_repo=request)
        return Empty()

    def InspectRepo(self, request: pfs.InspectRepoRequest, context: grpc.ServicerContext) -> pfs.RepoInfo:
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
        self._perform(context, delete_repo=request)
        return Empty()

    def CreateBranch(self, request: pfs.CreateBranchRequest, context: grpc.ServicerContext) -> Empty:
        self._perform(context, create_branch=request)
        return Empty()

    def InspectBranch(self, request: pfs.InspectBranchRequest, context: grpc.ServicerContext) -> pfs.BranchInfo:
        with self._backend.db.read() as txn:
            return branch_info(txn, branches.get(txn, branch_ref(request.branch)))

    def ListBranch(self, request: pfs.ListBranchRequest, context: grpc.ServicerContext) -> Iterator[pfs.BranchInfo]:
        repo = repo_ref(request.repo) if request.HasField("repo") else None
        with self._backend.db.read() as txn:
            infos = [branch_info(txn, each) for each in branches.in_repo(txn, repo)]
        yield from infos

    def DeleteBranch(self, request: pfs.DeleteBranchRequest, context: grpc.ServicerContext) -> Empty:
        self._perform(context, delete_branch=request)
        return Empty()
