"""Run a control plane until a signal; `python -m dev.stack FOLDER` writes FOLDER/kubeconfig when it is ready."""

import signal
import sys
from pathlib import Path

from dev.processes import raise_on_signals
from dev.stack import ControlPlane

if __name__ == "__main__":
    raise_on_signals()
    with ControlPlane(Path(sys.argv[1])):
        signal.pause()
