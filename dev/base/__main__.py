"""Trains the base of a language on a library of public-domain plays, and packs it into one file.

`make base LANGUAGE=en LIBRARY=folder` runs it. Each step keeps what it has done in OUT, so the same command continues a
build that was stopped: the texts as tokens, and the checkpoints of the training.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.base.library import LISTS, Library, Play, fetch_missing, library, problems
from dev.paths import ROOT, TRAINER_ENV

_PYTHON = TRAINER_ENV / "bin" / "python"
_COMMAND = TRAINER_ENV / "bin" / "scriptmodel-trainer"
_NOT_FOR = (
    "It knows plays before 1931 and their prejudices; it knows no facts. Do not present its text as a person's, and do "
    "not publish it without reading it for runs of words that the plays have."
)


def build(language: str, folder: Path, out: Path, words: Sequence[str] = ()) -> Path:
    """Return the packed base; SystemExit if the library is not as listed. `words` are further options of train."""
    listed = library(language)
    fetch_missing(listed.plays, folder, say)
    if lines := problems(listed.plays, folder):
        sys.exit("\n".join([*lines, f"base: {len(lines)} of {len(listed.plays)} files are not as listed"]))
    texts = out / "texts"
    for number, play in enumerate(listed.plays, 1):
        _normalize(play, folder, texts, f"{number} of {len(listed.plays)}")
    model = out / "model"
    if not (model / "model.json").exists():
        say(f"training in {model}: the same command continues it after a stop")
        if listed.start:
            _run(_PYTHON, "-m", "dev.base.start", listed.start, texts, out / "start")
        train(texts, model, out / "state", [*settings(listed, out / "start"), *words])
    card = out / "card.json"
    card.write_text(json.dumps(card_of(listed), ensure_ascii=False, indent=1), "utf-8")
    packed = out / f"{language}.tar"
    _run(_PYTHON, "-m", "dev.base.pack", model, card, packed)
    return packed


def settings(listed: Library, start: Path) -> list[str]:
    """Return the settings of a library's training as options of train; `start` is the model that it starts from."""
    kind = ["--from", str(start)] if listed.start else ["--preset", "demo"]
    return [*kind, "--set", *(f"{key}={json.dumps(value)}" for key, value in listed.training.items())]


def train(texts: Path, model: Path, state: Path, words: Sequence[str]) -> None:
    """Train on texts as tokens; it continues from the checkpoints in `state`."""
    place: list[str | Path] = ["--data", texts, "--out", model, "--state", state]
    words = ["--layout", "normalized", "--split", "files", "--seed", "0", "--checkpoint-seconds", "60", *words]
    _run(_PYTHON, "-m", "dev.bench.trainer.train", *place, *words)


def _normalize(play: Play, folder: Path, texts: Path, place: str) -> None:
    """Write a play as tokens unless that is done."""
    path = texts / f"{Path(play.file).stem}.txt"
    if not path.exists():
        say(f"reading {place}: {play}")
        _run(_COMMAND, "normalize", folder / play.file, "--out", path)


def card_of(listed: Library) -> dict[str, object]:
    return {
        "name": listed.language,
        "language": listed.language,
        "licence": listed.licence,
        "texts": _texts(listed),
        "not_for": _NOT_FOR,
    }


def _texts(listed: Library) -> list[str]:
    """Return a line for each text that a base has read, those of the base that it started from first."""
    before = _texts(library(listed.start)) if listed.start else []
    return before + [f"{play}: {listed.free[play.free]}" for play in listed.plays]


def _run(*words: str | Path) -> None:
    done = subprocess.run([*words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Build the base and say where it is and how it is installed."""
    parser = argparse.ArgumentParser(prog="python -m dev.base", description=__doc__)
    known = sorted(path.stem for path in LISTS.glob("*.yaml"))
    parser.add_argument("language", choices=known, help="language of the base")
    parser.add_argument("library", type=Path, help="folder with the listed files; what it lacks is fetched")
    parser.add_argument("--out", type=Path, help="folder for texts, checkpoints and the base [default: LIBRARY-base]")
    options = parser.parse_args()
    folder = options.library.resolve()
    out = options.out.resolve() if options.out else folder.with_name(f"{folder.name}-base")
    packed = build(options.language, folder, out)
    say(f"{packed} ({packed.stat().st_size / 1e6:.1f} MB); install it: scriptmodel base add {packed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
