"""Unusual marks around names, and texts that must not be read as such names."""

import random
import time

import pytest
from samples import Read

from scriptmodel_trainer.corpus import layouts

TALK = [
    ("Anna", "Is it early, or is it late?"),
    ("Ben", "(softly) It is early, and cold."),
    ("Mrs. Gull", "Nobody ever knows; the sea does."),
    ("", "[Enter Carl with a lamp.]"),
    ("Carl", "Good evening to you all!"),
    ("Ben", "Mind the step."),
]
WORDS = ("the", "tide", "is", "early", "cold", "nobody", "waits", "for", "it", "again")
NAMES = ("Anna", "Ben", "Carl", "Dora", "Emil")


def framed(frame: str) -> str:
    """The talk, five times; `#` in the frame counts the speeches."""
    parts = ["THE PIER", "ACT I"]
    spoken = 0
    for name, text in TALK * 5:
        spoken += bool(name)
        shown = frame.replace("#", str(spoken)).format(name=name, caps=name.upper(), text=text)
        parts.append(shown if name else text)
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize(
    "frame",
    [
        "{{{name}.}} {text}",
        "{{{caps}}}\n{text}",
        "I:1:#      {caps}.\n            {text}",
        "#  {name}. {text}",
        "[{name}] {text}",
        "({caps}.) {text}",
        "={name}.= {text}",
        "={caps}=\n{text}",
        "+{name}+ {text}",
        "~{name}.~~\n{text}",
        "*{caps}:* {text}",
        "_{name}_ {text}",
        "| {name} | {text}",
        "- {name}: {text}",
        "{name}\t{text}",
        "{name}     {text}",
        "{name} = {text}",
        "{name} > {text}",
    ],
)
def test_names_are_known_by_the_frame_that_they_share(frame: str, read: Read) -> None:
    expected = [(name.upper(), text.strip("[]")) for name, text in TALK * 5]
    assert [(who.upper(), text) for who, text in read(framed(frame))[1:]] == expected


def test_numbers_before_names_are_cut() -> None:
    sample = framed("#  {caps}.\n{text}").split("\n")
    layout, _ = layouts.detect(sample)
    cut = [event.text for event in layout.parse(sample, sample) if event.kind.value == "cut"]
    assert [text for text in cut if text.isdigit()] == [str(number) for number in range(1, 26)]


@pytest.mark.parametrize("shown", ["{line:<40}{number}", "{line} [{number}]", "{line}\t{number} "])
def test_the_numbers_of_lines_of_verse_are_cut(shown: str, read: Read) -> None:
    lines, expected, number = ["THE PIER", "", "ACT I"], [], 0
    for turn in range(24):
        name = NAMES[turn % 3].upper()
        verse = [" ".join([WORDS[(turn * 7 + at) % 10].title(), *WORDS[at % 5 :][:5]]) + "," for at in range(4)]
        verse[3] = "It was in 1745, and 40" if turn == 9 else verse[3]
        expected.append((name, " ".join(verse)))
        lines += ["", name]
        for line in verse:
            number += 1
            lines.append(shown.format(line=line, number=number) if number % 5 == 0 else line)
    assert [each for each in read("\n".join(lines)) if each[0]] == expected


def test_years_at_the_ends_of_lines_are_no_numbers_of_verse(read: Read) -> None:
    years = range(1700, 1740, 2)
    talk = [(name, f"Was it in {year}?\nIt was in {year + 1}") for name, year in zip(NAMES * 4, years, strict=True)]
    text = "ACT I\n\n" + "\n\n".join(f"{name.upper()}. {words}" for name, words in talk)
    assert [words for name, words in read(text) if name] == [words.replace("\n", " ") for _, words in talk]


@pytest.mark.parametrize("frame", ["{{{name}.}} {text}", "={caps}=\n{text}", "#  {name}. {text}"])
@pytest.mark.parametrize("asked", ["caps-period", "title-period", "name-alone"])
def test_a_requested_layout_is_read_in_the_frame_too(asked: str, frame: str) -> None:
    sample = framed(frame).split("\n")
    layout, confidence = layouts.detect(sample, layouts.layout_named(asked))
    spoken = [event.speaker for event in layout.parse(sample, sample) if event.kind.value == "speech"]
    assert (layout.name, confidence) == (asked, 1.0)
    assert [name.upper() for name in spoken] == [name.upper() for name, _ in TALK * 5 if name]


def test_requested_plain_text_has_no_frame() -> None:
    sample = framed("{{{name}.}} {text}").split("\n")
    plain = layouts.layout_named("plain")
    assert layouts.detect(sample, plain) == (plain, 1.0)


def test_a_rare_name_in_the_frame_speaks_too(read: Read) -> None:
    assert ("A Gull", "Never!") in read(framed("{{{name}.}} {text}") + "\n{A Gull.} Never!\n")


def _lists() -> dict[str, list[str]]:
    draw = random.Random(1)

    def words(count: int = 7) -> str:
        return draw.choice(WORDS).title() + ", " + " ".join(draw.choices(WORDS, k=count)) + draw.choice("....?")

    def name() -> str:
        return draw.choice(NAMES)

    return {
        "chat": [f"<{name()}> {words()}" for _ in range(200)],
        "chat by the clock": [f"{10 + i // 60}:{i % 60:02} {name()}: {words()}" for i in range(200)],
        "bibliography": [line for i in range(200) for line in (f"{NAMES[i // 40]}; {words()}", "")],
        "numbered bibliography": [
            line for i in range(99) for line in (f"{i}. {name()} {words(0)[:-2]}{i % 50}. {words()}", "")
        ],
        "names": [f"{i}. {name()} {name()}son" for i in range(200)],
        "song": [line for part in ("Verse", "Chorus") * 40 for line in (f"[{part}]", words(4), words(4), "")],
        "answers": [f"{i}. {draw.choice(('True', 'False'))}" for i in range(200)],
        "table": [f"| {name()} | {draw.choice(WORDS)}? | {name()} |" for _ in range(200)],
        "columns": [f"{name()}; {draw.choice(WORDS)}?; {name()}" for _ in range(200)],
        "log": [f"[{draw.choice(('Pier', 'Boat', 'Gull'))}] {' '.join(draw.choices(WORDS, k=6))}," for _ in range(200)],
        "verse": [line for _ in range(50) for line in (words(4), words(5), words(4), "")],
        "scripture": [f"{chapter}:{verse} {words(9)}" for chapter in range(20) for verse in range(20)],
        "novel": [
            line for _ in range(99) for line in (f'"{draw.choice(("Yes", "No"))}," said {name()}.', words(50), "")
        ],
    }


@pytest.mark.parametrize("kind", _lists())
def test_lists_and_prose_are_no_plays(kind: str) -> None:
    assert layouts.detect(_lists()[kind])[0].name in ("plain", "normalized")


@pytest.mark.parametrize("run", [" ", "_", "{", "1", "\t", "A ", "- ", "=", "A."])
def test_a_long_run_takes_no_time(run: str) -> None:
    start = time.process_time()
    layouts.frames.infer([run * 20_000 + "?"] * 5)
    assert time.process_time() - start < 1.0
