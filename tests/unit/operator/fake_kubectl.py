"""A kubectl on PATH whose `port-forward` leads to an address of this machine, or fails with given words."""

import json
import os
import select
import signal
import sys
from pathlib import Path

_PROGRAM = f"""#!{sys.executable}
import contextlib, json, os, pathlib, socket, sys, threading
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as calls:
    print(json.dumps([os.getpid(), sys.argv[1:]]), file=calls)
told = json.loads((folder / "told").read_text())
if "error" in told:
    sys.exit(told["error"])
local = next(word.partition(":")[0] for word in reversed(sys.argv) if word.endswith(":30650"))
server = socket.create_server(("127.0.0.1", int(local or 0)))
print(f"Forwarding from 127.0.0.1:{{server.getsockname()[1]}} -> 1650", flush=True)
with contextlib.suppress(OSError):  # nobody waits for it
    os.write(os.open(folder / "forwards", os.O_WRONLY | os.O_NONBLOCK), b"1")

def copy(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)

while True:
    client, _ = server.accept()
    print("Handling connection for 30650", flush=True)
    try:
        pod = socket.create_connection(told["to"])
    except OSError:
        print('E1128 portforward.go:424] "Unhandled Error" err="connection refused"', file=sys.stderr, flush=True)
        client.close()
        continue
    for pair in ((client, pod), (pod, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""


class FakeKubectl:
    """The program in its own folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        program = folder / "kubectl"
        program.write_text(_PROGRAM)
        program.chmod(0o755)

    def leads_to(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        (self.folder / "told").write_text(json.dumps({"to": [host, int(port)]}))

    def fails(self, words: str) -> None:
        (self.folder / "told").write_text(json.dumps({"error": words}))

    @property
    def calls(self) -> list[tuple[int, list[str]]]:
        """Return the process id and the words of each call, in order."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(pid, words) for pid, words in map(json.loads, lines)]

    def replace(self) -> None:
        """End the newest call, as the real program ends when its pod does, and wait until the next one forwards."""
        os.mkfifo(fifo := self.folder / "forwards")
        reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.kill(self.calls[-1][0], signal.SIGKILL)
        assert select.select([reading], [], [], 60)[0], "it was not started again"
        os.close(reading)
