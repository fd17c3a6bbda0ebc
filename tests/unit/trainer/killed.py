"""Trains in a process of its own, which is interrupted or killed after several checkpoints."""

import random
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.seed import run_seed

# It does so itself: another process might come too late, unless the training were long.
_PROGRAM = """
import os, signal, sys, threading, time
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.training import checkpointer

presets.KEYS[:] = presets.Preset.__dataclass_fields__
saves, number, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
save = checkpointer.Checkpointer.save

def save_and_count(*arguments):
    global saves
    save(*arguments)
    saves -= 1
    if saves == 0 and number == signal.SIGKILL:
        threading.Timer(delay, os.kill, (os.getpid(), number)).start()
    elif saves == 0:
        os.kill(os.getpid(), number)
    elif saves == -10:
        time.sleep(60)  # for the kill to come

checkpointer.Checkpointer.save, checkpointer.SAVE_RATIO = save_and_count, 0
sys.exit(main(sys.argv[4:]))
"""


def train_until_killed(words: Sequence[str], saves: int) -> None:
    """Train, and be killed up to a twentieth of a second after so many checkpoints."""
    done = _train(words, saves, signal.SIGKILL, random.Random(run_seed()).random() / 20)
    assert done.returncode == -signal.SIGKILL, done.stderr


def train_until_interrupted(words: Sequence[str], saves: int) -> subprocess.CompletedProcess[str]:
    """Train, and get SIGINT after so many checkpoints."""
    return _train(words, saves, signal.SIGINT, 0.0)


def _train(words: Sequence[str], saves: int, number: signal.Signals, delay: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _PROGRAM, str(saves), str(int(number)), str(delay), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
