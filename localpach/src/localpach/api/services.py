"""The services for files and pipelines."""

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
    """The PPS service: pipelines, jobs, datums and logs."""
