"""`scriptmodel-operator check --checkpoint-claim`: whether trainings can keep their state on the claim."""

from typing import Any, cast

import pytest
from click.testing import CliRunner

from scriptmodel_operator.cli import main
from scriptmodel_operator.installation.check import check_claim
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError, KubeUnavailableError


class Cluster:
    """An API server that has one answer to a request for a claim."""

    def __init__(self, answer: dict[str, Any] | KubeError) -> None:
        self.answer = answer
        self.requests: list[str] = []

    def request(self, _method: str, path: str, _what: str) -> dict[str, Any]:
        self.requests.append(path)
        if isinstance(self.answer, KubeError):
            raise self.answer
        return self.answer


def claim(phase: str, *modes: str) -> dict[str, Any]:
    return {"spec": {"accessModes": list(modes)}, "status": {"phase": phase} if phase else {}}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (claim("Bound", "ReadWriteMany"), "ok      PersistentVolumeClaim pach/state is bound (ReadWriteMany)"),
        (claim("Bound", "ReadWriteOnce"), "warn    PersistentVolumeClaim pach/state is bound (ReadWriteOnce): all"),
        (claim("Pending", "ReadWriteMany"), "warn    PersistentVolumeClaim pach/state is not bound (Pending): normal"),
        (claim("", "ReadWriteMany"), "warn    PersistentVolumeClaim pach/state is not bound (no phase): normal"),
        (KubeNotFoundError("reading", 404, "not found"), "FAILED  PersistentVolumeClaim pach/state does not exist"),
        (KubeForbiddenError("reading", 403, "no"), "warn    PersistentVolumeClaim pach/state may not be read: run"),
        (KubeUnavailableError("reading", 0, "refused"), "FAILED  "),
    ],
)
def test_the_claim_for_checkpoints_is_checked(answer: dict[str, Any] | KubeError, line: str) -> None:
    cluster = Cluster(answer)
    finding = check_claim(cast(KubeClient, cluster), "pach", "state")
    assert finding.line.startswith(line)
    assert cluster.requests == ["/api/v1/namespaces/pach/persistentvolumeclaims/state"]


@pytest.mark.parametrize("value", ["checkpoints", "/checkpoints", "pachyderm/"])
def test_a_claim_without_its_namespace_is_refused(value: str) -> None:
    done = CliRunner().invoke(main, ["check", "--pachd=nowhere:1", f"--checkpoint-claim={value}"])
    assert done.exit_code == 2
    assert f"{value!r} is not NAMESPACE/NAME" in done.stderr
