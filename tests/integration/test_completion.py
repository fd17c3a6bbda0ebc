"""Completion by the Tab key in each shell, run by the shells themselves."""

import os
import subprocess
from pathlib import Path

import pytest

from dev.paths import OPERATOR_ENV
from dev.programs.debian import need

PRESSED = {
    "bash": r"""
        eval "$(scriptmodel completion bash)"
        COMP_WORDS=(scriptmodel sta) COMP_CWORD=1
        _scriptmodel_completion scriptmodel
        printf '%s\n' "${COMPREPLY[@]}"
    """,
    "fish": "scriptmodel completion fish | source; complete -C 'scriptmodel sta'",
    # Completion of zsh lives in its line editor alone, so the key is pressed in one on a terminal of its own.
    "zsh": r"""
        zmodload zsh/zpty
        zpty shell zsh -fi
        zpty -w shell 'autoload -Uz compinit; compinit -u -D; eval "$(scriptmodel completion zsh)"; print REA\DY'
        zpty -r -m shell line '*READY*'
        zpty -w -n shell $'scriptmodel sta\t'
        zpty -r -m shell line '*scriptmodel status*'
        print -r -- $line
    """,
}


@pytest.fixture(scope="module", autouse=True)
def shells() -> None:
    """Install the shells, or fail with the command that does."""
    need({shell: shell for shell in PRESSED})


@pytest.mark.parametrize("shell", PRESSED)
def test_a_command_that_was_begun_is_completed(shell: str, tmp_path: Path) -> None:
    env = {**os.environ, "PATH": f"{OPERATOR_ENV / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [shell, "-c", PRESSED[shell]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert "status" in done.stdout, done.stderr
