"""A Service of the node without kube-proxy: this host has its address and passes connections on to its pod."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dev.cluster.network import BRIDGE

PIECE = 1024 * 1024


@contextmanager
def serving(address: str, ports: Sequence[int], pod_address: Callable[[], str]) -> Iterator[None]:
    """Pass connections on; the pod's address is asked for at each of them, because it changes with the pod."""
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", BRIDGE], check=True)
    listening = [socket.create_server((address, port)) for port in ports]
    try:
        for each, port in zip(listening, ports, strict=True):
            threading.Thread(target=_accept, args=(each, port, pod_address), daemon=True).start()
        yield
    finally:
        for each in listening:
            each.close()
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", BRIDGE], check=False)


def _accept(listening: socket.socket, port: int, pod_address: Callable[[], str]) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(client, port, pod_address), daemon=True).start()


def _connect(client: socket.socket, port: int, pod_address: Callable[[], str]) -> None:
    try:
        pod = socket.create_connection((pod_address(), port), timeout=5)
    except (OSError, AssertionError, KeyError):  # the pod is away, or has no address yet
        client.close()
        return
    pod.settimeout(None)
    threading.Thread(target=_copy, args=(client, pod), daemon=True).start()
    _copy(pod, client)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
