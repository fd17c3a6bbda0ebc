"""Runs the command `scriptmodel`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dev.paths import OPERATOR_ENV
from tests.integration.cluster import Cluster


class Command:
    """The program in one namespace, with one pachd."""

    def __init__(self, cluster: Cluster, pachd: str) -> None:
        self._words = [str(OPERATOR_ENV / "bin" / "scriptmodel"), "-n", cluster.namespace, "--pachd", pachd]
        self._env = {**os.environ, "KUBECONFIG": str(cluster.control_plane.kubeconfig)}

    def __call__(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        words = [*self._words, *map(str, args)]
        return subprocess.run(words, env=self._env, capture_output=True, text=True, check=False)

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._words, *args], env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
