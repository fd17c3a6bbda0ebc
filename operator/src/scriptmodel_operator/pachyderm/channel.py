"""How to reach pachd: address, token, TLS, and a channel with keepalive."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc.experimental import ChannelOptions

MAX_MESSAGE_BYTES = 20 * 1024 * 1024
_SCHEME, _TLS_SCHEME = "grpc://", "grpcs://"
_PLACE = r"(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+)(:[0-9]{1,5})?"
_FORM = re.compile(rf"(grpcs?://|dns:(//[^\s/]*/)?)?{_PLACE}|unix:\S+")
_LOOPBACK = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:|$)")


@dataclass(frozen=True, slots=True)
class PachdAddress:
    """HOST:PORT, and optionally files with a token and with the certificates to trust (which turn TLS on).

    Pachyderm's own tools write grpc://HOST:PORT, with TLS grpcs://HOST:PORT; without a file gRPC's roots are trusted.
    gRPC's own names are taken too: dns:///HOST:PORT and unix:PATH.
    Raises ValueError for any other address, and for a file without certificates.
    """

    address: str
    token_file: Path | None = None
    ca_file: Path | None = None
    tunnel: str = ""
    """HOST:PORT that leads to the address. Certificates are still checked for the address' own name."""

    def __post_init__(self) -> None:
        if not _FORM.fullmatch(self.address):
            raise ValueError(f"{self.address!r} is not HOST:PORT, grpc[s]://HOST:PORT, dns:///HOST:PORT or unix:PATH")
        self.check(self.certificates())

    def token(self) -> str:
        """Read the token from its file, so that a renewed Secret needs no restart."""
        return self.token_file.read_text().strip() if self.token_file else ""

    @property
    def target(self) -> str:
        return self.tunnel or self._place

    @property
    def server_name(self) -> str:
        """The address' own name if a tunnel leads to it, else empty: gRPC then takes it from the target."""
        return self._place.rpartition(":")[0] or self._place if self.tunnel else ""

    @property
    def _place(self) -> str:
        return self.address.removeprefix(_TLS_SCHEME).removeprefix(_SCHEME)

    @property
    def tls(self) -> bool:
        return self.ca_file is not None or self.address.startswith(_TLS_SCHEME)

    def certificates(self) -> bytes | None:
        return self.ca_file.read_bytes() if self.ca_file else None

    def check(self, certificates: bytes | None) -> None:
        """Raise ValueError for certificates that are not PEM: gRPC would accept them and reach no server."""
        if certificates is None:
            return
        text = certificates.decode("ascii", errors="ignore")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"{self.ca_file} has no certificates in PEM form, or damaged ones") from error


def open_channel(
    address: str, certificates: bytes | None = None, *, tls: bool = False, server_name: str = ""
) -> grpc.Channel:
    """Open a channel that notices within half a minute that pachd does not answer."""
    options: list[tuple[str, int | str]] = [
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Reconnect within seconds, not after gRPC's own two minutes.
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.use_local_subchannel_pool", 1),  # or channels to one address share a connection
        # The reader of a list takes messages from gRPC itself, and not from another thread one by one.
        (ChannelOptions.SingleThreadedUnaryStream, 1),
    ]
    if _LOOPBACK.match(address):
        options.append(("grpc.enable_http_proxy", 0))
    if server_name:
        options.append(("grpc.ssl_target_name_override" if tls else "grpc.default_authority", server_name))
    if not tls:
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(root_certificates=certificates)
    return grpc.secure_channel(address, credentials, options=options)
