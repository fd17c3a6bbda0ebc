"""The address of the API server and the credentials: from a kubeconfig as kubectl reads it, or from the pod.

In a pod the API server is found by the address that every pod is given, not by a name.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import kube_config

from scriptmodel_operator.kube import login as module
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from tests.unit.operator.connecting import key_and_certificate, kubeconfig

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


def test_a_named_kubeconfig_has_priority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with pytest.raises(module.LoginFailedError, match="does not exist"):
        module.login(tmp_path / "none")


@pytest.fixture
def package_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The `kubernetes` package finds out at its import which file to read: once for all tests."""
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))


def helper(folder: Path, text: str) -> dict[str, Any]:
    """A user whose credentials a program prints."""
    program = folder / "helper"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "args": []}}


@pytest.mark.usefixtures("package_reads")
def test_credentials_of_a_program_are_combined_with_the_kubeconfig_not_with_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    status = {"token": "given"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    user = helper(tmp_path, f"echo '{json.dumps(answer)}'")
    file = kubeconfig(tmp_path / "config", user=user, cluster={"proxy-url": "http://p:1"}, context={"namespace": "ml"})
    found = module.login(file)
    assert (found.server, found.token) == ("https://127.0.0.1:1", "given")
    assert (found.default_namespace, found.proxy_url) == ("ml", "http://p:1")


@pytest.mark.usefixtures("package_reads")
def test_a_program_without_credentials_is_reported_with_its_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for text, reported in (("exit 3", "process returned 3"), ("echo no json", "failed to decode process output")):
        file = kubeconfig(tmp_path / "config", user=helper(tmp_path, text))
        with pytest.raises(module.LoginFailedError, match=f"gave no credentials: exec: {reported}"):
            module.login(file)
    assert "ERROR:root" not in capfd.readouterr().err


def test_files_that_a_kubeconfig_names_are_found_from_where_it_is(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(key_and_certificate()[1])
    found = module.login(kubeconfig(tmp_path / "config", cluster={"certificate-authority": "ca.crt"}))
    assert found.ca_path == str(authority)


def test_unreadable_certificates_are_reported_before_any_request(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("no certificate")
    for cluster, reported in (
        ({"certificate-authority": "none.crt"}, f"it names {tmp_path / 'none.crt'}, which does not exist"),
        ({"certificate-authority": "broken"}, "its certificates: "),
        ({"certificate-authority-data": "x"}, "its certificates: "),
    ):
        with pytest.raises(
            module.LoginFailedError, match=f"cannot read the kubeconfig {tmp_path / 'config'}: {reported}"
        ):
            module.login(kubeconfig(tmp_path / "config", cluster=cluster))


@pytest.mark.parametrize("address", ["someone:secret@proxy:3128", "socks5://someone:secret@proxy", "http://[secret"])
def test_an_invalid_proxy_is_reported_and_not_ignored(tmp_path: Path, address: str) -> None:
    with pytest.raises(module.LoginFailedError, match="its proxy-url is not an address such as http://") as caught:
        module.login(kubeconfig(tmp_path / "config", cluster={"proxy-url": address}))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "p:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com, 10.0.0.0/8"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com,10.9.0.0/16"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
    ],
)
def test_proxies_of_the_environment_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    set_proxies(monkeypatch, environment)
    file = kubeconfig(tmp_path / "config", cluster={"server": "https://10.1.2.3:6443"})
    assert module.login(file).proxy_url == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_loopback_is_reached_without_proxies_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    set_proxies(monkeypatch, {"HTTPS_PROXY": "http://p:1"})
    assert module.login(kubeconfig(tmp_path / "config", cluster={"server": f"https://{host}:1"})).proxy_url is None


def test_the_proxy_of_a_kubeconfig_overrides_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_proxies(monkeypatch, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"})
    file = kubeconfig(tmp_path / "config", cluster={"server": "https://api.example.com", "proxy-url": "http://q:2"})
    assert module.login(file).proxy_url == "http://q:2"


def test_an_invalid_proxy_of_the_environment_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_proxies(monkeypatch, {"HTTPS_PROXY": "socks5://someone:secret@p"})
    with pytest.raises(module.LoginFailedError, match="HTTPS_PROXY in the environment is not an address") as caught:
        module.login(kubeconfig(tmp_path / "config", cluster={"server": "https://api.example.com"}))
    assert "secret" not in str(caught.value)


def set_proxies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Set these variables and no other ones for proxies."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("context", [{"user": None}, {"user": ""}])
def test_a_context_without_a_user_is_anonymous(tmp_path: Path, context: dict[str, Any]) -> None:
    found = module.login(kubeconfig(tmp_path / "config", context={"namespace": "ml", **context}))
    assert (found.server, found.default_namespace) == ("https://127.0.0.1:1", "ml")
    assert found.as_http_headers() == {}


def test_a_context_whose_user_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(module.LoginFailedError, match="it has no user 'gone'"):
        module.login(kubeconfig(tmp_path / "config", context={"user": "gone"}))


def test_an_invalid_kubeconfig_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config"
    for text, message in (
        ("hello", f"{file} is not a valid kubeconfig"),
        ("{}", f"cannot read the kubeconfig {file}: it has no 'current-context'"),
        ('{"current-context": "gone"}', f"cannot read the kubeconfig {file}: it has no context 'gone'"),
    ):
        file.write_text(text)
        with pytest.raises(module.LoginFailedError, match=message):
            module.login(file)


def test_of_several_kubeconfigs_those_that_are_missing_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{file}")
    assert module.login(None, account_first=False).server == "https://127.0.0.1:1"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(module.LoginFailedError, match="none does not exist"):
        module.login(None, account_first=False)


def test_people_in_a_pod_have_their_kubeconfig_and_without_one_the_pods_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config")))
    assert module.login(None).username == "somebody"
    assert module.login(None, account_first=False).server == "https://127.0.0.1:1"
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.login(None, account_first=False).username == "somebody"


def test_a_user_who_is_to_act_as_another_one_is_refused(tmp_path: Path) -> None:
    user = {"token": "t", "as": "dev"}
    with pytest.raises(module.LoginFailedError, match="it sets as for its user u, which is not supported"):
        module.login(kubeconfig(tmp_path / "config", user=user))


def test_a_home_folder_that_may_not_be_entered_has_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(Path, "exists", refuse)
    assert module.login(None, account_first=False).username == "somebody"
