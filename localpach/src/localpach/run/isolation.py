"""What this machine allows: a mount namespace for each job, or only the replacement of `/pfs` in its command."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from localpach.run.process import Command, Isolation, Process

__all__ = ["Isolation", "detect"]

TRIAL_SECONDS = 10.0


def detect() -> Isolation:
    """Try whether a job can be given a `/pfs` of its own."""
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
        over = threading.Event()
        trial = Process(command, Isolation.NAMESPACE, lambda _line: None, over.set)
        if not over.wait(TRIAL_SECONDS):
            trial.kill()
        return Isolation.NAMESPACE if trial.status == 0 else Isolation.REPLACE
