"""Forwards a port to pachd by `kubectl port-forward`, as long as a command runs."""

import re
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import click

from scriptmodel_cli.publicconfig import ServiceAddress

_FORWARDING = re.compile(r"Forwarding from (127\.0\.0\.1:\d+) -> ")
_HANDLING = "Handling connection for "
_START_SECONDS = 20
_PAUSE_SECONDS = 0.5


class PortForward:
    """A port-forward to a Service, open until `close`; kubectl, which ends with its pod, is started again."""

    def __init__(self, kubeconfig: Path | None, service: ServiceAddress) -> None:
        """Start kubectl. Raises ClickException, with kubectl's words, if it forwards nothing."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise click.ClickException("kubectl, which forwards the port, is not on PATH: install it")
        self.address = ""
        """HOST:PORT on this machine."""
        self._problem = ""
        """The last error that kubectl printed."""
        self._command = [kubectl, *([f"--kubeconfig={kubeconfig}"] if kubeconfig else [])]
        self._command += ["port-forward", f"--namespace={service.namespace}", f"service/{service.name}"]
        self._command += ["--address=127.0.0.1", f"--pod-running-timeout={_START_SECONDS}s"]
        self._port = service.port
        self._ready, self._closed = threading.Event(), threading.Event()
        with suppress(ValueError):  # in a thread, as of a completion, no signal can be handled
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends kubectl too
        self._process = self._start()
        self._thread = threading.Thread(target=self._follow, name="port-forward", daemon=True)
        self._thread.start()
        self._ready.wait(_START_SECONDS + 5)
        if not self.address:
            self.close()
            raise click.ClickException(self._problem or f"kubectl gave no answer within {_START_SECONDS} s")

    def close(self) -> None:
        self._closed.set()
        self._process.kill()
        self._thread.join()

    def _start(self) -> subprocess.Popen[str]:
        ports = f"{self.address.rpartition(':')[2]}:{self._port}"  # at first kubectl chooses the local port
        return subprocess.Popen(
            [*self._command, ports],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _follow(self) -> None:
        """Read what kubectl prints; once it has forwarded the port, start it again each time it ends."""
        while True:
            with self._process as process:
                for line in process.stdout or ():
                    if found := _FORWARDING.match(line):
                        self.address = found[1]
                        self._ready.set()
                    elif line.strip() and not line.startswith(_HANDLING):
                        self._problem = " ".join(line.split())
            if not self.address or self._closed.wait(_PAUSE_SECONDS):
                self._ready.set()
                return
            self._process = self._start()
            if self._closed.is_set():
                self._process.kill()
