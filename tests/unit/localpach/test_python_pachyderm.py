"""The python_pachyderm client library against localpach."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest

from localpach.api.cluster import TransactionService
from localpach.api.interceptor import GENERATED
from localpach.api.pfs_service import PfsService
from localpach.api.pps_service import PpsService
from localpach.protocol import pfs_grpc, pps_grpc, transaction_grpc
from tests.contract.serving import Localpach


@pytest.mark.parametrize("call", ["pfs.Fsck", "pfs.SquashCommitSet", "pps.RestartDatum", "enterprise.GetState"])
def test_calls_that_are_not_answered_are_unimplemented_with_their_name(server: Localpach, call: str) -> None:
    service, _, name = call.partition(".")
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{service}_v2.API/{name}", bytes, bytes)(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == f"localpach does not support {name}"


@pytest.mark.parametrize(
    ("service", "generated"), [(PfsService, pfs_grpc), (PpsService, pps_grpc), (TransactionService, transaction_grpc)]
)
def test_the_reference_lists_what_is_answered(service: type, generated: Any) -> None:
    calls = Path("docs/reference/localpach.md").read_text(encoding="utf-8").partition("## Calls")[2].partition("##")[0]
    listed = set(re.findall(r"`(\w+)`", calls))
    for name in vars(generated.APIServicer):
        if name[0].isupper():
            own = not getattr(service, name).__qualname__.startswith(GENERATED)
            assert (name in listed) == own, name
