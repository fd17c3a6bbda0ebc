"""Small plays of our own writing."""

import random
from collections.abc import Callable
from pathlib import Path

from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import TokenStream, read_corpus
from scriptmodel_trainer.storage.records import SCENES

_NAMES = ("ANNA", "OLD_BEN", "THE CLERK", "Mira")
_SUBJECTS = ("The lamp", "My brother", "A stranger", "The river", "Your letter", "The door")
_VERBS = ("waits for", "remembers", "was sent to", "will not leave", "asks about", "belongs to")
_OBJECTS = ("the harbour", "an old song", "our kitchen", "nobody", "the last train", "her garden")
_ENDS = (".", ".", ".", "?", "!", "...")
_DIRECTIONS = ("Enter {}", "Exit {}", "{} looks out of the window", "A pause")

Read = Callable[[str], list[tuple[str, str]]]  # who speaks (nobody: a direction) and what

# A printed play, and what stands around it.
TALK = """
ANNA. The tide is early today.

BEN. It was early yesterday as well.

ANNA. Then somebody must speak to it.

BEN. I have spoken to it, twice.
"""
LICENCE = "\n\nEnd of the Project Gutenberg EBook of The Pier\n\n" + (
    "You may copy this text and give it away, to one or to many, as often as you like.\n\n" * 60
)
CAST = "THE PIER\n\nDRAMATIS PERSONAE\n\nANNA, a ferrywoman.\n\nBEN, her brother.\n\n"
ALONE = "ANNA\n\nIs it early?\n\nBEN\n\nIt is, and cold, too.\n\n"  # names on lines of their own
BEGINNING = CAST + "ACT I\n" + TALK * 8 + "\n\n"
LONG = "The pier is longer than the play, and it is older than anyone who walks on it today, or who ever did.\n\n"


def play(speeches: int, seed: int = 1) -> str:
    """A Markdown play with scenes, directions, brackets, quotes and apostrophes."""
    draw = random.Random(seed)
    lines = ["# The Last Train", "", "## ACT I", ""]
    for number in range(speeches):
        if number % 25 == 0:
            lines += [f"### SCENE {number // 25 + 1}. A room.", ""]
        name = draw.choice(_NAMES)
        if draw.random() < 0.2:
            lines += [f"_{draw.choice(_DIRECTIONS).format(name)}_", ""]
        lines.append(f"**{name}**  ")
        for _ in range(draw.randint(1, 3)):
            sentence = f"{draw.choice(_SUBJECTS)} {draw.choice(_VERBS)} {draw.choice(_OBJECTS)}"
            if draw.random() < 0.15:
                sentence = f"(aside) {sentence}, and they're saying \"it isn't so\""
            lines.append(f"{sentence}{draw.choice(_ENDS)}  ")
        lines.append("")
    return "\n".join(lines)


def read_stream(path: Path, split: str = SCENES) -> TokenStream:
    """Read a file or a folder as a corpus, in splits."""
    return read_corpus(find_sources([path], lambda _: None), None, lambda _: None, split)
