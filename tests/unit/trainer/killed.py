"""Trains in a process of its own, which is killed at a random moment after several checkpoints."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.seed import run_seed

# It kills itself: another process might come too late on a busy machine, unless the training were long.
_PROGRAM = """
import os, signal, sys, threading
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.training import checkpointer

saves, delay, save = int(sys.argv[1]), float(sys.argv[2]), checkpointer.Checkpointer.save

def save_and_count(*arguments):
    global saves
    save(*arguments)
    saves -= 1
    if saves == 0:
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()

checkpointer.Checkpointer.save, checkpointer._SAVE_RATIO = save_and_count, 0
sys.exit(main(sys.argv[3:]))
"""


def train_until_killed(words: Sequence[str], saves: int) -> None:
    """Train, and be killed up to a twentieth of a second after so many checkpoints."""
    delay = str(random.Random(run_seed()).random() / 20)
    command = [sys.executable, "-c", _PROGRAM, str(saves), delay, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
