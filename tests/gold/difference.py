"""Which lines are read otherwise than by another commit, in the notes and in a folder of texts.

    python tests/gold/difference.py --base COMMIT [--texts DIR] [--layouts all] [--jobs 2]

Two versions of the trainer read every text: the working tree and the commit. A line of the label stream is one event:
the line of the text, its label (`speech`, `exposition`, `heading`, `cut`), who speaks, and the tokens. `+` after a
label says that a speech continues, `?` that the text was taken for a direction because it fits nothing. Prints the
lines that differ, the notes that only one of the versions meets, and totals. The exit code is 1 if anything differs.

The short plays in `synthetic/` and their notes are always compared; notes of real plays are, where `--texts` holds a
text whose name begins with theirs (`1754_*.txt`). With `--layouts all` each text is also read in every named layout.
What the commit reads is kept in `build/gold-diff` under the digests of its source and of the text.
"""

import argparse
import difflib
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import event_tokens

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "gold-diff"
SOURCE = "trainer/src"
SHOWN = 40  # differing lines of one text


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and the layout that it is read in."""

    text: str
    layout: str


def labels(text: Path, layout: str) -> Iterator[str]:
    """Yield the label stream of a text, a line for each event."""
    for source in reading.find_sources([text], lambda _: None):
        sample = reading.sample_lines(source)
        chosen, _ = layouts.detect(sample, layouts.layout_named(layout))
        yield from map(_label, chosen.parse(reading.read_lines(source), sample))


def _label(event: Event) -> str:
    cut = event.kind is EventKind.CUT
    words = " ".join(event.text.split() if cut else event_tokens(event))
    marks = "+" * event.continued + "?" * event.doubtful
    return f"{event.line}\t{event.kind.value}{marks}\t{event.speaker}\t{words}"


def fingerprint(expected: Reading) -> dict[str, Any]:
    """Return the digest and the length of a label stream."""
    digest, lines = hashlib.sha256(), 0
    for line in labels(Path(expected.text), expected.layout):
        digest.update(f"{line}\n".encode(errors="surrogatepass"))
        lines += 1
    return {"text": expected.text, "layout": expected.layout, "lines": lines, "sha256": digest.hexdigest()}


def misses(pair: tuple[str, str]) -> dict[str, Any]:
    """Return what a text is read otherwise than its notes say."""
    found = measure.score(Path(pair[0]), Path(pair[1]))
    return {"notes": Path(pair[1]).stem, "misses": list(found.misses)}


def answer(question: dict[str, Any], jobs: int) -> Iterator[dict[str, Any]]:
    """Answer a question of `ask` with the version of the trainer that this process imports."""
    if expected := question.get("stream"):
        yield {"stream": list(labels(Path(expected["text"]), expected["layout"]))}
        return
    with multiprocessing.Pool(jobs) as pool:
        yield from pool.imap(fingerprint, [Reading(**each) for each in question["readings"]], chunksize=4)
        yield from pool.imap(misses, map(tuple, question["notes"]))


def ask(source: Path, question: dict[str, Any], jobs: int = 1) -> list[dict[str, Any]]:
    """Ask the trainer whose source this is, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--answer", "--jobs", str(jobs)],
        input=json.dumps(question),
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass(frozen=True, slots=True)
class Base:
    """A version of the trainer: the folder of its source, and the file that keeps what it read before."""

    source: Path
    kept: Path

    def fingerprints(self, expected: Sequence[Reading], jobs: int) -> dict[Reading, dict[str, Any]]:
        """Return the fingerprints of label streams; those of texts that were read before are not computed again."""
        known: dict[str, dict[str, Any]] = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        keys = {each: f"{each.layout} {hashlib.sha256(Path(each.text).read_bytes()).hexdigest()}" for each in expected}
        missing = [each for each in expected if keys[each] not in known]
        for found in ask(self.source, {"readings": _plain(missing), "notes": []}, jobs) if missing else ():
            known[keys[Reading(found["text"], found["layout"])]] = found
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(json.dumps(known))
        return {each: known[keys[each]] for each in expected}


def checkout(commit: str, folder: Path) -> Base:
    """Write the source of a commit into a folder."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout

    subprocess.run(["tar", "--extract", "--file=-", "-C", folder], input=git("archive", commit, SOURCE), check=True)
    tree = git("rev-parse", f"{commit}:{SOURCE}").decode().strip()
    return Base(folder / SOURCE, KEPT / f"{tree}.json")


def _plain(expected: Iterable[Reading]) -> list[dict[str, str]]:
    return [{"text": each.text, "layout": each.layout} for each in expected]


def compare(base: Base, expected: Sequence[Reading], notes: Sequence[tuple[Path, Path]], jobs: int) -> bool:
    """Print what differs and the totals; True if nothing does."""
    pairs = [(str(text), str(gold)) for text, gold in notes]
    before = base.fingerprints(expected, jobs)
    after = ask(ROOT / SOURCE, {"readings": _plain(expected), "notes": pairs}, jobs)
    changed = lines = 0
    differ = [each for each, found in zip(expected, after, strict=False) if before[each]["sha256"] != found["sha256"]]
    for each in differ:
        gone, come = _show(base, each)
        changed += max(gone, come)
    lines = sum(found["lines"] for found in after[: len(expected)])
    same = _show_notes(ask(base.source, {"readings": [], "notes": pairs}, jobs), after[len(expected) :])
    texts = len({each.text for each in expected})
    print(f"{texts:,} texts, {len(expected):,} readings, {lines:,} lines: {changed:,} lines differ in {len(differ):,}")
    return same and not differ


def _show(base: Base, expected: Reading) -> tuple[int, int]:
    """Print the lines of a text that differ; return how many only the base and only the working tree has."""
    question = {"stream": _plain([expected])[0]}
    (before,), (after,) = ask(base.source, question), ask(ROOT / SOURCE, question)
    found = list(difflib.unified_diff(before["stream"], after["stream"], lineterm="", n=0))[2:]
    found = [line for line in found if not line.startswith("@@")]
    print(f"{os.path.relpath(expected.text)} ({expected.layout})")
    for line in found[:SHOWN]:
        print(f"  {line[0]} {line[1:].expandtabs(12)}"[:160])
    if len(found) > SHOWN:
        print(f"  ... {len(found) - SHOWN} more")
    gone = sum(line[0] == "-" for line in found)
    return gone, len(found) - gone


def _show_notes(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> bool:
    """Print the notes that only one of two versions meets; True if there is none."""
    same = True
    for old, new in zip(before, after, strict=True):
        for sign, misses in (("met now", set(old["misses"]) - set(new["misses"])), ("missed", new["misses"])):
            for miss in sorted(set(misses) - (set(old["misses"]) if sign == "missed" else set())):
                print(f"notes {old['notes']}: {sign}: {miss}")
                same = False
    print(f"{len(after)} files of notes: {'no note is met otherwise' if same else 'see above'}")
    return same


def _texts(folder: Path | None) -> list[Path]:
    own = [text for text, _ in measure.synthetic_pairs()]
    found = [source.path for source in reading.find_sources([folder], lambda _: None)] if folder else []
    return [*own, *(path.resolve() for path in found)]


def _notes(folder: Path | None) -> list[tuple[Path, Path]]:
    real = (
        ((next(folder.rglob(f"{gold.stem}_*.txt"), None), gold) for gold in measure.PLAYS.glob("*.tsv"))
        if folder
        else ()
    )
    return [*measure.synthetic_pairs(), *((text, gold) for text, gold in real if text is not None)]


def main() -> int:
    """Compare the working tree with a commit; 1 if anything is read otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="HEAD", help="the commit to compare with [default: HEAD]")
    parser.add_argument("--texts", type=Path, help="folder of texts to read")
    parser.add_argument("--layouts", choices=("auto", "all"), default="auto", help="layouts to read in [default: auto]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes [default: one for each processor]")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        for found in answer(json.load(sys.stdin), options.jobs):
            print(json.dumps(found), flush=True)
        return 0
    names = ["auto", *layouts.LAYOUTS] if options.layouts == "all" else ["auto"]
    expected = [Reading(str(text), name) for text in _texts(options.texts) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        base = checkout(options.base, Path(folder))
        return 0 if compare(base, expected, _notes(options.texts), options.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
