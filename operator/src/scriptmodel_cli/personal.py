"""The engine of Jobs and a bucket with the rights of a person: their kubeconfig, and URLs that the operator signs."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from scriptmodel_cli.requested import RequestedBucket
from scriptmodel_cli.transfer import Transfer
from scriptmodel_operator.engine.errors import AccessError, RefusedError
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, Copies, Upload
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.document import MANIFEST
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.manifest import encode_own
from scriptmodel_operator.jobs.packing import Packing
from scriptmodel_operator.jobs.ports import Cluster, Lines
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.store import Versions
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.leadership import UNLIMITED

if TYPE_CHECKING:
    from scriptmodel_cli.pachd import PachdAccess
    from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

_NAMESPACE = re.compile(r"/namespaces/([a-z0-9-]+)/")
_USER = re.compile(r'User "([^"]+)"')


class PersonalCluster:
    """Implements `Cluster`: the API server, whose refusals say which right is missing and how it is granted."""

    def __init__(self, cluster: Cluster, role: str) -> None:
        """`role` is the ClusterRole with the rights that the command needs in a namespace."""
        self._cluster = cluster
        self._role = role

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        with self._advising(path):
            return self._cluster.request(method, path, what, body, content_type, accept)

    def lines(self, path: str, what: str, seconds: float) -> Lines:
        with self._advising(path):
            return self._cluster.lines(path, what, seconds)

    @contextmanager
    def _advising(self, path: str) -> Iterator[None]:
        try:
            yield
        except AccessError as error:
            namespace, user = _NAMESPACE.search(path), _USER.search(error.detail)
            if namespace is None or user is None:
                raise
            name = f"{self._role}-{user[1].rpartition(':')[2]}"
            granted = f"kubectl -n {namespace[1]} create rolebinding {name} --clusterrole={self._role} {_flag(user[1])}"
            detail = f"{error.detail}; ask an administrator of the namespace for `{granted}`"
            raise AccessError(error.what, detail, error.code, denied=error.denied) from error


class PersonalGateway(JobsGateway):
    """Reads as the operator does; what a person writes to the bucket becomes a version by a request."""

    def __init__(self, cluster: Cluster, bucket: RequestedBucket, namespaces: Sequence[str]) -> None:
        attempts = Attempts(cluster, bucket, JobSettings())
        super().__init__(
            Records(cluster, namespaces), bucket, Versions(bucket), attempts, lambda _namespace, _repo: False
        )
        self._requested = bucket
        self._projects = frozenset(namespaces)

    def create_project(self, project: str) -> None:
        raise RefusedError(f"creating project {project}", "a project is a namespace here: `kubectl create namespace`")

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,  # noqa: ARG002 - an upload lasts as long as it takes
        copies: Copies | None = None,
    ) -> None:
        if copies or [*gone] not in ([], [EVERYTHING]):
            raise RefusedError(f"changing {branch}", "people add files, or replace them all")
        request = {"write": branch.repo.name, "branch": branch.name, "replace": bool(gone)}
        with self._requested.writing(branch.repo.project, request) as answered:
            folder = f"v1/{branch.repo.project}/uploads/{answered.uid}"
            packing = Packing(folder, files)
            for key, content in packing:
                self._requested.put(key, content)
            manifest = encode_own(packing.manifest())
            self._requested.put(f"{folder}/{MANIFEST}", manifest)
            self._requested.finish(answered, hashlib.sha256(manifest).hexdigest())


@contextmanager
def personal_gateway(
    login: Callable[[], kopf.ConnectionInfo],
    namespace: str,
    release: PachdAccess,
    sent: Callable[[int], None],
    namespaces: Sequence[str],
) -> Iterator[PersonalGateway]:
    """Connect to the engine. Requests are made in `namespace`; `namespaces` are those that are listed, none for all."""
    with _running_loop() as loop:
        client = KubeClient(login, UNLIMITED)
        cluster = PersonalCluster(KubeCluster(client, loop), release.people_role)
        bucket = RequestedBucket(cluster, Transfer(release.s3_tunnel), namespace, sent)
        try:
            yield PersonalGateway(cluster, bucket, namespaces)
        finally:
            asyncio.run_coroutine_threadsafe(client.close(), loop).result()


@contextmanager
def _running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread, for the threads of a command."""
    with closing(asyncio.new_event_loop()) as loop:
        thread = Thread(target=loop.run_forever, name="kubernetes", daemon=True)
        thread.start()
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _flag(user: str) -> str:
    """Return the option of `kubectl create rolebinding` for a user."""
    account = user.removeprefix("system:serviceaccount:")
    return f"--serviceaccount={account}" if account != user else f"--user={user}"
