"""Documents of word processors: what their paragraphs become, and what is dropped or refused."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_trainer.corpus import archives, documents, layouts, reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.errors import BadInputError

OOXML = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
)


def zipped(parts: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def docx(body: str, styles: str = "") -> bytes:
    return zipped(
        {
            "word/document.xml": f"<w:document {OOXML}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {OOXML}>{styles}</w:styles>",
            "word/comments.xml": f"<w:comments {OOXML}><w:p><w:r><w:t>A comment</w:t></w:r></w:p></w:comments>",
        }
    )


def odt(body: str, own: str = "", styles: str = "") -> bytes:
    return zipped(
        {
            "content.xml": f"<office:document {ODF}>{own}<office:text>{body}</office:text></office:document>",
            "styles.xml": f"<office:document-styles {ODF}>{styles}</office:document-styles>",
        }
    )


def paragraph(text: str, style: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'


def text_of(name: str, content: bytes) -> str:
    return documents.text_of(name, content, archives.Allowance())


def test_a_document_without_styles_of_a_screenplay_reads_as_its_plain_text() -> None:
    broken = "<w:p><w:r><w:tab/><w:t>one</w:t><w:br/><w:t>two &amp; three</w:t></w:r></w:p>"
    assert text_of("play.docx", docx(paragraph("VIVIE. Good morning.") + "<w:p/>" + broken)) == (
        "VIVIE. Good morning.\n\n\tone\ntwo & three\n"
    )
    spaced = '<text:p>PRAED.<text:s text:c="2"/>Ah!<text:tab/>So</text:p><text:h>ACT I</text:h>'
    assert text_of("play.odt", odt(spaced)) == "PRAED.  Ah!\tSo\nACT I\n\n"


def test_comments_notes_deleted_text_and_link_targets_are_dropped() -> None:
    deleted = "<w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del>"
    link = (
        '<w:hyperlink w:anchor="http"><w:r><w:instrText>HYPERLINK http</w:instrText><w:t>kept</w:t></w:r></w:hyperlink>'
    )
    assert text_of("a.docx", docx(f"<w:p>{deleted}{link}</w:p>")) == "kept\n"
    note = "<text:note><text:note-body><text:p>gone</text:p></text:note-body></text:note>"
    remark = "<office:annotation><text:p>gone</text:p></office:annotation>"
    changes = "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
    assert text_of("a.odt", odt(f"{changes}<text:p>kept{note}{remark} too</text:p>")) == "kept too\n"


STYLES = (
    '<w:style w:styleId="Figur"><w:name w:val="Character Name"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="My names"/><w:basedOn w:val="Figur"/></w:style>'
    '<w:style w:styleId="D"><w:name w:val="Dialogue"/></w:style>'
    '<w:style w:styleId="P"><w:name w:val="parenthetical"/></w:style>'
)
AUTOMATIC = (
    '<style:style style:name="P1" style:parent-style-name="Character"/>'
    '<style:style style:name="P2" style:parent-style-name="Dialogue_20_wide"/>'
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.docx",
            docx(
                paragraph("Enter both.")
                + paragraph("vivie", "Own")
                + paragraph("(rising)", "P")
                + paragraph("Good morning.", "D"),
                STYLES,
            ),
        ),
        (
            "a.odt",
            odt(
                "<text:p>Enter both.</text:p>"
                '<text:p text:style-name="P1">vivie</text:p>'
                '<text:p text:style-name="Parenthetical">(rising)</text:p>'
                '<text:p text:style-name="P2">Good morning.</text:p>',
                AUTOMATIC,
            ),
        ),
    ],
)
def test_paragraph_styles_say_who_speaks(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (source,) = reading.find_sources([tmp_path], print)
    assert source.name == name
    lines = list(reading.read_lines(source))
    layout, _ = layouts.detect(lines)
    assert layout.name == "fdx"
    speech = next(event for event in layout.parse(lines, lines) if event.kind is EventKind.SPEECH)
    assert speech.speaker.lower() == "vivie"
    assert "Good morning." in speech.text
    assert "rising" in speech.text


def test_styles_that_are_based_on_each_other_in_a_circle_end_as_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each style is resolved once, however many paragraphs have it: a small file costs little."""
    looked_up: list[str] = []

    class Elements(dict[str, str]):
        def items(self) -> Any:
            looked_up.append("")
            return super().items()

    monkeypatch.setattr(documents, "_ELEMENTS", Elements(documents._ELEMENTS))
    circle = "".join(
        f'<w:style w:styleId="{number}"><w:name w:val="n{number}"/><w:basedOn w:val="{(number + 1) % 50}"/></w:style>'
        for number in range(50)
    )
    paragraphs = "".join(paragraph("x", str(number % 50)) for number in range(500))
    assert text_of("a.docx", docx(paragraphs, circle)) == "x\n" * 500
    assert len(looked_up) == 50


def bomb() -> bytes:
    return docx(paragraph("x" * (1 << 27)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (docx(paragraph("a"))[:-40], "is damaged"),
        (docx("<w:p>"), "cannot be read: word/document.xml: mismatched tag"),
        (docx("<w:p/>").replace(b"word/document.xml", b"word/elsewhere.xm"), "has no word/document.xml"),
        (docx("<w:r>" * 600 + "</w:r>" * 600), "more than 500 deep"),
        (zipped({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "EntitiesForbidden"),
        (bomb(), "unpacks to more than"),
    ],
    ids=["cut", "no XML", "no text", "deep", "entities", "bomb"],
)
def test_hostile_documents_are_refused_in_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(content)
    with pytest.raises(BadInputError) as refused:
        reading.find_sources([tmp_path], print)
    assert str(refused.value).startswith("a.docx ")
    assert problem in str(refused.value)
    assert refused.value.hint == "save it again, or as plain text (UTF-8), or leave it out"
    assert "\n" not in str(refused.value)


def test_a_document_in_an_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "plays.zip", "w") as archive:
        archive.writestr("a.docx", docx(paragraph("VIVIE. Good morning.")))
    (source,) = reading.find_sources([tmp_path], print)
    assert list(reading.read_lines(source)) == ["VIVIE. Good morning."]


def test_a_pdf_is_refused_though_all_of_it_is_text(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_bytes(b"%PDF-1.4\nplain ASCII\n")
    with pytest.raises(BadInputError, match="is PDF, not text"):
        reading.find_sources([tmp_path / "play.txt"], print)
