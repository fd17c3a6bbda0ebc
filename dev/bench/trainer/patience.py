"""Shows what early stopping would have saved and lost in finished trainings.

    python -m dev.bench.trainer.patience MODEL_DIR...

Nothing is trained: a patience only decides after which epoch a training ends, so the recorded validation perplexities
of all epochs tell where it would have ended, and with which best figure. That holds for schedules of the learning rate
that do not depend on the patience, as all presets' do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path


def stopped_after(figures: Sequence[float], patience: int) -> int:
    """Return how many epochs a training with these validation figures has; the rule is that of the training loop."""
    best = 0
    for epoch in range(1, len(figures) + 1):
        if figures[epoch - 1] < figures[best]:
            best = epoch - 1
        if epoch - (best + 1) >= patience:
            return epoch
    return len(figures)


def main() -> int:
    """Print a row for each model directory and patience up to the first that changes nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer.patience",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL_DIR")
    for model in parser.parse_args().models:
        epochs = json.loads((model / "metrics.json").read_text("utf-8"))["epochs"]
        figures = [float(epoch["valid_perplexity"]) for epoch in epochs]
        best = min(figures)
        print(f"{model}: {len(figures)} epochs, best {best:.2f} in epoch {figures.index(best) + 1}")
        for patience in range(1, len(figures)):
            count = stopped_after(figures, patience)
            if count == len(figures):
                print(f"  patience {patience}: all epochs")
                break
            print(f"  patience {patience}: {count} epochs, best {min(figures[:count]):.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
