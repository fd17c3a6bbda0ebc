"""Runs the cases of an attack generator: seeded, bounded in number and time, and resumable by the case's number.

A generator is a function of a case's number and its own random numbers, `attack(number, chance)`. It runs one
case and returns the name of its outcome, such as "refused"; a FindingError reports a result that must not occur.
Any other exception is a finding, too. A case depends on seed and number alone, so `--seed S --start N --cases 1`
repeats case N. A generator ends in

    if __name__ == "__main__":
        sys.exit(main(attack))
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence

Attack = Callable[[int, random.Random], str]

_SLOWEST = 60.0
_SHOWN = 4000


class FindingError(Exception):
    """A result that no attack may achieve; the message describes it."""


def main(attack: Attack, argv: Sequence[str] | None = None) -> int:
    """Run cases until their number or the time is up; print seed, counts and findings; return 1 after a finding."""
    options = _options(argv)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    outcomes: Counter[str] = Counter()
    deadline = time.monotonic() + options.seconds
    number = options.start
    while number < options.start + options.cases and time.monotonic() < deadline:
        outcomes[_outcome(attack, seed, number)] += 1
        number += 1
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:8d}  {outcome}")
    print(f"{outcomes.total():8d}  cases; continue with --seed {seed} --start {number}", flush=True)
    return 1 if outcomes["FINDING"] else 0


def _outcome(attack: Attack, seed: int, number: int) -> str:
    started = time.monotonic()
    try:
        outcome = attack(number, random.Random(f"{seed}/{number}"))
        if (took := time.monotonic() - started) > _SLOWEST:
            raise FindingError(f"the case took {took:.0f} s")  # noqa: TRY301 - one place prints findings
    except FindingError as error:
        found = str(error)
    except Exception:
        found = traceback.format_exc()
    else:
        return outcome
    repeat = f"--seed {seed} --start {number} --cases 1"
    print(f"FINDING in case {number} ({repeat}): {found[-_SHOWN:]}", file=sys.stderr, flush=True)
    return "FINDING"


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--seed", type=int, help="Repeat a run [default: drawn and printed]")
    parser.add_argument("--cases", type=int, default=1000, help="Stop after this many cases [default: 1000]")
    parser.add_argument("--seconds", type=float, default=60.0, help="Stop after this time [default: 60]")
    parser.add_argument("--start", type=int, default=0, help="Number of the first case [default: 0]")
    return parser.parse_args(argv)
