"""Runs the command `scriptmodel` in the test's own process, where its start costs nothing."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.main import main
from tests.integration.cluster import Cluster

PROGRAM = str(OPERATOR_ENV / "bin" / "scriptmodel")
"""For tests whose subject is the process: signals, a terminal, or what runs beside another command."""


def scriptmodel(env: Mapping[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Return exit status and output, as of the program. `env` is what is added to the environment."""
    args = [*map(str, words)]
    done = CliRunner(env=env).invoke(main, args, prog_name="scriptmodel")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(args, done.exit_code, done.stdout, done.stderr)


class Command:
    """The program in one namespace, with one pachd."""

    def __init__(self, cluster: Cluster, pachd: str) -> None:
        self._words = ["-n", cluster.namespace, "--pachd", pachd]
        self._env = {"KUBECONFIG": str(cluster.control_plane.kubeconfig)}

    def __call__(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        return scriptmodel(self._env, *self._words, *args)

    def start(self, *args: str) -> subprocess.Popen[str]:
        words, env = [PROGRAM, *self._words, *args], {**os.environ, **self._env}
        return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
