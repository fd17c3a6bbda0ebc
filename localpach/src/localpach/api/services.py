"""The services for files and pipelines, and what localpach does not support of the API."""

from __future__ import annotations

from localpach.api.pfs_commits import CommitCalls
from localpach.api.pfs_files import FileCalls
from localpach.api.pfs_repos import RepoCalls
from localpach.api.pps_datums import DatumCalls
from localpach.api.pps_jobs import JobCalls
from localpach.api.pps_logs import LogCalls
from localpach.api.pps_pipelines import PipelineCalls
from localpach.protocol import pfs_grpc, pps_grpc


class PfsService(RepoCalls, CommitCalls, FileCalls, pfs_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """The PFS service: projects, repos, branches, commits and files."""


class PpsService(PipelineCalls, JobCalls, DatumCalls, LogCalls, pps_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """The PPS service: pipelines, jobs, datums, logs and secrets."""


_AUTH_OFF = "the auth service is not activated"
_NO_AUTH = "localpach does not support auth: it is for one user on one machine"
_CHECK = "stop it and run `localpach check --root DIR`"
_NO_CACHE = "localpach does not support the cache service"
_NO_LOAD_TESTS = "localpach does not support load tests"
_NO_TASKS = "localpach does not support distributed tasks"

UNSUPPORTED = {
    "auth_v2.API": _AUTH_OFF,
    "identity_v2.API": "localpach does not support identities: it is for one user on one machine",
    "license_v2.API": "localpach does not support licences: it behaves like an unlicensed Community server",
    "debug_v2.Debug": "localpach does not support the debug service: see its log and its --root folder",
    "/enterprise_v2.API/Activate": "localpach does not support licences",
    "/enterprise_v2.API/Deactivate": "localpach does not support licences",
    "/enterprise_v2.API/Heartbeat": "localpach does not support licences",
    "/enterprise_v2.API/Pause": "localpach cannot be paused: stop it instead",
    "/enterprise_v2.API/PauseStatus": _AUTH_OFF,
    "/enterprise_v2.API/Unpause": "localpach cannot be paused: start it instead",
    "/pfs_v2.API/ActivateAuth": _NO_AUTH,
    "/pfs_v2.API/Fsck": f"localpach does not support fsck: {_CHECK}",
    "/pfs_v2.API/CheckStorage": f"localpach does not support CheckStorage: {_CHECK}",
    "/pfs_v2.API/PutCache": _NO_CACHE,
    "/pfs_v2.API/GetCache": _NO_CACHE,
    "/pfs_v2.API/ClearCache": _NO_CACHE,
    "/pfs_v2.API/RunLoadTest": _NO_LOAD_TESTS,
    "/pfs_v2.API/RunLoadTestDefault": _NO_LOAD_TESTS,
    "/pfs_v2.API/ListTask": _NO_TASKS,
    "/pfs_v2.API/Egress": "localpach does not support egress: read the commit and upload it yourself",
    "/pps_v2.API/ActivateAuth": _NO_AUTH,
    "/pps_v2.API/RunLoadTest": _NO_LOAD_TESTS,
    "/pps_v2.API/RunLoadTestDefault": _NO_LOAD_TESTS,
    "/pps_v2.API/RenderTemplate": "localpach does not support jsonnet templates: send the rendered spec",
    "/pps_v2.API/ListTask": _NO_TASKS,
    "/pps_v2.API/GetKubeEvents": "localpach does not support Kubernetes events: it runs without Kubernetes",
    "/pps_v2.API/QueryLoki": "localpach does not support Loki: use GetLogs",
}
"""The answer to each service, or method of a supported service, that localpach does not support."""
