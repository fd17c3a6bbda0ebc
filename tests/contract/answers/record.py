"""Records what a server answers to the operator's own calls where something is in their way.

    python -m tests.contract.answers.record HOST:PORT [--auth] > tests/contract/answers/VERSION.yaml

The server must be nobody else's. With --auth (2.12 needs no licence for it), auth is activated, used with robot
tokens, and deactivated again. What equals the answer of 2.7.8 is left out.
"""

import argparse
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import grpc
import yaml
from python_pachyderm.proto.v2.auth import auth_pb2, auth_pb2_grpc

from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import (
    BranchRef,
    Datums,
    JobRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoRef,
)
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.protocol import pfs, pfs_grpc, pps, pps_grpc
from tests.unit.operator.pipeline_specs import changed

FOLDER = Path(__file__).parent
BASE = "2.7.8"
Answer = Mapping[str, str]
Call = Callable[[], object]
PLAYS, NEVER = RepoRef("default", "rec-plays"), RepoRef("default", "rec-never")
TRAIN, GENERATE = PipelineRef("default", "rec-train"), PipelineRef("default", "rec-generate")
NO_ID = "0" * 12 + "4" + "0" * 3 + "8" + "0" * 15


def answers(version: str) -> dict[str, Answer]:
    """Return all answers of a recorded version: its own, over those of 2.7.8."""
    own: dict[str, Answer] = yaml.safe_load((FOLDER / f"{version}.yaml").read_text())
    return own if version == BASE else {**answers(BASE), **own}


def versions() -> list[str]:
    """Return the recorded versions."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _spec(ref: PipelineRef, source: RepoRef) -> PipelineSpec:
    branch = BranchRef(source, "master")
    return PipelineSpec(ref, "none:1", ("true",), PipelineInput("corpus", branch, "/"), Datums(autoscaling=False))


def _calls(gateway: PachydermGateway) -> dict[str, Call]:
    """Return calls by what is in their way."""
    train = _spec(TRAIN, PLAYS)

    def apply(spec: PipelineSpec, *, update: bool = False) -> Call:
        return lambda: gateway.apply_pipelines([PipelineApply(spec, update=update)])

    def put(repo: RepoRef) -> Call:
        return lambda: gateway.replace_files(BranchRef(repo, "master"), [("/a", [b"x"])], [], 30)

    return {
        "a branch that does not exist": lambda: gateway.branch_head(BranchRef(PLAYS, "never")),
        "a branch of a repo that does not exist": lambda: gateway.branch_head(BranchRef(NEVER, "master")),
        "a commit that does not exist": lambda: gateway.inspect_commit(PLAYS, NO_ID),
        "a file that does not exist": lambda: gateway.file_size(PLAYS, _head(gateway, PLAYS), "/never"),
        "a repo that exists": lambda: gateway.create_repo(PLAYS, ""),
        "a repo in a project that does not exist": lambda: gateway.create_repo(RepoRef("rec-never", "a"), ""),
        "a pipeline that exists": apply(train),
        "a pipeline of the name of a repo": apply(replace(train, ref=PipelineRef("default", PLAYS.name))),
        "a pipeline whose input does not exist": apply(changed(train, branch=BranchRef(NEVER, "master")), update=True),
        "a pipeline that reads itself": apply(changed(train, branch=BranchRef(TRAIN.output, "master")), update=True),
        "a pod patch that is no JSON": apply(changed(train, patch="{"), update=True),
        "files for a repo that does not exist": put(NEVER),
        "a repo that a pipeline reads": lambda: gateway.delete_repo(PLAYS),
        "a pipeline that another one reads": lambda: gateway.delete_pipeline(TRAIN, keep_repo=False),
        "a repo of a pipeline": lambda: gateway.delete_repo(GENERATE.output),
        "a pipeline to start that does not exist": lambda: gateway.start_pipeline(PipelineRef("default", "rec-never")),
        "the log of a job that does not exist": lambda: list(_log(gateway, JobRef(TRAIN, NO_ID))),
        "a log without pods": lambda: list(_log(gateway, gateway.list_pipeline_jobs(TRAIN, 1)[0].ref)),
    }


def _head(gateway: PachydermGateway, repo: RepoRef) -> str:
    found = gateway.branch_head(BranchRef(repo, "master"))
    return found.id if found else ""


def _log(gateway: PachydermGateway, job: JobRef) -> LogStream:
    return gateway.read_log(job, follow=False, seconds=10)


def _answer(call: Call) -> Answer:
    try:
        call()
    except EngineError as error:
        return {"code": error.code, "message": error.detail}
    return {"code": "OK"}


@contextmanager
def _world(gateway: PachydermGateway) -> Iterator[None]:
    """A repo and two pipelines, one reading the other."""
    gateway.create_repo(PLAYS, "")
    gateway.replace_files(BranchRef(PLAYS, "master"), [("/a", [b"x"])], [], 30)
    gateway.apply_pipelines([PipelineApply(_spec(TRAIN, PLAYS)), PipelineApply(_spec(GENERATE, TRAIN.output))])
    try:
        yield
    finally:
        for pipeline in (GENERATE, TRAIN):
            gateway.delete_pipeline(pipeline, keep_repo=False)
        gateway.delete_repo(PLAYS)


def recorded(address: str) -> dict[str, Answer]:
    """Return what a server answers, by what is in the way of the call."""
    with closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway, _world(gateway):
        return {name: _answer(call) for name, call in _calls(gateway).items()}


def _recorded_access(address: str) -> dict[str, Answer]:
    """Return what is answered to tokens of all kinds. Auth is active meanwhile."""
    channel = grpc.insecure_channel(address)
    auth = auth_pb2_grpc.APIStub(channel)
    root = auth.Activate(auth_pb2.ActivateRequest(root_token=uuid.uuid4().hex)).pach_token
    as_root = [("authn-token", root)]

    def robot(seconds: int = 0) -> str:
        request = auth_pb2.GetRobotTokenRequest(robot="scriptmodel", ttl=seconds)
        return str(auth.GetRobotToken(request, metadata=as_root).token)

    try:
        pfs_grpc.APIStub(channel).ActivateAuth(pfs.ActivateAuthRequest(), metadata=as_root)
        pps_grpc.APIStub(channel).ActivateAuth(pps.ActivateAuthRequest(), metadata=as_root)
        expired, revoked = robot(1), robot()
        auth.RevokeAuthToken(auth_pb2.RevokeAuthTokenRequest(token=revoked), metadata=as_root)
        time.sleep(3)
        with _gateway(address, root) as gateway, suppress(EngineError):
            gateway.create_project("rec-project")
        with _gateway(address, root) as gateway, _world(gateway):
            tokens = {"no token": "", "an expired token": expired, "a revoked token": revoked}
            found = {
                name: _with_token(address, token, lambda each: each.list_projects()) for name, token in tokens.items()
            }
            denied: dict[str, Callable[[PachydermGateway], object]] = {
                "a corpus that the user may not read": lambda each: each.branch_head(BranchRef(PLAYS, "master")),
                "a project that the user may not write": lambda each: each.create_repo(RepoRef("rec-project", "a"), ""),
                "a repo that the user may not write": lambda each: each.create_repo(PLAYS, "x", update=True),
            }
            return found | {name: _with_token(address, robot(), call) for name, call in denied.items()}
    finally:
        auth.Deactivate(auth_pb2.DeactivateRequest(), metadata=as_root)
        channel.close()


@contextmanager
def _gateway(address: str, token: str) -> Iterator[PachydermGateway]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(token)
        file.flush()
        with closing(PachydermGateway(PachdAddress(address, Path(file.name)), UNLIMITED)) as gateway:
            yield gateway


def _with_token(address: str, token: str, call: Callable[[PachydermGateway], object]) -> Answer:
    with _gateway(address, token) as gateway:
        return _answer(lambda: call(gateway))


def main() -> None:
    """Print the answers of a server."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.answers.record", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--auth", action="store_true", help="activate auth for the answers to tokens")
    options = parser.parse_args()
    found = recorded(options.address) | (_recorded_access(options.address) if options.auth else {})
    known = answers(BASE) if BASE in versions() else {}
    yaml.safe_dump(
        {name: dict(answer) for name, answer in found.items() if known.get(name) != answer},
        sys.stdout,
        sort_keys=False,
        width=150,
    )


if __name__ == "__main__":
    main()
