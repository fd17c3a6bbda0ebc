"""Auth of a real Pachyderm: the operator's user, the roles that it gets, and who holds which role on a repo."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from python_pachyderm.proto.v2.auth import auth_pb2, auth_pb2_grpc
from python_pachyderm.proto.v2.pfs import pfs_pb2, pfs_pb2_grpc

DEADLINE = 30
PROJECT = "default"

Roles = dict[str, set[str]]
"""The roles on one repo, by who holds them."""


class Administrator:
    """Whoever has the root token, as `pachctl auth` does it."""

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._auth = auth_pb2_grpc.APIStub(channel)
        self._pfs = pfs_pb2_grpc.APIStub(channel)
        self._metadata = [("authn-token", token)]

    def robot(self, user: str, seconds: int = 0) -> str:
        """Return a new token for a user without roles; without `seconds` it does not expire."""
        request = auth_pb2.GetRobotTokenRequest(robot=user, ttl=seconds)
        return str(self._auth.GetRobotToken(request, metadata=self._metadata, timeout=DEADLINE).token)

    def revoke(self, token: str) -> None:
        request = auth_pb2.RevokeAuthTokenRequest(token=token)
        self._auth.RevokeAuthToken(request, metadata=self._metadata, timeout=DEADLINE)

    @contextmanager
    def project(self, name: str) -> Iterator[str]:
        """A project where nobody else has a role; in `default` everybody may write."""
        project = pfs_pb2.Project(name=name)
        self._pfs.CreateProject(
            pfs_pb2.CreateProjectRequest(project=project), metadata=self._metadata, timeout=DEADLINE
        )
        try:
            yield name
        finally:
            request = pfs_pb2.DeleteProjectRequest(project=project, force=True)
            self._pfs.DeleteProject(request, metadata=self._metadata, timeout=DEADLINE)

    def set_roles(self, user: str, *roles: str, project: str = PROJECT) -> None:
        """Set the roles in a project; without roles the user loses those it had."""
        resource = auth_pb2.Resource(type=auth_pb2.PROJECT, name=project)
        request = auth_pb2.ModifyRoleBindingRequest(resource=resource, principal=f"robot:{user}", roles=roles)
        self._auth.ModifyRoleBinding(request, metadata=self._metadata, timeout=DEADLINE)

    def roles(self, repo: str) -> Roles:
        """Return the roles that were given on the repo itself."""
        request = auth_pb2.GetRoleBindingRequest(
            resource=auth_pb2.Resource(type=auth_pb2.REPO, name=f"{PROJECT}/{repo}")
        )
        entries = self._auth.GetRoleBinding(request, metadata=self._metadata, timeout=DEADLINE).binding.entries
        return {who: {role for role, held in given.roles.items() if held} for who, given in entries.items()}


@contextmanager
def administrator(address: str, token: str) -> Iterator[Administrator]:
    """Call the server with the root token while the block runs."""
    with grpc.insecure_channel(address) as channel:
        yield Administrator(channel, token)


@contextmanager
def operators_token(address: str, root_token: str) -> Iterator[str]:
    """Return the token of a new user with the least roles that docs/guide/install.md names; "" without a root token.

    Whoever creates a repo owns it, so the tests create their corpora with this token, too.
    """
    if not root_token:
        yield ""
        return
    with administrator(address, root_token) as root:
        user = f"scriptmodel-{uuid.uuid4().hex[:6]}"
        token = root.robot(user)
        root.set_roles(user, "projectWriter")
        try:
            yield token
        finally:
            root.set_roles(user)
