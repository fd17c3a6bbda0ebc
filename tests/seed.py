"""The one seed of all generated cases: CI's, or a new one that a failing test shows."""

import os
import random


def run_seed() -> int:
    """Return the environment's SEED, or else a random one; it is printed, so that a failed run can be repeated."""
    value = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    print(f"seed {value}: repeat with SEED={value}")
    return value
