"""Refuses everything but loopback to this process, before an attack's first case runs."""

import socket
import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

_REFUSED_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")


class NotLoopbackError(OSError):
    """Something tried to reach beyond this machine."""


def only() -> None:
    """Make all name resolutions and connections outside loopback fail, and check that they do."""
    sys.addaudithook(_check)
    _must_fail(lambda: socket.getaddrinfo("scriptmodel.example", 80))
    _must_fail(lambda: _connect("192.0.2.1"))
    _must_fail(lambda: _connect("2001:db8::1"))


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED_NAMES:
        host = arguments[0][0] if event == "socket.getnameinfo" else arguments[0]
    elif event in _CONNECTING and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return  # a socket of this machine, by its path
    if not _is_loopback(host):
        raise NotLoopbackError(f"{event} of {host!r}")


def _is_loopback(host: Any) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return text == "localhost" or ip_address(text).is_loopback
    except ValueError:
        return False


def _connect(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as made:
        made.settimeout(1)
        made.connect((address, 9))


def _must_fail(call: Callable[[], object]) -> None:
    try:
        call()
    except NotLoopbackError:
        return
    except OSError as error:
        raise SystemExit(f"attack: loopback is not enforced ({error})") from error
    raise SystemExit("attack: loopback is not enforced")
