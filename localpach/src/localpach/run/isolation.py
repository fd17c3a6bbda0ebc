"""What this machine allows: a mount namespace for each job, or only the replacement of `/pfs` in its command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from enum import Enum
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TRIAL_SECONDS = 10


class Isolation(Enum):
    """How a job finds its files."""

    NAMESPACE = "namespace"
    REPLACE = "replace"


def detect() -> Isolation:
    """Try whether a job can be given a `/pfs` of its own."""
    with tempfile.TemporaryDirectory(prefix="localpach-") as folder:
        base = Path(folder)
        for name in ("pfs", "root"):
            (base / name).mkdir()
        (base / "pfs" / "here").touch()
        job = {
            "server": os.getpid(),
            "isolate": True,
            "pfs": str(base / "pfs"),
            "root": str(base / "root"),
            "tmp": "",
            "tmp_keeps": [],
            "cmd": ["test", "-e", "/pfs/here"],
            "env": {"PATH": os.environ.get("PATH", os.defpath)},
            "cwd": "/",
            "nice": 0,
            "memory": 0,
        }
        try:
            result = subprocess.run(
                [sys.executable, "-I", "-S", str(SUPERVISOR), json.dumps(job)],
                capture_output=True,
                timeout=TRIAL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Isolation.REPLACE
    return Isolation.NAMESPACE if result.returncode == 0 else Isolation.REPLACE
