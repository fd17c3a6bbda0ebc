"""Large corpora through the real wire into localpach: streamed, whole or not at all."""

import uuid
from collections.abc import Iterator

import pytest

from dev.stack import Localpach
from scriptmodel_operator.engine.errors import NotFoundError, UnavailableError
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.lease import Lease
from tests.web import WebServer, silence

MEBIBYTE = 1024 * 1024
SECONDS = 120.0


class BrokenOffError(Exception):
    """The source of the files broke off."""


@pytest.fixture
def gateway(localpach: Localpach) -> Iterator[PachydermGateway]:
    opened = PachydermGateway(PachdAddress(localpach.address), UNLIMITED)
    yield opened
    opened.close()


@pytest.fixture
def branch(gateway: PachydermGateway) -> BranchRef:
    repo = RepoRef("default", f"upload-{uuid.uuid4().hex[:8]}")
    gateway.create_repo(repo, "")
    return BranchRef(repo, "master")


def pieces(number: int) -> Iterator[bytes]:
    for index in range(number):
        yield bytes([index % 256]) * MEBIBYTE


def test_a_file_larger_than_any_message_is_read_back_unchanged(gateway: PachydermGateway, branch: BranchRef) -> None:
    files = [("/large.bin", pieces(40)), ("/folder/a b.txt", [b"one ", b"two"]), ("/empty.txt", [])]
    gateway.replace_files(branch, files, [], SECONDS)
    head = gateway.branch_head(branch)
    assert head is not None
    assert {path: file.size for path, file in gateway.walk_files(branch.repo, head.id).items()} == {
        "/empty.txt": 0,
        "/folder/a b.txt": 7,
        "/large.bin": 40 * MEBIBYTE,
    }
    assert gateway.read_file(branch.repo, head.id, "/large.bin", 41 * MEBIBYTE) == b"".join(pieces(40))
    assert gateway.read_file(branch.repo, head.id, "/empty.txt", MEBIBYTE) == b""


def test_a_source_that_breaks_off_commits_nothing(
    gateway: PachydermGateway, branch: BranchRef, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> Iterator[bytes]:
        yield from pieces(3)
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        gateway.replace_files(branch, [("/a", [b"whole"]), ("/b", breaks())], [], SECONDS)
    with pytest.raises(NotFoundError):
        gateway.branch_head(branch)
    assert caplog.records == [], "gRPC has nothing to complain of"


def test_a_process_that_may_not_act_any_more_commits_nothing(localpach: Localpach, branch: BranchRef) -> None:
    lease = Lease(60.0)
    opened = PachydermGateway(PachdAddress(localpach.address), lease)

    def endless() -> Iterator[bytes]:
        yield from pieces(2)
        lease.remaining = 0.0
        while True:
            yield b"x" * 1024

    with pytest.raises(UnavailableError, match="does not lead"):
        opened.replace_files(branch, [("/a", endless())], [], SECONDS)
    with pytest.raises(UnavailableError, match="does not lead"):
        opened.replace_files(branch, [("/a", [b"x"])], [], SECONDS)
    lease.remaining = 60.0
    with pytest.raises(NotFoundError):
        opened.branch_head(branch)
    opened.close()


def test_a_fetch_of_a_silent_server_ends_as_soon_as_it_is_cancelled(gateway: PachydermGateway) -> None:
    with WebServer() as server:
        server.answers["/silent"] = silence
        with pytest.raises(UnavailableError) as caught:
            gateway.fetch_file("/a", server.url("/silent?token=canary"), "", SECONDS, lambda: bool(server.requested))
        assert caught.value.code == "CANCELLED"
        assert "canary" not in str(caught.value)
