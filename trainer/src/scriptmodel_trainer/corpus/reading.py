"""Reads files of scripts: distinguishes text from binary, detects the encoding, yields lines in bounded memory."""

import codecs
import contextlib
import hashlib
import io
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from scriptmodel_trainer.corpus import archives, documents, folders
from scriptmodel_trainer.errors import BadInputError, ReaderError, TrainerError
from scriptmodel_trainer.storage.files import open_regular

LONGEST_LINE = 1 << 20  # characters; a longer line is cut at a space or below a tag, so none can fill the memory
_BLOCK = 1 << 17
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Files that often are in folders of scripts and would be read as prose; a file named on the command line is read.
_NOT_SCRIPTS = ".py .pyi .js .ts .css .html .htm .json .jsonl .yaml .yml .toml .ini .cfg .csv .tsv .sh .lock .svg"
_BROKEN = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8
_GUESSED = "cp1252"
_FORMATS = {b"{\\rtf": "RTF", b"%PDF-": "PDF"}
_ZIP = b"PK\x03\x04"
_MOST_DOCUMENT = 1 << 26  # bytes of a document, and of its unpacked text
_MOST_PARTS = 10_000
_CONVERT = "if letters look wrong, convert it: iconv -f ENCODING -t utf-8"
_XML_ROOT = re.compile(r"<(?:\w{1,20}:)?(FinalDraft|TEI)\b")
_XML_LAYOUTS = {"FinalDraft": "fdx", "TEI": "tei"}
_XML_BEGINNINGS = ("<?xml", "<!--", "<FinalDraft", "<TEI")
_XML_HEAD = 1 << 16  # characters in which the root element begins
_ENDS = re.compile("[\x85\u2028\u2029]")  # of lines, which universal newlines do not know
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


@dataclass(frozen=True, slots=True)
class Source:
    """One text file of the corpus: `name` is its path below the given folder, `digest` the SHA-256 of its bytes.

    A file in an archive has its `content`; `path` is that of the archive.
    """

    path: Path
    name: str
    encoding: str
    digest: str
    size: int
    content: bytes | None = field(default=None, repr=False)


def find_sources(paths: Iterable[Path], note: Callable[[str], None]) -> list[Source]:
    """Text files at or below `paths`, in a fixed order; binary and empty ones in folders are noted and left out.

    Raises BadInputError if a path does not exist or cannot be read, or if no text file is left.
    """
    requested = list(paths)
    sources: list[Source] = []
    for path, name, content in _contents(folders.files(requested, note), note):
        named = content is None and path in requested
        if Path(name).suffix.lower() in _NOT_SCRIPTS.split() and not named:
            note(f"left out {name}: not a script by its name")
            continue
        source = _inspect(path, name, content)
        if isinstance(source, Source):
            if name.lower().endswith(".xml") and not (named or xml_layout(read_lines(source))):
                note(f"left out {name}: XML of neither Final Draft nor TEI")
                continue
            sources.append(source)
            if source.encoding == _GUESSED:
                note(f"{name} is not UTF-8 and read as Windows-1252 (byte by byte in layout plain); {_CONVERT}")
        elif named:
            raise BadInputError(f"{path} {source}", "give text files of scripts, or folders that hold some")
        else:
            note(f"left out {name}: it {source}")
    if not sources:
        where = ", ".join(str(path) for path in requested)
        raise BadInputError(f"no text file in {where}", "the corpus is empty: put at least one script into it")
    return sources


def decoded(content: bytes, name: str, note: Callable[[str], None]) -> str:
    """Return the text of a file's content, decoded as a file of the corpus; BadInputError if it is no text."""
    content = _document(name, content, archives.Allowance()) or content
    source = _inspect(Path(name), name, content)
    if not isinstance(source, Source):
        raise BadInputError(f"{name} {source}", "give a text file")
    if source.encoding == _GUESSED:
        note(f"{name} is not UTF-8 and read as Windows-1252; {_CONVERT}")
    return content.decode(source.encoding, errors="replace")


@contextlib.contextmanager
def naming(source: Source) -> Iterator[None]:
    """Raise ReaderError, which names the file, for an unexpected error while it is read."""
    try:
        yield
    except (TrainerError, MemoryError, OSError):
        raise
    except Exception as error:  # a defect of a reader, whatever it is, must name the file
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        where = f"{Path(frame.f_code.co_filename).name}:{line}"
        problem = f"{source.name} cannot be read: {type(error).__name__}: {error} ({where})"
        raise ReaderError(problem, "leave it out, and report this defect of the trainer") from error


def corpus_digest(sources: Iterable[Source]) -> str:
    """SHA-256 over the names and contents of all files."""
    total = hashlib.sha256()
    for source in sources:
        total.update(f"{source.name}\0{source.digest}\n".encode(errors="surrogateescape"))  # a name may be any bytes
    return total.hexdigest()


def read_lines(source: Source) -> Iterator[str]:
    """Yield lines without their line endings (LF, CRLF, CR, Unicode's); one over LONGEST_LINE is split."""
    rest = ""
    for text in _lines(source, source.encoding, "replace"):
        line, rest = rest + text, ""
        full = not line.endswith("\n") and len(line) >= LONGEST_LINE
        half = LONGEST_LINE // 2
        if full and (cut := max(line.rfind(" ", half), 0) or line.rfind(">", half) + 1):
            line, rest = line[:cut], line[cut:]
        yield from _ENDS.split(line.rstrip("\n"))
    if rest:
        yield rest


def read_exactly(source: Source) -> Iterator[str]:
    """Yield lines with their line ends, LF alone ending a line; bytes that are no UTF-8 become surrogates (PEP 383).

    A text in UTF-16 or UTF-32 is not kept byte by byte, but as text.
    """
    if source.encoding.startswith(("utf-16", "utf-32")):
        return _lines(source, source.encoding, "replace", newline="\n")
    return _lines(source, "utf-8", "surrogateescape", newline="\n")


def _lines(source: Source, encoding: str, errors: str, newline: str | None = None) -> Iterator[str]:
    try:
        with io.TextIOWrapper(_open(source.path, source.content), encoding, errors, newline) as text:
            while line := text.readline(LONGEST_LINE):
                yield line
    except OSError as error:
        raise BadInputError(f"cannot read {source.path}: {error.strerror}") from error


def sample_lines(source: Source, blocks: int = 64, size: int = 16_384) -> list[str]:
    """Lines from evenly spaced places of the file, to detect its layout without reading all of it."""
    if source.size <= blocks * size or source.encoding.startswith(("utf-16", "utf-32")):
        lines: list[str] = []
        length = 0
        for line in read_lines(source):
            lines.append(line)
            length += len(line) + 1
            if length > blocks * size:
                break
        return lines
    lines = []
    with _open(source.path, source.content) as file:
        for block in range(blocks):
            file.seek(block * (source.size - size) // (blocks - 1))
            text = file.read(size).decode(source.encoding, errors="replace")
            found = text.splitlines()
            whole = not block and len(found[-1]) * 2 > size  # else the first and last lines are cut anywhere
            lines += found if whole else found[bool(block) : -1]
    return lines


def xml_layout(lines: Iterable[str]) -> str:
    """Return the name of the layout of a file in XML, given its first lines; "" for any other file."""
    head = ""
    for line in lines:
        head = f"{head}{line[:_XML_HEAD]}\n".lstrip()
        if head and not head.startswith(_XML_BEGINNINGS):
            return ""
        if len(head) > _XML_HEAD:
            break
    root = _XML_ROOT.search(head[:_XML_HEAD])
    return _XML_LAYOUTS[root[1]] if root else ""


def _contents(
    files: Iterable[tuple[Path, str]], note: Callable[[str], None]
) -> Iterator[tuple[Path, str, bytes | None]]:
    """Yield each file once, with its name; the files of an archive and the text of a document, None for any other."""
    seen: set[Path] = set()
    allowance = archives.Allowance()
    for path, name in files:
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        if not archives.folder_name(path.name):
            yield path, name, _document(name, _bytes_of(path), allowance) if documents.is_document(name) else None
            continue
        for member, content in archives.files_of(path, allowance):
            if archives.folder_name(member):
                note(f"left out {name}{member}: an archive within an archive")
            else:
                yield path, name + member, _document(name + member, content, allowance) or content


def _document(name: str, content: bytes, allowance: archives.Allowance) -> bytes | None:
    """Return the text of a document in UTF-8; None if it is none, whatever its name."""
    if not (documents.is_document(name) and content.startswith(_ZIP)):
        return None
    text = documents.text_of(name, content, archives.Allowance(_MOST_PARTS, min(_MOST_DOCUMENT, allowance.size)))
    allowance.size -= len(text)
    return text.encode()


def _bytes_of(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            content = file.read(_MOST_DOCUMENT + 1)
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > _MOST_DOCUMENT:
        raise BadInputError(f"{path} has more than {_MOST_DOCUMENT:,} bytes", "save it as plain text (UTF-8)")
    return content


def _open(path: Path, content: bytes | None) -> BinaryIO:
    return open_regular(path) if content is None else io.BytesIO(content)


def _inspect(path: Path, name: str, content: bytes | None) -> Source | str:
    """Return the file as a Source, or why it cannot be read. Hashes and checks the encoding in one pass."""
    digest, encoding, size, characters, stray = hashlib.sha256(), "", 0, 0, 0
    utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    try:
        with _open(path, content) as file:
            for block in iter(partial(file.read, _BLOCK), b""):
                if not size and block in dict(_BOMS):  # and nothing else
                    break
                encoding = encoding if size else _encoding_at(block)
                if not encoding and (kind := "binary" if b"\0" in block else "" if size else _no_text(block)):
                    return f"is {kind}, not text: save documents as plain text (UTF-8)"
                size += len(block)
                digest.update(block)
                if not encoding and not (text := utf8.decode(block)).isascii():
                    broken = len(_BROKEN.findall(text))
                    characters += len(text) - len(text.encode("ascii", "ignore")) - broken
                    stray += broken
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from error
    stray += len(utf8.decode(b"", final=True))
    # Some stray bytes among many characters do not make it another encoding.
    encoding = encoding or ("utf-8" if not stray or characters > stray else _GUESSED)
    return Source(path, name, encoding, digest.hexdigest(), size, content) if size else "is empty"


def _encoding_at(block: bytes) -> str:
    """The encoding that a byte order mark names, or UTF-16: in most of its pairs one byte, the same, is zero."""
    if marked := next((name for bom, name in _BOMS if block.startswith(bom)), ""):
        return marked
    head = block[:65_536]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[first::2].count(0), head[1 - first :: 2].count(0)
        if zeros > len(head) // 4 and others * 50 < zeros:
            return name
    return ""


def _no_text(block: bytes) -> str:
    """Return what a file with this first block is if it is no text; "" for text."""
    for beginning, name in _FORMATS.items():
        if block.startswith(beginning):
            return name
    head = block[:65_536]
    return "binary" if len(head) - len(head.translate(None, _CONTROL)) > len(head) // 50 else ""
