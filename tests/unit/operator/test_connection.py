"""Token and certificates for pachd are read from files, as mounted from a Secret, and read again when they change."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from scriptmodel_operator.engine.errors import AccessError, UnavailableError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.connecting import key_and_certificate
from tests.unit.operator.versioned_pachd import pachd


@pytest.mark.parametrize("form", ["{}", "grpc://{}", "dns:///{}", "dns:{}"])
def test_each_form_reaches_the_same_pachd(form: str) -> None:
    with (
        pachd() as (address, _answers),
        closing(PachydermGateway(PachdAddress(form.format(address)), UNLIMITED)) as gateway,
    ):
        assert str(gateway.server_version()) == "2.7.8"


def test_a_server_on_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pachd() as (address, _answers), closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway:
        assert str(gateway.server_version()) == "2.7.8"


def mount(folder: Path, name: str, content: bytes) -> Path:
    """Replace the files like the kubelet: one link is atomically replaced by a link to another folder."""
    version = folder / f"..{len(list(folder.iterdir()))}"
    version.mkdir()
    (version / name).write_bytes(content)
    (folder / "..new").symlink_to(version.name)
    os.replace(folder / "..new", folder / "..data")  # noqa: PTH105 - what the kubelet calls
    link = folder / name
    if not link.is_symlink():
        link.symlink_to(f"..data/{name}")
    return link


def test_a_renewed_token_is_sent_with_the_next_call(tmp_path: Path) -> None:
    with pachd() as (address, answers):
        gateway = PachydermGateway(PachdAddress(address, token_file=mount(tmp_path, "token", b"first\n")), UNLIMITED)
        assert str(gateway.server_version()) == "2.7.8"
        mount(tmp_path, "token", b"second\n")
        gateway.server_version()
        gateway.close()
    assert answers.tokens == ["first", "second"]


@pytest.mark.parametrize("content", [b"two\nlines-of-a-secret", "sécret".encode(), None])
def test_a_token_that_cannot_be_sent_is_reported_without_being_shown(tmp_path: Path, content: bytes | None) -> None:
    token = tmp_path / "token"
    token.write_bytes(content or b"")
    with pachd() as (address, answers):
        gateway = PachydermGateway(PachdAddress(address, token), UNLIMITED)
        if content is None:
            token.unlink()
        with pytest.raises(AccessError) as caught:
            gateway.server_version()
        gateway.close()
    assert str(token) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert answers.tokens == []


def test_an_address_of_pachyderms_tools_is_that_of_a_server_with_tls(tmp_path: Path) -> None:
    pair = key_and_certificate()
    with pachd(pair) as (address, _answers):
        gateway = PachydermGateway(
            PachdAddress(f"grpcs://{address}", ca_file=mount(tmp_path, "ca.crt", pair[1])), UNLIMITED
        )
        assert str(gateway.server_version()) == "2.7.8"
        gateway.close()
        stranger = PachydermGateway(PachdAddress(f"grpcs://{address}"), UNLIMITED)
        with pytest.raises(UnavailableError, match=r"(?i)certificate|handshake|ssl"):
            stranger.server_version()
        stranger.close()


def test_renewed_certificates_are_trusted_without_a_restart(tmp_path: Path) -> None:
    old, new = key_and_certificate(), key_and_certificate()
    with pachd(old) as (address, _answers):
        gateway = PachydermGateway(PachdAddress(address, ca_file=mount(tmp_path, "ca.crt", old[1])), UNLIMITED)
        assert str(gateway.server_version()) == "2.7.8"
    with pachd(new, int(address.rpartition(":")[2])):
        with pytest.raises(UnavailableError):
            gateway.server_version()
        mount(tmp_path, "ca.crt", new[1])
        assert str(gateway.server_version()) == "2.7.8"
        mount(tmp_path, "ca.crt", new[1][:100])
        assert str(gateway.server_version()) == "2.7.8", "half a file changes nothing"
        (tmp_path / "ca.crt").unlink()
        assert str(gateway.server_version()) == "2.7.8", "a file that is away for a moment changes nothing"
    gateway.close()


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_certificates_is_refused_before_any_request(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"ca.crt has no certificates in PEM form"):
        PachdAddress("pachd:1", ca_file=mount(tmp_path, "ca.crt", content))
    commented = "# Autorité\n".encode() + key_and_certificate()[1]
    assert PachdAddress("pachd:1", ca_file=mount(tmp_path, "ca.crt", commented)).tls
