"""Scenes and prompts of a few lines are read in every layout."""

from pathlib import Path

import pytest
from running import run_trainer

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.given import given_events, given_text, read_given
from scriptmodel_trainer.errors import BadInputError

SPOKEN = [("HEDDA", "You are late, Tesman."), ("TESMAN", "Am I? I was at the library."), ("HEDDA", "Of course.")]
SCENES = {
    "colon": "HEDDA: You are late, Tesman.\nTESMAN: Am I? I was at the library.\nHEDDA: Of course.",
    "title": "Hedda: You are late, Tesman.\nTesman: Am I? I was at the library.\nHedda: Of course.",
    "period": "HEDDA. You are late, Tesman.\nTESMAN. Am I? I was at\nthe library.\n\nHEDDA. Of course.",
    "alone": "HEDDA\nYou are late, Tesman.\n\nTESMAN\nAm I? I was\nat the library.\n\nHEDDA\nOf course.",
    "markdown": "**HEDDA**  \nYou are late, Tesman.\n\n**TESMAN:** Am I? I was at the library.\n\n"
    "**HEDDA**\nOf course.",
    "fountain": "INT. HALL - NIGHT\n\nHEDDA\nYou are late, Tesman.\n\nTESMAN\nAm I? I was at the library.\n\n"
    "HEDDA\nOf course.\n",
    "rendered": "[ HEDDA ]: You are late, Tesman.\n[ TESMAN ]: Am I? I was at the library.\n[ HEDDA ]: Of course.\n",
}


@pytest.mark.parametrize("layout", SCENES)
def test_three_speeches_are_three_speeches_in_every_layout(layout: str) -> None:
    events = given_events(SCENES[layout], lambda _: False)
    speeches = [event for event in events if event.kind is EventKind.SPEECH]
    assert [(event.speaker.upper(), " ".join(event.text.split())) for event in speeches] == SPOKEN
    headings = [event.text for event in events if event.kind is EventKind.HEADING]
    assert headings == (["INT. HALL - NIGHT"] if layout == "fountain" else [])


@pytest.mark.parametrize(
    "cue", ["HEDDA (softly): ", "HEDDA (softly). ", "HEDDA [softly] ", "HEDDA (softly)\n", "HEDDA (O.S.) (softly)\n\n"]
)
def test_an_aside_beside_a_name_begins_the_speech(cue: str) -> None:
    events = given_events(f"{cue}You are late.\n\nTESMAN (CONT'D)\nAm I?", lambda _: False)
    assert [(event.speaker, event.text.replace("[", "(").replace("]", ")")) for event in events] == [
        ("HEDDA", "(softly) You are late."),
        ("TESMAN", "Am I?"),
    ]


@pytest.mark.parametrize(("first", "speaker"), [("HEDDA. Late.", "TESMAN"), ("HEDDA\nLate.", "")])
def test_a_phrase_after_a_name_is_an_aside_among_cues_with_the_same_mark(first: str, speaker: str) -> None:
    events = given_events(f"{first}\n\nTESMAN, breathless. He runs.\n\nHEDDA, you fool. Go.", lambda _: False)
    assert [event.speaker for event in events] == ["HEDDA", speaker, ""]


@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize("layout", SCENES)
def test_lines_that_were_kept_are_read_among_those_of_any_layout(layout: str, rounds: int) -> None:
    kept = "[ THEA ]: He writes.\n  He burns.\n\n(He sits.)\n\n[ HEDDA ]: Burn\nit.\n"
    text = f"{SCENES[layout]}\n{kept * rounds}\n{SCENES[layout]}"
    events = [(event.speaker.upper(), event.text.strip()) for event in given_events(text, lambda _: False)]
    own, added = given_events(SCENES[layout], lambda _: False), ["He writes.\nHe burns.", "He sits.", "Burn it."]
    spoken = [(event.speaker.upper(), event.text.strip()) for event in own]
    assert events == [*spoken, *zip(("THEA", "", "HEDDA") * rounds, added * rounds, strict=True), *spoken]


@pytest.mark.parametrize("layout", ["colon", "period", "alone", "markdown", "fountain"])
def test_what_is_above_the_first_speech_stays(layout: str) -> None:
    above = "An attic in winter. Snow falls through the roof."
    events = given_events(f"{above}\n\n{SCENES[layout]}\n\n{SCENES[layout]}", lambda _: False)
    assert (events[0].kind, events[0].text) == (EventKind.EXPOSITION, above)


@pytest.mark.parametrize("layout", ["colon", "title", "period", "alone", "fountain"])
def test_scene_headings_do_not_make_a_screenplay_of_a_scene(layout: str) -> None:
    scene = SCENES[layout].removeprefix("INT. HALL - NIGHT\n\n").replace("\nTESMAN", "\n\nTESMAN")
    events = given_events(f"INT. HALL - NIGHT\n\n{scene}\n\nEXT. STREET - DAY\n\n{scene}", lambda _: False)
    said = [(event.speaker.upper(), " ".join(event.text.split())) for event in events]
    assert said == [("", "INT. HALL - NIGHT"), *SPOKEN, ("", "EXT. STREET - DAY"), *SPOKEN]


@pytest.mark.parametrize("speeches", range(1, 12))
@pytest.mark.parametrize("cue", ["Hedda: ", "HEDDA: ", "HEDDA. "])
def test_a_scene_without_blank_lines_is_read_whatever_its_length(cue: str, speeches: int) -> None:
    cues = [cue, *[cue.replace("edda", "elmer").replace("EDDA", "ELMER"), cue] * 6][:speeches]
    events = given_events("\n".join(f"{each}You are late." for each in cues), lambda _: False)
    assert [(event.speaker, event.text) for event in events] == [(each[:-2], "You are late.") for each in cues]


def test_spaces_of_other_programs_are_spaces() -> None:
    events = given_events("\ufeffHEDDA\u00a0: Late.\n\n\u200bTESMAN\u202f: Am I?", lambda _: False)
    assert [(event.speaker, event.text) for event in events] == [("HEDDA", "Late."), ("TESMAN", "Am I?")]


@pytest.mark.parametrize("title", ["MRS", "Mr", "DR", "St"])
def test_the_period_of_a_title_does_not_end_a_name(title: str) -> None:
    text = f"{title}. BELL. I am late.\n\n{title}. BELL: Yes."
    events = given_events(text, lambda name: name.endswith("BELL"))
    assert [(event.speaker, event.text) for event in events] == [
        (f"{title}. BELL", "I am late."),
        (f"{title}. BELL", "Yes."),
    ]


def test_a_small_name_is_a_cue_if_the_model_knows_it() -> None:
    text = "the lamp: it waits.\nben. It does."
    assert not read_given(text, lambda _: False).speakers
    assert read_given(text, lambda name: name == "ben").speakers == ["ben"]


@pytest.mark.parametrize(
    ("end", "unfinished"),
    [("waits.", False), ("waits", True), ("waits,", True), ("waits?", False), ('waits."', False), ("waits...", False)],
)
def test_a_sentence_without_an_end_stays_open(end: str, unfinished: bool) -> None:
    given = read_given(f"BEN: The lamp {end}", lambda _: False)
    assert given.unfinished == unfinished
    assert (given.tokens[-1] in ("waits", ",")) == unfinished


@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize(
    ("layout", "cue"),
    [
        ("colon", "TESMAN:"),
        ("title", "Tesman: "),
        ("period", "TESMAN."),
        ("alone", "TESMAN\n"),
        ("markdown", "**TESMAN:**"),
        ("fountain", "TESMAN\n"),
        ("rendered", "[ TESMAN ]:"),
    ],
)
def test_a_name_at_the_end_says_what_follows_and_changes_nothing_above(layout: str, cue: str, rounds: int) -> None:
    scene = "\n\n".join([SCENES[layout].strip()] * rounds)
    given, above = (read_given(text, lambda _: False) for text in (f"{scene}\n\n{cue}", scene))
    assert given.tokens == (*above.tokens, "<boname>", cue.strip("[]*:. \n"), "<eoname>")
    assert not given.unfinished


@pytest.mark.parametrize(("text", "named"), [("HEDDA:", True), ("Hedda:", True), ("Listen:", False)])
def test_a_name_alone_is_a_name_and_another_word_is_none(text: str, named: bool) -> None:
    given = read_given(text, lambda name: name.upper() == "HEDDA")
    assert given.speakers == ([text[:-1]] if named else [])


def test_capitals_at_the_end_that_speak_nowhere_are_a_direction() -> None:
    given = read_given("HEDDA: Is it late?\n\nCURTAIN", lambda _: False)
    assert given.tokens[-5:] == ("<question>", "<open-exp>", "CURTAIN", "<eos>", "<close-exp>")


def test_directions_and_the_last_speaker_first() -> None:
    given = read_given("(Enter BEN.)\n\nANNA: No.\n\n[She turns.]\n\nBEN: Yes.", lambda _: False)
    assert given.speakers == ["BEN", "ANNA"]
    assert given.tokens.count("<open-exp>") == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_to_continue_has_any_encoding_of_a_corpus(encoding: str, tmp_path: Path) -> None:
    scene, text, notes = tmp_path / "scene.txt", "ZOÉ: At the café — “so late”.", list[str]()
    scene.write_bytes(text.encode(encoding))
    assert given_text(str(scene), notes.append) == text
    assert ["Windows-1252" in note for note in notes] == [True] * (encoding == "cp1252")


def test_a_script_does_not_replace_the_scene_that_it_continues(model: Path, tmp_path: Path) -> None:
    scene = tmp_path / "scene.txt"
    scene.write_text("ANNA: The lamp.\n")
    done = run_trainer(["generate", model, "--continue", scene, "--out", tmp_path / "." / "scene.txt", "--only-new"])
    assert (done.returncode, "would replace the scene to continue" in done.stderr) == (2, True)
    assert scene.read_text() == "ANNA: The lamp.\n"


def test_a_binary_file_cannot_be_continued(tmp_path: Path) -> None:
    (tmp_path / "scene.doc").write_bytes(b"\xd0\xcf\x11\xe0\0\0\0\1")
    with pytest.raises(BadInputError, match="is binary, not text: save"):
        given_text(str(tmp_path / "scene.doc"), print)
