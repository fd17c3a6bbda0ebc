"""Archives and documents of word processors in a corpus: read as their text, or refused in one line that names them."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from growth import calls

from scriptmodel_trainer.corpus import archives, documents, layouts, reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.stream import read_corpus
from scriptmodel_trainer.errors import BadInputError

archives_allowance = archives.Allowance  # before a test replaces it
TEXT = "ANNA. The tide is early.\n\nBEN. It was early yesterday.\n\n" * 8
FILES = {
    "b.train.txt": TEXT,
    "a/late.txt": TEXT.replace("tide", "train"),
    "a/z/deep.valid.txt": TEXT.replace("early", "late"),
    "c.txt": TEXT.replace("ANNA", "ÉMILE"),
    ".hidden/x.txt": "no",
    "__MACOSX/x.txt": "no",
    "a/setup.py": "no",
}


def packed(suffix: str, files: Mapping[str, str | bytes]) -> bytes:
    """Return an archive of files."""
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return buffer.getvalue()
    content = tar(*((entry(name), str(text).encode()) for name, text in files.items()))
    return content if suffix == ".tar" else gzip.compress(content)


def entry(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def folder_of(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return path


def read(path: Path) -> tuple[list[str], list[str], str, dict[str, list[int]], list[str]]:
    """Return names, notes, digest, splits and lexicon of a corpus."""
    notes: list[str] = []
    sources = reading.find_sources([path], notes.append)
    stream = read_corpus(sources, None, notes.append)
    splits = {name: ids.tolist() for name, ids in stream.splits.items()}
    return [source.name for source in sources], notes, stream.digest, splits, stream.lexicon


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_an_archive_reads_as_its_folder(suffix: str, tmp_path: Path) -> None:
    """Alone, and in a corpus beside other files; gzip is detected by content."""
    (tmp_path / f"plays{suffix}").write_bytes(packed(suffix, FILES))
    folder = folder_of(tmp_path / "plays", FILES)
    names, notes, *_ = read(folder)
    assert names == ["b.train.txt", "c.txt", "a/late.txt", "a/z/deep.valid.txt"]
    assert notes == ["left out a/setup.py: not a script by its name"]
    assert read(tmp_path / f"plays{suffix}") == read(folder)

    more = {"plays-2/first.txt": TEXT, "last.txt": TEXT}
    with_archive, with_folder = folder_of(tmp_path / "one", more), folder_of(tmp_path / "two", more)
    (with_archive / f"plays{suffix}").write_bytes(packed(suffix, FILES))
    folder.rename(with_folder / "plays")
    assert read(with_archive) == read(with_folder)


def test_a_folder_and_archives_of_one_name_are_read_once(tmp_path: Path) -> None:
    folder_of(tmp_path, {"plays/a.txt": TEXT})
    for suffix in (".zip", ".tar"):
        (tmp_path / f"plays{suffix}").write_bytes(packed(suffix, {"a.txt": TEXT}))
    names, notes, *_ = read(tmp_path)
    assert names == ["plays/a.txt"]
    assert notes[:2] == [f"left out plays{suffix}: plays is read in its place" for suffix in (".tar", ".zip")]


def test_an_archive_within_an_archive_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed(".zip", {"a.txt": TEXT, "old/b.tgz": "no"}))
    names, notes, *_ = read(tmp_path)
    assert names == ["x/a.txt"]
    assert notes[0] == "left out x/old/b.tgz: an archive within an archive"


def encrypted() -> bytes:
    content = bytearray(packed(".zip", {"a.txt": TEXT}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def zipped(name: str, mode: int = 0o100644, method: int = zipfile.ZIP_STORED, text: str = "x", size: int = -1) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = mode << 16, method
        archive.writestr(info, text)
    content = bytearray(buffer.getvalue())
    if size >= 0:
        at = content.index(b"PK\x01\x02") + 24
        content[at : at + 4] = size.to_bytes(4, "little")
    return bytes(content)


def inherited() -> bytes:
    each = [{f"key{number}": "x" for number in range(first, first + 400)} for first in (0, 400, 800)]
    return b"".join(map(tarfile.TarInfo.create_pax_global_header, each)) + tar((entry("a.txt"), b"x"))


def headed(records: bytes) -> bytes:
    """Return a tar whose member has an extended header of these records."""
    header = entry("x", tarfile.XHDTYPE)
    header.size = len(records)
    return header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512) + tar((entry("a.txt"), b"x"))


def damaged() -> bytes:
    content = bytearray(tar((entry("a.txt"), b"x"), (entry("b.txt"), b"y")))
    content[1024 + 148] = ord("x")  # the checksum of the second header
    return bytes(content)


def linked(kind: bytes) -> bytes:
    info = entry("a.txt", kind)
    info.linkname = "/etc/passwd"
    return tar((info, b""))


def sparse() -> bytes:
    header = bytearray(entry("a.txt", tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"77777777777\0"  # its size with the gaps filled
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header) + bytes(10240)


WHOLE = tar((entry("a.txt"), TEXT.encode() * 99))
HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "symbolic link": (".tar", lambda: linked(tarfile.SYMTYPE), "'a.txt' in .* is a link or a device"),
    "device": (".tar", lambda: linked(tarfile.CHRTYPE), "'a.txt' in .* is a link or a device"),
    "link in a zip": (".zip", lambda: zipped("a.txt", 0o120777), "'a.txt' in .* is a link or a device"),
    "parent": (".tar", lambda: tar((entry("a/../../up.txt"), b"x")), "'a/../../up.txt' in .* leads out"),
    "absolute": (".tar", lambda: tar((entry("/etc/passwd"), b"x")), "'/etc/passwd' in .* leads out"),
    "absolute in a zip": (".zip", lambda: zipped("/etc/passwd"), "'/etc/passwd' in .* leads out"),
    "long name": (".tar", lambda: tar((entry("n" * 4000), b"x")), "has a name of more than 3,800 bytes"),
    "encrypted": (".zip", encrypted, "'a.txt' in .* is encrypted"),
    "bzip2": (".zip", lambda: zipped("a.txt", method=zipfile.ZIP_BZIP2), "is neither stored nor deflated"),
    "duplicate": (
        ".tar",
        lambda: tar((entry("a.txt"), b"x"), (entry("./a.txt"), b"y")),
        "'./a.txt' in .* is there twice",
    ),
    "bomb": (
        ".zip",
        lambda: zipped("a.txt", method=zipfile.ZIP_DEFLATED, text="a" * 2_000_000),
        "unpacks to more than",
    ),
    "bomb that lies": (
        ".zip",
        lambda: zipped("a.txt", method=8, text="a" * 2_000_000, size=9),
        "'a.txt' in .* is (cut|damaged)",
    ),
    "packed bomb": (".tgz", lambda: gzip.compress(bytes(2_000_000)), "unpacks to more than"),
    "sparse bomb": (".tar", sparse, "'a.txt' in .* unpacks to more than"),
    "too many": (
        ".tar",
        lambda: tar(*((entry(f"{number}"), b"") for number in range(101))),
        "'100' in .* is one member",
    ),
    "too many in a zip": (
        ".zip",
        lambda: packed(".zip", dict.fromkeys(map(str, range(101)), "x")),
        "has more than 100",
    ),
    "headers": (".tar", inherited, "follows too many extended headers"),
    "digits": (".tar", lambda: headed(b"1" * 8000), "has an extended header of too many bytes or digits"),
    "a long header": (
        ".tar",
        lambda: headed(b"2 " * 200_000 + b"="),
        "has an extended header of too many bytes or digits",
    ),
    "cut tar": (".tar", lambda: WHOLE[:9000], "'a.txt' in .* is damaged"),
    "cut after a member": (".tar", lambda: tar((entry("a.txt"), b"x"))[:1024], "is cut off or damaged"),
    "damaged header": (".tar", damaged, "'a.txt' in .* is cut off or damaged after"),
    "cut gzip": (".tgz", lambda: gzip.compress(WHOLE)[:-40], "is damaged"),
    "cut zip": (".zip", lambda: packed(".zip", {"a.txt": TEXT})[:-30], "is damaged"),
    "text": (".zip", TEXT.encode, "is damaged: File is not a zip file"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_in_one_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suffix, content, problem = HOSTILE[case]
    monkeypatch.setattr(archives, "Allowance", lambda: archives_allowance(100, 1_000_000))
    path = tmp_path / f"corpus{suffix}"
    path.write_bytes(content())
    with pytest.raises(BadInputError, match=problem) as caught:
        reading.find_sources([path], lambda _: None)
    assert str(path) in caught.value.line()
    assert caught.value.line().isprintable()


def test_the_allowance_counts_for_all_archives_of_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "Allowance", lambda: archives_allowance(100, len(TEXT) * 3 // 2))
    (tmp_path / "a.zip").write_bytes(packed(".zip", {"a.txt": TEXT}))
    assert [source.name for source in reading.find_sources([tmp_path], lambda _: None)] == ["a/a.txt"]
    (tmp_path / "b.zip").write_bytes(packed(".zip", {"b.txt": TEXT}))
    with pytest.raises(BadInputError, match=r"'b.txt' in .*b.zip unpacks to more than"):
        reading.find_sources([tmp_path], lambda _: None)


OOXML = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
)


def docx(body: str, styles: str = "") -> bytes:
    return packed(
        ".zip",
        {
            "word/document.xml": f"<w:document {OOXML}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {OOXML}>{styles}</w:styles>",
            "word/comments.xml": f"<w:comments {OOXML}><w:p><w:r><w:t>A comment</w:t></w:r></w:p></w:comments>",
        },
    )


def odt(body: str, own: str = "", styles: str = "") -> bytes:
    return packed(
        ".zip",
        {
            "content.xml": f"<office:document {ODF}>{own}<office:text>{body}</office:text></office:document>",
            "styles.xml": f"<office:document-styles {ODF}>{styles}</office:document-styles>",
        },
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


def test_styles_that_are_based_on_each_other_in_a_circle_end_as_action() -> None:
    """Each style is resolved once, however many paragraphs have it: a small file costs little."""

    circle = "".join(
        f'<w:style w:styleId="{number}"><w:name w:val="n{number}"/><w:basedOn w:val="{(number + 1) % 200}"/></w:style>'
        for number in range(200)
    )
    paragraphs = "".join(paragraph("x", str(number % 200)) for number in range(800))
    assert text_of("a.docx", docx(paragraphs, circle)) == "x\n" * 800
    usual = calls(lambda: text_of("a.docx", docx(paragraphs)))
    assert calls(lambda: text_of("a.docx", docx(paragraphs, circle))) < 2 * usual


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (docx(paragraph("a"))[:-40], "is damaged"),
        (docx("<w:p>"), "cannot be read: word/document.xml: mismatched tag"),
        (docx("<w:p/>").replace(b"word/document.xml", b"word/elsewhere.xm"), "has no word/document.xml"),
        (docx("<w:r>" * 600 + "</w:r>" * 600), "more than 500 deep"),
        (packed(".zip", {"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "EntitiesForbidden"),
        (docx(paragraph("x" * (1 << 27))), "unpacks to more than"),
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
    (tmp_path / "plays.zip").write_bytes(packed(".zip", {"a.docx": docx(paragraph("VIVIE. Good morning."))}))
    (source,) = reading.find_sources([tmp_path], print)
    assert list(reading.read_lines(source)) == ["VIVIE. Good morning."]


@pytest.mark.parametrize("beginning", [b"%PDF-", b"{\\rtf", b"\xef\xbb\xbf", b"\1"])
def test_a_line_of_a_text_may_begin_as_another_format_does(beginning: bytes, tmp_path: Path) -> None:
    """Wherever the text is cut into blocks."""
    content = b"x" * 4095 + b"\n" + (beginning + b"y" * (4095 - len(beginning)) + b"\n") * 63 + beginning
    (tmp_path / "play.txt").write_bytes(content)
    (source,) = reading.find_sources([tmp_path / "play.txt"], print)
    assert source.size == len(content)


def test_a_pdf_is_refused_though_all_of_it_is_text(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_bytes(b"%PDF-1.4\nplain ASCII\n")
    with pytest.raises(BadInputError, match="is PDF, not text"):
        reading.find_sources([tmp_path / "play.txt"], print)
