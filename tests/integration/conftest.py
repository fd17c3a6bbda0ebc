"""A real kube-apiserver and etcd, a real localpach running the real trainer or one that learns nothing, and the
operator as a process.

The operator runs with a token that has exactly the rights of the chart. Every status that it writes in any
test is checked by the conformance rules.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dev.paths import TRAINER_ENV
from dev.stack import TRAINER_IMAGE, ControlPlane, Localpach, Operator
from dev.stack.s3 import S3Server
from tests.held import held_trainer
from tests.integration.audit import OPERATOR_ACCOUNT, requests_in
from tests.integration.cluster import (
    HELD_IMAGE,
    QUICK_IMAGE,
    QUICK_TRAINER,
    Cluster,
    StatusWatch,
    account_kubeconfig,
    paused,
    prepare,
)
from tests.integration.jobs import operator_over
from tests.integration.pachyderm import Pachyderm

POLL = "--poll-interval=0.5"
SOURCES = ("--source-interval=1", "--allow-download=127.0.0.1")
IMAGES = (f"--allow-image={QUICK_IMAGE}", f"--allow-image={HELD_IMAGE}")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the CRD and the operator's role. No request of the suite's operators may be forbidden."""
    with ControlPlane(tmp_path_factory.mktemp("controlplane"), audited=OPERATOR_ACCOUNT) as running:
        prepare(running)
        yield running
        forbidden = [str(requested) for requested in requests_in(running.audit_log) if requested.status == 403]
        assert not forbidden, f"the chart's Role lacks what the operator needs: {forbidden}"


@pytest.fixture(scope="session")
def operator_kubeconfig(control_plane: ControlPlane) -> Path:
    """The operator's service account: a 403 is a verb that the role lacks."""
    return account_kubeconfig(control_plane, "operator")


@pytest.fixture(scope="session")
def trainers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the trainers that stop, and of the file that stops them."""
    return tmp_path_factory.mktemp("trainers")


@pytest.fixture(scope="session")
def localpach(tmp_path_factory: pytest.TempPathFactory, trainers: Path) -> Iterator[Localpach]:
    hold = trainers / "hold"
    images = {
        TRAINER_IMAGE: TRAINER_ENV,
        HELD_IMAGE: held_trainer(trainers / "real", TRAINER_ENV, hold),
        QUICK_IMAGE: held_trainer(trainers / "quick", QUICK_TRAINER, hold),
    }
    with Localpach(tmp_path_factory.mktemp("localpach"), images) as running:
        yield running


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A bucket for all tests; each uses a path of its own."""
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def hold(trainers: Path) -> Iterator[Path]:
    """A file for the expression at which trainers of the shared localpach stop (tests/held.py)."""
    yield trainers / "hold"
    (trainers / "hold").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def operator(
    tmp_path_factory: pytest.TempPathFactory, operator_kubeconfig: Path, localpach: Localpach
) -> Iterator[Operator]:
    """One for all tests that do not need one of their own; it must not have met a 403 or a bug."""
    root = tmp_path_factory.mktemp("operator")
    with Operator(root, operator_kubeconfig, localpach.address, options=[POLL, *SOURCES, *IMAGES]) as running:
        yield running
    text = running.log.read_text()
    assert "HTTP 403" not in text, text
    assert "Traceback" not in text, text


@pytest.fixture
def shared_operator_paused(operator: Operator) -> Iterator[None]:
    """For tests that run an operator of their own: two at a time would do each other's work."""
    with paused(operator):
        yield


@pytest.fixture(scope="session")
def watched(control_plane: ControlPlane) -> Iterator[StatusWatch]:
    """Observes every version of every ScriptModel."""
    with StatusWatch(control_plane) as watch:
        yield watch


@pytest.fixture
def cluster(control_plane: ControlPlane, watched: StatusWatch) -> Iterator[Cluster]:
    """The test's own namespace. Afterwards, all observed statuses must have kept to the rules."""
    yield Cluster.create(control_plane)
    watched.check()


@pytest.fixture
def pachyderm(localpach: Localpach, cluster: Cluster) -> Iterator[Pachyderm]:
    with Pachyderm(localpach.address, namespace=cluster.namespace) as client:
        yield client


@pytest.fixture
def jobs_operator(tmp_path: Path, control_plane: ControlPlane, s3: S3Server) -> Iterator[Operator]:
    with operator_over(s3, uuid4().hex, tmp_path, control_plane) as running:
        yield running
