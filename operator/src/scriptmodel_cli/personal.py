"""The engine of Jobs and a bucket with the rights of a person: their kubeconfig, and URLs that the operator signs."""

import hashlib
from collections.abc import Iterable, Sequence

from scriptmodel_cli.requested import RequestedBucket
from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, Copies, Upload
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.document import MANIFEST
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.manifest import encode_own
from scriptmodel_operator.jobs.packing import Packing
from scriptmodel_operator.jobs.ports import Cluster
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.store import Versions


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
