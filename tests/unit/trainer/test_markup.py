"""Scripts in XML, Final Draft's and TEI: detected by content, and read into the stream that the same text gives."""

from pathlib import Path

import pytest

from scriptmodel_trainer.corpus import layouts, normalizing, reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.normalizing import explained
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.errors import BadInputError

FOUNTAIN = """Title: The Ferry

INT. FERRY - NIGHT

Rain on the deck.

ANNA (O.S.)
(softly)
The tide is early.

BEN
It was early yesterday. Say it *again*.

ANNA BELL
No!

CUT TO:

EXT. PIER - DAY

They wait.
"""
FDX = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<FinalDraft DocumentType="Script" Template="No" Version="3">
  <Content>
    <Paragraph Number="1" Type="Scene Heading">
      <SceneProperties Length="2/8"><Summary><Paragraph><Text>A summary.</Text></Paragraph></Summary></SceneProperties>
      <Text>INT. FERRY - NIGHT</Text>
    </Paragraph>
    <Paragraph Type="Action"><Text>Rain on the </Text><Text Style="Italic">deck</Text><Text>.</Text></Paragraph>
    <Paragraph Type="Character"><Text>ANNA (O.S.)</Text></Paragraph>
    <Paragraph Type="Parenthetical"><Text>(softly)</Text></Paragraph>
    <Paragraph Type="Dialogue"><ScriptNote><Paragraph><Text>Too soft?</Text></Paragraph></ScriptNote>
      <Text>The tide is early.</Text></Paragraph>
    <Paragraph><DualDialogue>
      <Paragraph Type="Character"><Text>BEN</Text></Paragraph>
      <Paragraph Type="Dialogue"><Text>It was early yesterday. Say it </Text><Text>again.</Text></Paragraph>
      <Paragraph Type="Character"><Text>Anna Bell</Text></Paragraph>
      <Paragraph Type="Dialogue"><Text>No!</Text></Paragraph>
    </DualDialogue></Paragraph>
    <Paragraph Type="Transition"><Text>CUT TO:</Text></Paragraph>
    <Paragraph Number="2" Type="Scene Heading"><Text>EXT. PIER - DAY</Text></Paragraph>
    <Paragraph Type="General"><Text>They wait.</Text></Paragraph>
  </Content>
  <TitlePage><Content><Paragraph><Text>The Ferry</Text></Paragraph></Content></TitlePage>
  <SmartType><Characters><Character>ANNA</Character></Characters></SmartType>
</FinalDraft>
"""
PRINTED = """DRAMATIS PERSONAE

ANNA, a ferrywoman.

ACT I

SCENE I. A pier.

[Enter ANNA and BEN.]

ANNA. [Softly.] The tide is early today,
And so am I.

BEN. It was early (he yawns) yesterday.

[He sits down.]

ANNA. Then somebody must speak to it.

BEN. I have spoken to it, twice.

[Exeunt.]
"""
TEI = """<?xml version="1.0" encoding="utf-8"?>
<?xml-model href="https://example.org/dracor.rng"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0">
  <teiHeader><fileDesc><titleStmt><title>The Ferry</title></titleStmt></fileDesc></teiHeader>
  <text>
    <front><castList><head>Dramatis Personae</head><castItem>ANNA, a ferrywoman.</castItem></castList></front>
    <body>
      <div type="act"><head>ACT I</head>
        <div type="scene"><head>SCENE I. A pier.<note>Not in the quarto.</note></head>
          <stage>Enter ANNA and BEN.</stage>
          <sp who="#anna"><speaker>ANNA.</speaker><stage>Softly.</stage>
            <l>The tide is early <choice><orig>to day</orig><reg>today</reg></choice>,</l><l>And so am I.</l></sp>
          <sp who="#ben"><speaker>BEN</speaker><p>It was early <stage>(he yawns)</stage> yester<pb break="no"/>day.</p>
            <stage>He sits down.</stage></sp>
          <sp who="#anna"><speaker>ANNA</speaker><p>Then somebody must speak to it.</p></sp>
          <sp who="#BEN"><p>I have spoken<gap reason="illegible"><desc>•</desc></gap> to it, twice.</p></sp>
          <stage>[Exeunt.]</stage>
        </div>
      </div>
    </body>
    <back><div><p>Printed in London.</p></div></back>
  </text>
</TEI>
"""


def events(folder: Path, name: str, text: str, encoding: str = "utf-8") -> tuple[str, list[Event]]:
    """Return the layout in which a file is read, and its events."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    (source,) = reading.find_sources([folder / name], lambda _: None)
    layout, _, found = events_of(source, None)
    return layout.name, list(found)


def tokens(found: list[Event]) -> list[list[str]]:
    """Return the tokens of each event in small letters: names in FDX keep those of the writer."""
    return [list(map(str.lower, event_tokens(event))) for event in found if event_tokens(event)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_fdx_gives_the_stream_of_the_same_fountain(encoding: str, tmp_path: Path) -> None:
    layout, found = events(tmp_path, "ferry.xml", FDX, encoding)
    assert layout == "fdx"
    assert tokens(found) == tokens(events(tmp_path, "ferry.fountain", FOUNTAIN)[1])
    dropped = " ".join(event.text for event in found if event.kind is EventKind.CUT)
    assert dropped == "A summary. Too soft? O.S. CUT TO: The Ferry ANNA"


@pytest.mark.parametrize("joined", [False, True])
def test_tei_gives_the_stream_of_the_same_print(joined: bool, tmp_path: Path) -> None:
    """Whatever its name, and on one line of a megabyte, too."""
    text = TEI.replace("\n", " ").replace("<teiHeader>", f"<teiHeader>{'word ' * 200_000}") if joined else TEI
    layout, found = events(tmp_path, "ferry.txt", text)
    assert layout == "tei"
    assert tokens(found) == tokens(events(tmp_path, "printed.txt", PRINTED)[1])
    assert [event.continued for event in found if event.kind is EventKind.SPEECH] == [False] * 4


def test_how_somebody_speaks_is_no_part_of_the_name_in_tei() -> None:
    told = '<sp who="#anna"><speaker>ANNA, étonnée.</speaker><p>You?</p></sp>'
    for speech, speaker, text in (
        (told, "ANNA", "(étonnée) You?"),
        (told.replace("étonnée", "Queen"), "ANNA, Queen", "You?"),
        (told.replace(' who="#anna"', ""), "ANNA, étonnée", "You?"),
    ):
        lines = [f"<TEI><text><body><div>{speech}</div></body></text></TEI>"]
        (found,) = layouts.LAYOUTS["tei"].parse(lines, lines)
        assert (found.speaker, found.text) == (speaker, text)


def test_a_prologue_in_the_front_is_read_and_words_after_a_direction_continue(tmp_path: Path) -> None:
    text = TEI.replace("<front>", '<front><div type="prologue"><sp><speaker>GULL</speaker><l>Hear me.</l></sp></div>')
    text = text.replace("<stage>He sits down.</stage>", "<stage>He sits down.</stage><p>And cold.</p>")
    spoken = [event for event in events(tmp_path, "a.xml", text)[1] if event.kind is EventKind.SPEECH]
    assert spoken[0] == Event(EventKind.SPEECH, "Hear me.", "GULL", 6)
    assert (spoken[3].text, spoken[3].speaker, spoken[3].continued) == ("And cold.", "BEN", True)


def test_other_xml_in_a_folder_is_left_out(tmp_path: Path) -> None:
    events(tmp_path, "ferry.xml", TEI)
    (tmp_path / "pom.xml").write_text("<?xml version='1.0'?>\n<project/>")
    notes: list[str] = []
    assert [source.name for source in reading.find_sources([tmp_path], notes.append)] == ["ferry.xml"]
    assert notes == ["left out pom.xml: XML of neither Final Draft nor TEI"]


def test_the_statistics_count_speeches_and_lines(tmp_path: Path) -> None:
    events(tmp_path, "ferry.xml", TEI)
    report = normalizing.write_normalized(reading.find_sources([tmp_path], lambda _: None), None, tmp_path / "out")
    (statistics,) = report["files"]
    assert (statistics["speeches"], statistics["lines"]) == (4, len(TEI.splitlines()))


def test_lines_are_explained(tmp_path: Path) -> None:
    events(tmp_path, "ferry.xml", TEI)
    (source,) = reading.find_sources([tmp_path], lambda _: None)
    lines = list(explained(source, None))
    assert [lines[number].split()[1:3] for number in (4, 8, 10, 11)] == [
        ["cut", "no-script"],
        ["heading", "head"],
        ["exposition", "stage"],
        ["speech", "sp"],
    ]


DAMAGED = {
    "deep": f"<TEI>{'<p>' * 600}{'</p>' * 600}</TEI>",
    "cut off": TEI[:1000],
    "crossed": FDX.replace("</Content>\n  <TitlePage>", "<TitlePage>"),
    "entity": TEI.replace("<TEI ", '<!DOCTYPE TEI [<!ENTITY a "b">]>\n<TEI '),
    "external": TEI.replace("<TEI ", '<!DOCTYPE TEI [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<TEI ', 1),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_xml_and_entities_are_refused_with_the_name_of_the_file(kind: str, tmp_path: Path) -> None:
    with pytest.raises(
        BadInputError, match=r"ferry\.xml: (not well-formed XML|XML with entities|XML elements more than 500 deep)"
    ):
        events(tmp_path, "ferry.xml", DAMAGED[kind])


def test_xml_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts.markup, "_MOST", 1000)
    with pytest.raises(BadInputError, match=r"ferry\.xml: more than 1,000 characters of XML"):
        events(tmp_path, "ferry.xml", TEI)


@pytest.mark.parametrize("head", ["", '<?xml version="1.0"?>\n'], ids=["bare", "declared"])
def test_a_script_on_one_long_line_is_read_whole(head: str, tmp_path: Path) -> None:
    parts = (("Character", "ANNA"), ("Dialogue", "It"))
    speech = "".join(f'<Paragraph\tType="{kind}"><Text>{text}</Text></Paragraph>' for kind, text in parts)
    count = 2 * reading.LONGEST_LINE // len(speech)
    path = tmp_path / "play.fdx"
    path.write_text(f"{head}<FinalDraft><Content>{speech * count}</Content></FinalDraft>", "utf-8")
    (source,) = reading.find_sources([path], lambda _: None)
    layout, _, events = events_of(source, None)
    assert layout.name == "fdx"
    assert sum(event.text == "It" for event in events) == count


@pytest.mark.parametrize("mark", ["", "_"])
def test_a_long_passage_of_markdown_is_given_in_parts(mark: str) -> None:
    lines = ["**ANNA**", *[f"{mark}It is early."] * 1000]
    events = list(layouts.LAYOUTS["markdown"].parse(lines, lines))
    assert sum(event.text.count("early") for event in events) == 1000
    assert max(event.text.count("early") for event in events) <= 400
