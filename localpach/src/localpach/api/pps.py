"""The PPS service."""

from __future__ import annotations

from python_pachyderm.proto.v2.pps import pps_pb2_grpc

from localpach.api.pps_datums import DatumCalls
from localpach.api.pps_jobs import JobCalls
from localpach.api.pps_logs import LogCalls
from localpach.api.pps_pipelines import PipelineCalls
from localpach.service import Service


class PpsService(PipelineCalls, JobCalls, DatumCalls, LogCalls, pps_pb2_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    """Pipelines, jobs, datums, logs and secrets."""

    def __init__(self, service: Service) -> None:
        self._service = service


def left_out() -> dict[str, str]:
    """Calls that are knowingly not here, each with a sentence."""
    base = "/pps_v2.API/"
    return {
        base + "ActivateAuth": "localpach has no auth: it is for one person on one machine",
        base + "RunLoadTest": "localpach runs no load tests of itself",
        base + "RunLoadTestDefault": "localpach runs no load tests of itself",
        base + "RenderTemplate": "localpach renders no jsonnet templates: send the rendered spec",
        base + "ListTask": "localpach has no distributed tasks",
        base + "GetKubeEvents": "localpach has no Kubernetes, and so no events of it",
        base + "QueryLoki": "localpach has no Loki: use GetLogs",
    }
