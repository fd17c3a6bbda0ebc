"""The address of the API server and the credentials: from a kubeconfig as kubectl reads it, or from the pod.

In a pod the API server is found by the address that every pod is given, not by a name.
"""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.kube import login as module
from scriptmodel_operator.kube.watch import connection_info
from tests.unit.operator.connecting import key_and_certificate, kubeconfig

DEADLINE = 30


@pytest.fixture(autouse=True)
def _in_a_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    incluster = pytest.importorskip("kubernetes.config.incluster_config")
    for name, content in (
        ("SERVICE_TOKEN_FILENAME", b"of the pod\n"),
        ("SERVICE_CERT_FILENAME", key_and_certificate()[1]),
    ):
        (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(incluster, name, str(tmp_path / name))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    set_proxies(monkeypatch, {})


@pytest.fixture(autouse=True)
def _unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No login changes the environment, which programs and other threads share."""
    login = module.login

    def checked(*given: Any, **options: Any) -> module.Connection:
        before = dict(os.environ)
        try:
            return login(*given, **options)
        finally:
            assert dict(os.environ) == before

    monkeypatch.setattr(module, "login", checked)


@pytest.mark.parametrize(
    ("host", "server"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_address_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, host: str, server: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    found = module.login(None)
    assert (found.settings.host, found.authorization) == (server, "bearer of the pod")


def helper(folder: Path, text: str) -> dict[str, Any]:
    """A user whose credentials a program prints."""
    program = folder / "helper"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "args": []}}


def test_credentials_of_a_program_are_combined_with_the_kubeconfig_not_with_the_pod(tmp_path: Path) -> None:
    status = {"token": "given"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    user = helper(tmp_path, f"echo '{json.dumps(answer)}'")
    file = kubeconfig(tmp_path / "config", user=user, cluster={"proxy-url": "http://p:1"}, context={"namespace": "ml"})
    found = module.login(file)
    assert (found.settings.host, found.authorization) == ("https://127.0.0.1:1", "Bearer given")
    assert (found.namespace, found.proxy) == ("ml", "http://p:1")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"cluster": {"certificate-authority": "none.crt"}}, "File does not exist: .*none.crt"),
        ({"cluster": {"certificate-authority-data": "x"}}, "Invalid base64"),
        *(
            ({"cluster": {"proxy-url": url}}, "its proxy-url is not an address such as http://")
            for url in ("someone:secret@proxy:3128", "socks5://someone:secret@proxy", "http://[secret")
        ),
        ({"context": {"user": "gone"}}, "Expected object with name gone in .*users list"),
        ({"user": {"token": "t", "as": "dev"}}, "it sets as for its user u, which is not supported"),
    ],
)
def test_what_a_kubeconfig_has_wrong_is_reported_in_a_line_before_any_request(
    tmp_path: Path, parts: dict[str, Any], words: str
) -> None:
    file = kubeconfig(tmp_path / "config", **parts)
    with pytest.raises(module.LoginFailedError, match=f"cannot read the kubeconfig {file}: {words}") as caught:
        module.login(file)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "{} is not a valid kubeconfig"),
        ("{}", "cannot read the kubeconfig {}: it has no current-context"),
        ('{"current-context": "gone"}', "cannot read the kubeconfig {}: Expected object with name gone in .*contexts"),
    ],
)
def test_what_is_no_kubeconfig_is_reported_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(module.LoginFailedError, match=words.format(file)):
        module.login(file)


API = {"server": "https://10.1.2.3:6443"}
P = {"HTTPS_PROXY": "http://p:1"}


@pytest.mark.parametrize(
    ("environment", "cluster", "expected"),
    [
        (P, API, "http://p:1"),
        ({"https_proxy": "p:1"}, API, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, API, ""),
        ({**P, "NO_PROXY": "10.1.2.3"}, API, ""),
        ({**P, "NO_PROXY": "example.com, 10.0.0.0/8"}, API, ""),
        ({**P, "NO_PROXY": "example.com,10.9.0.0/16"}, API, "http://p:1"),
        ({**P, "NO_PROXY": "*"}, API, ""),
        ({**P, "NO_PROXY": "*"}, {**API, "proxy-url": "http://q:2"}, "http://q:2"),
        *((P, {"server": f"https://{host}:1"}, "") for host in ("127.0.0.1", "127.1.2.3", "[::1]", "localhost")),
    ],
)
def test_the_proxy_is_that_of_the_kubeconfig_or_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], cluster: dict[str, str], expected: str
) -> None:
    set_proxies(monkeypatch, environment)
    assert module.login(kubeconfig(tmp_path / "config", cluster=cluster)).proxy == expected


def set_proxies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Set these variables and no other ones for proxies."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_of_several_kubeconfigs_those_that_are_missing_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{file}")
    assert module.login(None, account_first=False).settings.host == "https://127.0.0.1:1"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(module.LoginFailedError, match="none does not exist"):
        module.login(None, account_first=False)


def test_people_in_a_pod_have_their_kubeconfig_and_without_one_the_pods_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config")))
    assert module.login(None).authorization == "bearer of the pod"
    assert module.login(None, account_first=False).settings.host == "https://127.0.0.1:1"
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.login(None, account_first=False).authorization == "bearer of the pod"


def test_kopf_has_the_same_credentials(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", cluster={"insecure-skip-tls-verify": True, "proxy-url": "http://a:b@p:1"})
    found = connection_info(module.login(file))
    assert (found.server, found.insecure, found.proxy_url) == ("https://127.0.0.1:1", True, "http://a:b@p:1")
    assert found.as_http_headers() == {"Authorization": "Bearer t"}
    file = kubeconfig(tmp_path / "config", cluster={"tls-server-name": "kubernetes"})
    with pytest.raises(module.LoginFailedError, match="tls-server-name is not supported"):
        connection_info(module.login(file))


def renewing(log_in: Callable[[], module.Connection]) -> tuple[module.Credentials, module.Connection]:
    """Credentials whose next login is `log_in`, and those that were refused."""
    first = module.login(None)
    logins = iter([lambda: first])
    found = module.Credentials(lambda: next(logins, log_in)())  # noqa: PLW0108 - another one each time
    return found, found.newest


def test_a_program_that_never_ends_holds_nobody_and_one_that_fails_is_run_again() -> None:
    never, failed = threading.Event(), list[int]()

    def log_in() -> module.Connection:
        never.wait(DEADLINE)
        failed.append(1)
        raise module.LoginFailedError("no credentials")

    found, refused = renewing(log_in)
    with pytest.raises(TimeoutError):
        found.renewed(refused, 0.01)
    never.set()
    for _ in range(2):
        with pytest.raises(module.LoginFailedError, match="no credentials"):
            found.renewed(refused, DEADLINE)
    assert found.newest is refused
