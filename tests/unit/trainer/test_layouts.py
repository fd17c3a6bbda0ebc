"""The layouts of scripts: each is detected and read into the same events."""

import json
import subprocess
import sys
import time
from pathlib import Path

import measure
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import run_trainer
from samples import BEGINNING, CAST, LICENCE, Read, play

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import fountain, markdown
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.errors import BadInputError, ReaderError

SCRIPTS = [text for text, _ in measure.synthetic_pairs()]


def read(path: Path) -> tuple[str, list[Event]]:
    (source,) = reading.find_sources([path], lambda _: None)
    chosen, _, events = events_of(source, None)
    return chosen.name, [event for event in events if event.kind is not EventKind.CUT]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_windows_line_ends_a_byte_order_mark_and_other_encodings_change_nothing(script: Path, tmp_path: Path) -> None:
    expected, text = read(script), script.read_text("cp1252" if script.stem == "name-alone" else "utf-8-sig")
    assert expected[0] == {"screenplay": "fountain"}.get(script.stem, script.stem)
    path = tmp_path / "other.txt"
    for data in (
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.replace("\n", "\r").encode("cp1252"),
        text.replace("\n", "\u2028").encode(),
        text.replace("\n", "\x85").encode(),
        text.replace("\n\n", "\n\n\u200b").encode(),
    ):
        path.write_bytes(data)
        assert read(path) == expected


def test_stray_bytes_among_many_characters_leave_the_others_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    text = "ANNA. Zoë’s lamp is lit, and nobody’s here.\n\nBEN. It was early — too early.\n\n" * 20
    for data in (b"ANNA. Caf\xe9!\n\n" + text.encode(), text.encode() + "BEN. Zoë".encode()[:-1]):
        path.write_bytes(data)
        (source,) = reading.find_sources([path], lambda _: None)
        assert text.strip() in "\n".join(reading.read_lines(source))
    path.write_bytes(text.encode("cp1252"))
    (source,) = reading.find_sources([path], lambda _: None)
    assert text.strip() == "\n".join(reading.read_lines(source)).strip()


def test_statistics_report_what_was_understood(tmp_path: Path) -> None:
    puzzle = "What is this? Why, I hope it is a speech!\n\n"
    text = BEGINNING.replace("ACT I\n", f"ACT I\n\n{puzzle}[Enter ANNA]\n")
    (tmp_path / "a.txt").write_text(text, "utf-8")
    done = run_trainer(["normalize", tmp_path, "--out", tmp_path / "o" / "t.txt", "--stats", tmp_path / "s.json"])
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "s.json").read_text("utf-8"))["files"]
    assert found["layout"] == "caps-period"
    assert found["speakers"] == {"ANNA": 16, "BEN": 16}
    assert (found["speeches"], found["expositions"], found["not_understood"]) == (32, 3, 1)
    assert (found["understood"], found["lines"]) == (pytest.approx(0.95, abs=0.05), len(text.splitlines()))
    assert found["dropped"] == pytest.approx(len(CAST.split()) / len(text.split()), abs=0.001)
    assert 0 < found["confidence"] <= 1


def test_a_normalized_text_is_used_unchanged(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(40), "utf-8")
    first = run_trainer(["normalize", tmp_path / "play.md"])
    (tmp_path / "tokens.txt").write_text(first.stdout, "utf-8")
    second = run_trainer(["normalize", tmp_path / "tokens.txt"])
    assert second.stdout == first.stdout
    assert first.stdout.startswith(" <open-exp> ACT I <eos> <close-exp>\n <open-exp> SCENE 1")


def test_text_that_is_split_into_words_is_in_token_form_though_a_table_has_capitals() -> None:
    """As in the Penn Treebank's test set, where N replaces numbers and was once read as a speaker."""
    sentences = [f" sales {word} by N in the quarter " for word in ("rose", "fell", "grew") * 400]
    table = [" N N N ", " N N to N N ", " N N of the loans "] * 8
    layout, _ = layouts.detect([*sentences, *table, *sentences])
    assert layout.name == "normalized"


def test_a_line_of_words_without_markers_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ptb.txt").write_text(" no it was n't black monday \n but while <unk> N points\n")
    done = run_trainer(["normalize", tmp_path / "ptb.txt", "--layout", "normalized"])
    assert done.stdout == " no it was n't black monday <eos>\n but while <unk> N points <eos>\n"


ODD = st.binary(max_size=600) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
PIECES = st.lists(
    st.sampled_from(
        (
            *("ANNA. ", "Ben (aside). ", "ANNA\n", "**BEN**\n", "[", "]", "(", ")", "_", "\n\n", "\n", "    "),
            *("ACT I\n\n", "INT. ROOM\n\n", "Enter. ", "word ", "'", '"', "--", ": ", "# ", "<eos> ", "<boname> "),
            *("\f", "\x1b", "é", "…", "Title: x\n", "ANNA--", "ANNA: ", "ANNA      "),
            *("<br>", "<p>", "</i>", "\n\n<center></center>\n\n"),
        )
    ),
    max_size=120,
).map(lambda pieces: "".join(pieces).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=ODD | PIECES, layout=st.sampled_from([None, *layouts.LAYOUTS.values()]))
def test_any_bytes_give_a_result_or_a_clear_error(data: bytes, layout: layouts.Layout | None, tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    begin = time.process_time()
    try:
        sources = reading.find_sources([path], lambda _: None)
        report = write_normalized(sources, layout, tmp_path / "out")
    except ReaderError:
        raise
    except BadInputError:
        return  # the clear error; anything else fails the test
    finally:
        assert time.process_time() - begin < 2
    assert report["files"]
    assert (tmp_path / "out").stat().st_size > 0


def test_memory_stays_flat_as_the_corpus_grows(tmp_path: Path) -> None:
    peaks = []
    for copies in (900, 2700):  # both larger than the sample that conventions are learned from
        path = tmp_path / f"{copies}.txt"
        path.write_text(BEGINNING * copies, "utf-8")
        peaks.append(peak_memory(["normalize", str(path), "--out", str(tmp_path / "out")]))
    grown = path.stat().st_size * 2 // 3
    assert peaks[1] - peaks[0] < grown // 2


def peak_memory(arguments: list[str]) -> int:
    """The peak memory of the command in bytes, as counted by the kernel since its start."""
    program = (
        "import atexit, pathlib, runpy\n"
        "atexit.register(lambda: print(pathlib.Path('/proc/self/status').read_text()))\n"
        "runpy.run_module('scriptmodel_trainer', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


TINY = {
    "one word": (b"word", " <lower> word <eos>\n"),
    "one line": (b"All the world's a stage.", " all the world 's a stage . <eos>\n"),
    "one speech": (b"ANNA: Who is there?\n\nBEN: I am.\n\nANNA: Oh.\n", None),
    "a letter": (b"a", " <lower> a <eos>\n"),
    "a byte order mark and a word": (b"\xef\xbb\xbfword\r\n", " <0xEF> <0xBB> <0xBF> word <0x0D> <newline> <eos>\n"),
    "a giant line": (b"so " * 1_000_000, None),
    "a giant word": (b"a" * 3_000_000, None),
}
REFUSED = {
    "nothing": (b"", "is empty"),
    "blank lines": (b"\n\n \n", "no words"),
    "only marks": (b"... -- !!\n", "no words"),
    "only a byte order mark": (b"\xef\xbb\xbf", "is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "is binary"),
    "RTF": (b"{\\rtf1\\ansi ANNA: Is it early?}", "is RTF, not text: save"),
    "half a character": (b"\xff\xfe\x41", "no words"),
}


@pytest.mark.parametrize(("data", "stream"), TINY.values(), ids=list(TINY))
def test_tiny_and_giant_files_are_normalized(data: bytes, stream: str | None, tmp_path: Path) -> None:
    (tmp_path / "script").write_bytes(data)
    write_normalized(reading.find_sources([tmp_path / "script"], lambda _: None), None, tmp_path / "out")
    written = (tmp_path / "out").read_text("utf-8")
    assert written == stream if stream else written.strip()


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_files_without_words_are_refused_with_a_reason(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_bytes(data)
    with pytest.raises(BadInputError, match=reason):
        write_normalized(reading.find_sources([tmp_path / "script"], lambda _: None), None, tmp_path / "out")


def test_the_licence_around_a_short_play_does_not_hide_its_layout(read: Read) -> None:
    song = "\n\n".join(["The tide is in,", "The tide is out,", "The gulls begin"] * 16)
    talk = "Anna--Is it early?\n\nBen--It is, and cold.\n\nAnna--Then I wait.\n\nBen--Do.\n\n"
    edges = [f"*** {edge} OF THIS PROJECT GUTENBERG EBOOK THE PIER ***\n\n" for edge in ("START", "END")]
    assert ("Anna", "Is it early?") in read(edges[0] + talk * 2 + song + "\n\n" + edges[1] + LICENCE)


def test_folders_are_read_whole_without_hidden_binary_and_program_files_and_models(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.txt").write_text("word")
    (tmp_path / "a.md").write_text("word")
    (tmp_path / ".hidden").write_text("word")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.txt").write_text("word")
    (tmp_path / "program.py").write_text("word")
    (tmp_path / "picture.txt").write_bytes(b"\0\1\2" * 30)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    (tmp_path / "plays-written" / "model").mkdir(parents=True)
    (tmp_path / "plays-written" / "model" / "model.json").touch()
    (tmp_path / "plays-written" / "script-1.txt").write_text("word")
    notes: list[str] = []
    found = reading.find_sources([tmp_path], notes.append)
    assert sorted(source.name for source in found) == ["a.md", "deep/er/b.txt"]
    assert len(notes) == 4
    assert "left out plays-written: it holds a model" in notes


@pytest.mark.parametrize(
    "line", ["ANNA{}x\nIs it early?", "**ANNA{}x\n**BEN** Yes.", "# ANNA{}x\n**BEN** Yes.", "_ANNA{}x\n**BEN** Yes."]
)
def test_a_run_of_spaces_takes_no_time(line: str) -> None:
    lines = ["INT. PIER - DAY", "", *line.format(" " * 20_000).split("\n")]
    begin = time.process_time()
    for layout in (fountain, markdown):
        layout.score(lines)
        list(layout.parse(lines, lines))
    assert time.process_time() - begin < 1
