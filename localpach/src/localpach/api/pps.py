"""The PPS service."""

from __future__ import annotations

from python_pachyderm.proto.v2.pps import pps_pb2_grpc

from localpach.api.pps_datums import DatumCalls
from localpach.api.pps_jobs import JobCalls
from localpach.api.pps_logs import LogCalls
from localpach.api.pps_pipelines import PipelineCalls
from localpach.backend import Backend


class PpsService(PipelineCalls, JobCalls, DatumCalls, LogCalls, pps_pb2_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """The PPS service: pipelines, jobs, datums, logs and secrets."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend


def unsupported() -> dict[str, str]:
    """Return the unsupported calls, each with a message."""
    base = "/pps_v2.API/"
    return {
        base + "ActivateAuth": "localpach does not support auth: it is for one user on one machine",
        base + "RunLoadTest": "localpach does not support load tests",
        base + "RunLoadTestDefault": "localpach does not support load tests",
        base + "RenderTemplate": "localpach does not support jsonnet templates: send the rendered spec",
        base + "ListTask": "localpach does not support distributed tasks",
        base + "GetKubeEvents": "localpach does not support Kubernetes events: it runs without Kubernetes",
        base + "QueryLoki": "localpach does not support Loki: use GetLogs",
    }
