"""`normalize --explain`: each line beside its label and the rule that gave it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import measure
import pytest
from growth import calls
from running import run_trainer
from samples import BEGINNING

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts import stage_plays
from scriptmodel_trainer.corpus.layouts.survey import STYLES
from scriptmodel_trainer.corpus.normalizing import explained, write_normalized
from scriptmodel_trainer.corpus.stream import events_of, read_whole
from scriptmodel_trainer.errors import ReaderError

SHOWN = (EventKind.SPEECH, EventKind.EXPOSITION, EventKind.HEADING)


def rows(text: Path) -> dict[int, list[str]]:
    """Return label, rule and text of each line by its number."""
    (source,) = reading.find_sources([text], lambda _: None)
    lines = (line.split(None, 3) for line in list(explained(source, None))[1:])
    return {int(number): rest for number, *rest in lines if rest}


@pytest.fixture
def play(tmp_path: Path) -> Path:
    text = tmp_path / "play.txt"
    text.write_text(BEGINNING + "[_Exit_ ANNA.]\n\nBEN. Wait!\n", "utf-8")
    return text


@pytest.mark.parametrize(
    "read",
    [
        lambda source: list(explained(source, None)),
        lambda source: read_whole([source], None),
        lambda source: write_normalized([source], None, source.path.with_name("out")),
    ],
    ids=["explain", "train", "normalize"],
)
def test_an_unexpected_error_of_a_reader_names_its_file(
    read: Callable[[reading.Source], object], play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = reading.find_sources([play], lambda _: None)
    monkeypatch.setattr(stage_plays, "begins", lambda *_: ""[0])
    with pytest.raises(ReaderError, match=r"^play\.txt cannot be read: IndexError: .*\(test_explain\.py:\d+\)$"):
        read(source)


def test_each_line_has_its_label_and_rule(play: Path) -> None:
    done = run_trainer(["normalize", str(play), "--explain"])
    assert done.returncode == 0, done.stderr
    shown = [line.split(None, 3) for line in done.stdout.splitlines()]
    assert shown[0] == ["play.txt", "(caps-period)"]
    lines = [line[1:] for line in shown if len(line) == 4]
    assert ["cut", "before-the-play", "THE PIER"] in lines
    assert ["heading", "heading", "ACT I"] in lines
    assert ["speech", "name", "ANNA. The tide is early today."] in lines
    assert ["exposition", "brackets", "[_Exit_ ANNA.]"] in lines


def test_an_explanation_goes_to_out_and_writes_no_statistics(play: Path, tmp_path: Path) -> None:
    out = tmp_path / "explained.txt"
    assert run_trainer(["normalize", str(play), "--explain", "--out", str(out)]).returncode == 0
    assert out.read_text("utf-8").startswith("play.txt (caps-period)\n     1")
    refused = run_trainer(["normalize", str(play), "--explain", "--stats", str(tmp_path / "stats.json")])
    assert refused.returncode == 2
    assert "--explain writes no statistics" in refused.stderr


@pytest.mark.parametrize("text", [text for text, _ in measure.synthetic_pairs()], ids=lambda text: text.stem)
def test_labels_are_those_of_the_stream(text: Path) -> None:
    (source,) = reading.find_sources([text], lambda _: None)
    found = rows(text)
    events = [event for event in events_of(source, None)[2] if event.kind in SHOWN]
    assert len(events) > 10
    wrong = [event for event in events if found[event.line][0] != event.kind.value]
    assert not wrong


def test_a_name_in_the_main_form_is_known_in_the_others_above_it_too(tmp_path: Path) -> None:
    usual = "ANNA. Is it early?\n\nBEN. It is.\n\n" * 20
    other = "CORA.\n\nIt is late.\n\nBEN.\n\nSo it is.\n\n" * 4
    text = tmp_path / "play.txt"
    text.write_text(f"ACT I\n\n{usual}ACT II\n\n{other}CORA [rising]. I go.\n", "utf-8")
    (source,) = reading.find_sources([text], lambda _: None)
    said = Counter(event.speaker for event in events_of(source, None)[2] if event.kind is EventKind.SPEECH)
    assert said == {"ANNA": 20, "BEN": 24, "CORA": 5}


def test_layouts_explain_every_event_of_a_named_layout_too() -> None:
    text = measure.SYNTHETIC / "caps-colon.txt"
    for name in layouts.LAYOUTS.keys() - layouts.IN_XML:
        (source,) = reading.find_sources([text], lambda _: None)
        _, *lines = explained(source, layouts.layout_named(name))
        assert len(lines) > 20
        for line in lines:
            label, rule, words = line[8:18], line[20:44], line[46:]
            assert bool(label.strip() and rule.strip()) == bool(words.strip()), (name, line)


def test_a_long_script_costs_no_more_for_each_paragraph() -> None:
    def read(paragraphs: int) -> None:
        lines = ["ANNA: Is it late?", "", "BEN: It is.", ""] * 8
        lines += [line for number in range(paragraphs) for line in (f"{number}", "", "And on.", "")]
        list(stage_plays.parse(STYLES["caps-colon"], lines, lines))

    assert calls(lambda: read(600)) < 3 * calls(lambda: read(300))


def test_a_direction_below_the_words_of_a_name_alone_has_its_own_line(tmp_path: Path) -> None:
    text = tmp_path / "play.txt"
    text.write_text("ACT I\n\n" + "ANNA\nIs it early?\n\nBEN\nIt is.\n[He goes.]\nGoodbye.\n\n" * 8, "utf-8")
    found = rows(text)
    assert [found[line][:2] for line in (7, 8, 9)] == [
        ["speech", "name"],
        ["exposition", "lines-of-its-own"],
        ["speech", "words-continue"],
    ]
