"""Certificates, a pachd to connect to, and kubeconfigs."""

import datetime
import ipaddress
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from python_pachyderm.proto.v2.version.versionpb import version_pb2, version_pb2_grpc

Pair = tuple[bytes, bytes]


class Version(version_pb2_grpc.APIServicer):  # type: ignore[misc]  # generated code without types
    def __init__(self) -> None:
        self.tokens: list[str] = []

    def GetVersion(self, _request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.tokens.append(str(dict(context.invocation_metadata()).get("authn-token", "")))
        return version_pb2.Version(major=2, minor=7, micro=8)


@contextmanager
def pachd(pair: Pair | None = None, port: int = 0, target: str = "") -> Iterator[tuple[str, Version]]:
    """A server that only reports its version; with a key and a certificate, over TLS."""
    server, answers = grpc.server(ThreadPoolExecutor(2)), Version()
    version_pb2_grpc.add_APIServicer_to_server(answers, server)
    address = target or f"127.0.0.1:{port}"
    if pair:
        bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        bound = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{bound}", answers
    finally:
        server.stop(None).wait()


def key_and_certificate(host: str = "", *, ca: bool = True) -> Pair:
    """Create a self-signed certificate for a host name, by default for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    owner = x509.DNSName(host) if host else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pachd")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([owner]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def kubeconfig(path: Path, *, cluster: Any = None, user: Any = None, context: Any = None) -> Path:
    """A kubeconfig with one context; arguments override the defaults."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", **(context or {})}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return path
