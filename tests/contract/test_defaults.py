"""A server of 2.8 or later merges its defaults into nothing that the operator sends.

localpach is 2.7, which has none: these tests are there with PACHD_ADDRESS only, on a server that nobody else uses.
"""

import io
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import grpc
import pytest
from google.protobuf.internal import encoder

from scriptmodel_operator.desired.digest import fingerprint
from scriptmodel_operator.engine.values import BranchRef, PipelineApply, PipelineInfo, PipelineRef, RepoRef
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.protocol import pps_grpc
from tests.unit.operator.pipeline_specs import DEFAULTS, FULL, PLAIN, changed

ADDRESS = os.environ.get("PACHD_ADDRESS", "")
MARK = {"scriptmodel.dev/mark": "{}"}


@pytest.fixture
def gateway() -> Iterator[PachydermGateway]:
    with closing(PachydermGateway(PachdAddress(ADDRESS), UNLIMITED)) as found:
        if not found.server_version().merges_defaults:
            pytest.skip("this server has no defaults")
        yield found


@pytest.fixture
def plays(gateway: PachydermGateway) -> Iterator[RepoRef]:
    """A repo, and one for a base; pipelines whose names begin with its name are deleted with them."""
    repo = RepoRef("default", f"d-{uuid.uuid4().hex[:6]}")
    gateway.create_repo(repo, "")
    gateway.create_repo(base_of(repo), "")
    yield repo
    for info in gateway.list_pipelines([repo.project]):
        if info.ref.name.startswith(repo.name):
            gateway.delete_pipeline(info.ref, keep_repo=False)
    gateway.delete_repo(base_of(repo))
    gateway.delete_repo(repo)


def base_of(repo: RepoRef) -> RepoRef:
    return RepoRef(repo.project, f"{repo.name}-base")


@pytest.fixture
def channel() -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(ADDRESS) as found:
        yield found
        set_defaults(found, {})


def set_defaults(channel: grpc.Channel, defaults: dict[str, Any]) -> None:
    """As `pachctl update defaults --regenerate`: SetClusterDefaultsRequest.cluster_defaults_json and .regenerate."""
    method = channel.unary_unary("/pps_v2.API/SetClusterDefaults", bytes, bytes)
    request = io.BytesIO()
    encoder.StringEncoder(5, False, False)(request.write, json.dumps({"createPipelineRequest": defaults}), False)
    encoder.BoolEncoder(2, False, False)(request.write, True, False)
    method(request.getvalue(), timeout=60)


def test_a_pipeline_runs_as_it_was_sent_whatever_the_defaults_say(
    gateway: PachydermGateway, plays: RepoRef, channel: grpc.Channel
) -> None:
    source = BranchRef(plays, "master")
    plain = changed(PLAIN, ref=PipelineRef("default", f"{plays.name}-plain"), branch=source)
    full = changed(
        FULL,
        ref=PipelineRef("default", f"{plays.name}-full"),
        branch=source,
        base=BranchRef(base_of(plays), "master"),
        trials=BranchRef(base_of(plays), "master"),
    )
    older = changed(PLAIN, ref=PipelineRef("default", f"{plays.name}-older"), branch=source)
    set_defaults(channel, {name: value for name, value in DEFAULTS.items() if name != "podPatch"})
    gateway.apply_pipelines([PipelineApply(plain), PipelineApply(full)])
    pps_grpc.APIStub(channel).CreatePipeline(messages.create_request(PipelineApply(older)), timeout=60)
    set_defaults(channel, {"resourceLimits": {"gpu": {"type": "nvidia.com/gpu", "number": "2"}}, "datumTries": "7"})
    found: dict[str, PipelineInfo] = {info.ref.name: info for info in gateway.list_pipelines(["default"])}
    for spec in (plain, full):
        info = found[spec.ref.name]
        assert (info.version, fingerprint(info.spec)) == (1, fingerprint(spec))
        assert fingerprint(info.submitted or info.spec) == fingerprint(spec)
    inherited = found[older.ref.name]
    assert (inherited.version, inherited.spec.limits.gpu_count) == (2, 2), "as the operator sent it before"
    assert fingerprint(inherited.submitted or inherited.spec) == fingerprint(older), "which is no drift"
