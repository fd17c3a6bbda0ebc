"""Detection of the isolation that this machine allows: mount namespaces, or replacing `/pfs` in commands."""

import os
import tempfile
import threading
from pathlib import Path

from localpach.run.process import Command, Isolation, Process

__all__ = ["Isolation", "detect"]

TEST_SECONDS = 10.0


def detect() -> Isolation:
    """Test whether a job can get its own `/pfs`; return the strongest isolation that works."""
    with tempfile.TemporaryDirectory(prefix="localpach-") as folder:
        base = Path(folder)
        for name in ("pfs", "root", "tmp", "store"):
            (base / name).mkdir()
        (base / "pfs" / "here").touch()
        command = Command(
            words=["test", "-e", "/pfs/here"],
            variables={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=b"",
            pfs=base / "pfs",
            scratch=base / "root",
            tmp=base / "tmp",
            tmp_keeps=(),
            store=base / "store",
        )
        ended = threading.Event()
        process = Process(command, Isolation.NAMESPACE, lambda _line: None, ended.set)
        if not ended.wait(TEST_SECONDS):
            process.kill()
        return Isolation.NAMESPACE if process.status == 0 else Isolation.REPLACE
