"""In a pod the API server is found by the address that every pod is given, not by a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptmodel_operator.kube import login as module
from scriptmodel_operator.kube.framework import kopf

ACCOUNT = kopf.ConnectionInfo(server="https://kubernetes.default.svc", username="somebody")


@pytest.fixture(autouse=True)
def _in_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.kopf, "login_with_service_account", lambda **_: ACCOUNT)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.96.0.1", "https://10.96.0.1:443"),
        ("fd00::1", "https://[fd00::1]:443"),
        ("", "https://kubernetes.default.svc"),
    ],
)
def test_the_address_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, host: str, server: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    found = module.login(None)
    assert found.server == server
    assert found.username == "somebody"


def test_a_kubeconfig_that_is_named_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with pytest.raises(module.LoginFailedError, match="does not exist"):
        module.login(tmp_path / "none")
