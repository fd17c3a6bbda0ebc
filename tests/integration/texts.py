"""Scripts that are small enough to train on within seconds."""

_SPEAKERS = ("HAMLET", "OPHELIA", "HORATIO", "GERTRUDE")
_LINES = (
    "What news from the castle this morning ?",
    "The king walks alone upon the wall .",
    "My lord , I have a letter for you .",
    "Give me the letter and go .",
    "I never loved you , my lady .",
    "The play is the thing wherein we shall catch the king .",
)


def play(scenes: int = 30, title: str = "The Castle") -> str:
    """`NAME: speech` lines; the same arguments give the same text."""
    lines = [title, ""]
    for scene in range(scenes):
        for number, line in enumerate(_LINES):
            lines.append(f"{_SPEAKERS[(scene + number) % len(_SPEAKERS)]}: {line}")
        lines.append("")
    return "\n".join(lines)
