"""The measured programs: this operator, and the plain loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.bench.operator.objects import pending
from dev.processes import Program
from dev.stack import Operator

Reported = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Contender:
    """How to start a program, and when an object counts as handled."""

    name: str
    start: Callable[[Path, Path, str, str], Program]
    """From a folder, a kubeconfig, a namespace and pachd's address."""
    reported: Reported


def _ours(root: Path, kubeconfig: Path, namespace: str, pachd: str) -> Program:
    operator = Operator(root, kubeconfig, pachd, options=["--namespace", namespace, "--log-level", "warning"])
    return Program(operator.name, operator.command, operator.log)  # which does not start by itself


def _loop(root: Path, kubeconfig: Path, namespace: str, pachd: str) -> Program:
    command = [sys.executable, "-m", "dev.bench.operator.plain", str(kubeconfig), namespace, pachd]
    return Program("loop with pipelines", command, root / "loop.log")


def _status_is_current(found: dict[str, Any]) -> bool:
    return not pending(found)


def _pipelines_are_reported(found: dict[str, Any]) -> bool:
    return not pending(found) and len(found["status"].get("pipelines") or []) == 2


OURS = Contender("operator", _ours, _pipelines_are_reported)
LOOP = Contender("loop with pipelines", _loop, _status_is_current)
