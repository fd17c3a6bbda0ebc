"""How scripts are set: as Fountain, FDX and HTML, and as the scene that they continue."""

import re
from pathlib import Path

import pytest
from defusedxml import ElementTree
from running import run_trainer
from samples import play

from scriptmodel_trainer.corpus import reading, stream
from scriptmodel_trainer.corpus.given import given_events, rendered_tokens
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.typography import typography_of
from scriptmodel_trainer.reporting.formats import FORMATS, TitlePage, parts_of
from scriptmodel_trainer.reporting.suffixes import SUFFIXES, formats_for

PAGE = TitlePage("A new script", "A model of 15 scripts, seed 1")
SCRIPT = (
    "{{ INT. HALL - NIGHT }}\n{{ Enter <all> . }}\n{{ EXEUNT }}\n{{ CUT TO: }}\n{{ SCENE II. A wood. }}\n"
    "[ LADY MACBETH ]: [aside] Out, spot! She went [to the cat], and [quickly] so--\n"
    "[ Nora ]: Yes & no.\n[ 1 CITIZEN ]: Speak!\n[ PROLOGUE ]: Now.\n[ JON ]: Sit down.\n"
)
VERSE = "[ ARIEL ]: Full fathom five thy father lies;\n    Of his bones are [aside] coral made.\n"


def tokens_of(path: Path) -> list[str]:
    (source,) = reading.find_sources([path], lambda _: None)
    whole = stream.read_whole([source], None)
    return [whole.lexicon[number] for number in whole.ids.tolist()]


@pytest.mark.parametrize("form", ["fountain", "fdx"])
def test_the_corpus_reader_reads_the_same_tokens_again(form: str, tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(150), "utf-8")
    for number, text in enumerate((SCRIPT + VERSE, detokenize(tokens_of(tmp_path / "play.md")))):
        out = tmp_path / f"{number}{SUFFIXES[form]}"
        out.write_text(FORMATS[form](text, PAGE), "utf-8")
        assert tokens_of(out) == list(rendered_tokens(text.splitlines()))


@pytest.mark.parametrize("form", ["fountain", "fdx"])
@pytest.mark.parametrize("odd", ["a /* b", "a */ b", "[[x]]", "[more]", "a \ufffe\uffff b"])
def test_marks_that_hide_text_or_are_no_text_lose_none(odd: str, form: str, tmp_path: Path) -> None:
    text = "".join(
        f"[ ANNA ]: Well, {words} it is.\n{{{{ He goes to {words} at night. }}}}\n" for words in ("it", odd, "it")
    )
    out = tmp_path / f"script{SUFFIXES[form]}"
    out.write_text(FORMATS[form](text, PAGE), "utf-8")
    assert tokens_of(out) == list(rendered_tokens(text.splitlines()))


def test_fountain_forces_only_what_would_be_read_as_something_else() -> None:
    title, *rest = FORMATS["fountain"](SCRIPT, PAGE).split("\n\n")
    assert title.splitlines()[0] == "Title: A new script"
    assert rest == [
        *("INT. HALL - NIGHT", "Enter <all> .", "!EXEUNT", "!CUT TO:", ".SCENE II. A wood."),
        "LADY MACBETH\n(aside)\nOut, spot! She went (to the cat), and\n(quickly)\nso--",
        *("@Nora\nYes & no.", "@1 CITIZEN\nSpeak!", "@PROLOGUE\nNow.", "JON\nSit down.\n"),
    ]
    verse = "ARIEL\nFull fathom five thy father lies;\nOf his bones are\n(aside)\ncoral made.\n"
    assert FORMATS["fountain"](VERSE, PAGE).endswith(verse)
    assert FORMATS["fountain"]("[ JON ]:\n", PAGE).endswith("\n\nJON\n...\n"), "a cue without words would be action"


def test_the_entries_of_the_title_page_of_final_draft_stand_apart() -> None:
    title = ElementTree.fromstring(FORMATS["fdx"](SCRIPT, PAGE)).iterfind("TitlePage/Content/Paragraph/Text")
    entries = "A new script||written by||scriptmodel||A model of 15 scripts, seed 1"
    assert "|".join(text.text or "" for text in title) == entries


def test_a_page_is_escaped_and_names_its_persons() -> None:
    page = FORMATS["html"](SCRIPT + "[ <script>x ]: a\n", PAGE)
    asides = '<p class="aside">(aside)</p>\n<p class="words">Out, spot! She went (to the cat), and</p>\n'
    assert f'<p class="cue">LADY MACBETH</p>\n{asides}<p class="aside">(quickly)</p>\n' in page
    assert "<li>LADY MACBETH</li>\n<li>Nora</li>\n" in page
    assert '<h2 class="heading">INT. HALL - NIGHT</h2>' in page
    assert '<p class="direction">Enter &lt;all&gt; .</p>' in page
    assert "<script" not in page
    assert 'lies;</p>\n<p class="words">Of his bones are</p>\n' in FORMATS["html"](VERSE, PAGE)


@pytest.mark.parametrize(
    ("chosen", "out", "formats"),
    [
        (None, None, ("text",)),
        ("fdx", None, ("fdx",)),
        (None, "play", ("text",)),
        (None, "play.2.Fountain", ("fountain",)),
        ("html", "play.page", ("html",)),
        ("all", "play.txt", tuple(SUFFIXES)),
        (None, "play.pdf", "write play.html, open it in a browser and print it as PDF"),
        (None, "play.docx", "use one of the suffixes .txt, .fountain, .fdx, .html"),
        ("html", "play.txt", "use .html"),
        ("all", None, "name a file"),
    ],
)
def test_the_format_is_chosen_or_named_by_the_suffix(
    chosen: str | None, out: str | None, formats: str | tuple[str, ...]
) -> None:
    path = Path(out) if out else None
    if isinstance(formats, tuple):
        assert formats_for(chosen, path) == formats
    else:
        with pytest.raises(BadInputError) as refused:
            formats_for(chosen, path)
        assert formats in refused.value.hint


def test_every_format_of_every_sample_is_stored_beside_the_script(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "scripts" / "new.txt"
    done = run_trainer(["generate", model, "--words", "40", "--samples", "2", "--format", "all", "--out", out])
    assert done.returncode == 0, done.stderr
    names = [f"new{number}{suffix}" for number in ("", ".2") for suffix in SUFFIXES.values()]
    assert sorted(path.name for path in out.parent.iterdir()) == sorted(names)
    assert "Title: A new script" in out.with_suffix(".fountain").read_text("utf-8")
    second = out.with_name("new.2.html").read_text("utf-8")
    assert "A model of 1 script, temperature 0.8, seed 0, sample 2" in second
    refused = run_trainer(["generate", model, "--words", "40", "--samples", "2", "--format", "html"])
    assert (refused.returncode, "standard output holds one script" in refused.stderr) == (2, True)


@pytest.mark.parametrize("form", ["fountain", "fdx"])
@pytest.mark.parametrize(("scene", "cue"), [("ANNA: The lamp waits", "ANNA: "), ("(The lamp waits.)", "")])
def test_what_continues_a_speech_is_set_as_one(scene: str, cue: str, form: str, model: Path, tmp_path: Path) -> None:
    options = ["--words", "60", "--temperature", "0.5", "--continue-text", scene, "--only-new", "--format", "all"]
    options += ["--out", str(tmp_path / "a.txt")]
    assert run_trainer(["generate", model, *options]).returncode == 0
    text = (tmp_path / "a.txt").read_text("utf-8")
    assert (re.match(r"[A-Z ]+: |\(", text) is not None) is (cue == "")
    read = [token for event in given_events(cue + text, lambda _: False) for token in event_tokens(event)]
    assert tokens_of((tmp_path / "a.txt").with_suffix(SUFFIXES[form])) == read


@pytest.mark.parametrize("between", ["\n", ": ", ". "])
def test_what_stands_beside_a_name_in_a_writers_own_scene_does_so_in_each_format(between: str) -> None:
    scene = f"ANNA{between}Yes.\n\nANNA (V.O.){between}It was late.\n\nBEN{between}No.\n\n[ ANNA ]: It was late.\n"
    text = FORMATS["fountain"](scene, TitlePage("A", "B")).partition("\n\n")[2]
    assert text == "ANNA\nYes.\n\nANNA (V.O.)\nIt was late.\n\nBEN\nNo.\n\nANNA\nIt was late.\n"
    for form in ("fdx", "html"):
        assert FORMATS[form](scene, TitlePage("A", "B")).count("ANNA (V.O.)") == 1
    assert [part.name for part in parts_of(scene)] == ["ANNA", "ANNA", "BEN", "ANNA"]


def test_a_parenthetical_of_a_writers_own_scene_is_one_in_each_format() -> None:
    scene, page = "INT. A - DAY\n\nANNA\n(softly)\nYes.\n\nBEN\nNo.\n\nANNA\nYes.\n", TitlePage("A", "B")
    assert '<Paragraph Type="Parenthetical">\n      <Text>(softly)</Text>' in FORMATS["fdx"](scene, page)
    assert "ANNA\n(softly)\nYes." in FORMATS["fountain"](scene, page)


SAID = 'I don\'t [rising] say "yes"--now.'
ROUND = SAID.replace("[", "(").replace("]", ")")
CURLY = "I don’t (rising) say “yes”—now."


ADDED = "\n[ MRS BELL ]: [rising] Letters.\n    More.\n{{ Enter [slowly] FRANK. }}\n{{ ACT II. }}\n[ FRANK ]: No.\n"


@pytest.mark.parametrize(
    ("scene", "added", "follows"),
    [
        (
            "FRANK. I wrote. (He sits.)\n\nMRS. BELL. I did.",
            ADDED,
            "\n\nMRS. BELL. (rising) Letters.\nMore.\n\n(Enter slowly FRANK.)\n\nACT II.\n\nFRANK. No.\n",
        ),
        ("[ FRANK ]: I wrote.\n[ MRS BELL ]: No.", ADDED, ADDED),
        ("FRANK: I wrote that", " letter.\n[ FRANK ]: No.\n{{ Enter", " letter.\n\nFRANK: No."),
        ("FRANK. I wrote.\n\nMRS. BELL. No.\n\nFRANK.", "Yes.\n[ MRS BELL ]: No.\n[ FRA", " Yes.\n\nMRS. BELL. No."),
        ("A room.", "\n[ FRANK ]: No.\n", "\n\nFRANK: No.\n"),
    ],
)
def test_what_a_writer_adds_is_set_as_the_scene_is(scene: str, added: str, follows: str) -> None:
    assert typography_of(scene, lambda _: False).text(added) == follows


@pytest.mark.parametrize(
    ("scene", "name", "follows"),
    [
        ("VIVIE. It’s mine.\n\nFRANK. “No”—not. (He sits.)\n", "VIVIE", f"\n\nVIVIE. {CURLY}"),
        ("VIVIE: You wrote.\nFRANK: No.\n", "VIVIE", f"\nVIVIE: {SAID}"),
        ("      VIVIE\n   You wrote.\n\n      FRANK\n   No.\n", "FRANK", f"\n\n      FRANK\n   {SAID}"),
        ("**Vivie**  \nYou wrote.\n\n**Frank**  \nNo, I did.\n", "OLD_BEN", f"\n\n**Old Ben**  \n{SAID}"),
        ("[ VIVIE ]: You wrote.\n[ FRANK ]: [rising] I did.\n", "FRANK", f"\n[ FRANK ]: {SAID}"),
        ("LADY BELL. You wrote.\n\nMRS. BELL. Letters.\n\nMRS. BELL. More.", "MRS_BELL", f"\n\nMRS. BELL. {SAID}"),
        ("VIVIE (V.O.)\nYou wrote.\n\nFRANK (CONT'D)\n(rising)\nNo.\n", "VIVIE", f"\n\nVIVIE\n{ROUND}"),
        ("VIVIE\n(softly)\nYou wrote.\n", "FRANK", f"\n\nFRANK\n{ROUND}"),
        ("VIVIE. ¿You wrote?\n\nFRANK. ¡No!\n", "FRANK", f"\n\nFRANK. {SAID}"),
        ("VIVIE [rising]: You wrote.\n\nFRANK [angry]: No.", "FRANK", f"\n\nFRANK: {SAID}"),
        ("VIVIE. You wrote.\n\nFRANK. No.\n\nVIVIE.", "VIVIE", f" {SAID}"),
        ("", "OLD_BEN", f"\n\nOLD BEN: {SAID}"),
    ],
)
def test_a_reply_is_set_as_the_scene_is(scene: str, name: str, follows: str) -> None:
    found = typography_of(scene, lambda _: False)
    assert found.speech(name, SAID) == follows
