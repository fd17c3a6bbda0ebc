"""Files of scripts on disk: finding them, telling text from binary, decoding, reading by line in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
import io
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage import open_regular

LONGEST_LINE = 1 << 20  # characters; a longer line is cut at a space, so one giant line cannot fill the memory
_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Files that often are in folders of scripts and would be read as prose; a file named on the command line is read.
_NOT_SCRIPTS = frozenset(
    [
        ".py",
        ".pyi",
        ".js",
        ".ts",
        ".css",
        ".html",
        ".htm",
        ".xml",
        ".json",
        ".jsonl",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".csv",
        ".tsv",
        ".sh",
        ".lock",
        ".svg",
    ]
)
_ASCII = bytes(range(128))
_BEYOND_ASCII = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")  # UTF-8
_GUESSED = "cp1252"
_CONVERT = "if letters look wrong, convert it: iconv -f ENCODING -t utf-8"
_PFS = Path("/pfs")
_DEEPEST = 100  # folders within each other
_LONGEST_PATH = 3800  # bytes; the kernel takes 4095
_LONGEST_NAME = 200  # characters of a path in a note
_MOST_ENTRIES = 200_000  # files and folders of a corpus
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


@dataclass(frozen=True, slots=True)
class Source:
    """One text file of the corpus: `name` is its path below the given folder, `digest` the SHA-256 of its bytes."""

    path: Path
    name: str
    encoding: str
    digest: str
    size: int


def find_sources(paths: Iterable[Path], note: Callable[[str], None]) -> list[Source]:
    """Text files at or below `paths`, in a fixed order; binary and empty ones in folders are noted and left out.

    Raises BadInputError if a path does not exist or cannot be read, or if no text file is left.
    """
    wanted = list(paths)
    sources: list[Source] = []
    seen: set[Path] = set()
    for path, name in _files(wanted, note):
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        if path.suffix.lower() in _NOT_SCRIPTS and path not in wanted:
            note(f"left out {name}: not a script by its name")
            continue
        source = _inspect(path, name)
        if isinstance(source, Source):
            sources.append(source)
            if source.encoding == _GUESSED:
                note(f"{name} is not UTF-8 and read as Windows-1252 (except in layout exact); {_CONVERT}")
        elif path in wanted:
            raise BadInputError(f"{path} {source}", "give text files of scripts, or folders that hold some")
        else:
            note(f"left out {name}: it {source}")
    if not sources:
        where = ", ".join(str(path) for path in wanted)
        raise BadInputError(f"no text file in {where}", "the corpus is empty: put at least one script into it")
    return sources


def corpus_digest(sources: Iterable[Source]) -> str:
    """SHA-256 over the names and contents of all files."""
    total = hashlib.sha256()
    for source in sources:
        total.update(f"{source.name}\0{source.digest}\n".encode(errors="surrogateescape"))  # a name may be any bytes
    return total.hexdigest()


def read_lines(source: Source) -> Iterator[str]:
    """Yield lines without their line endings (LF, CRLF, CR); lines over LONGEST_LINE are split at a space."""
    try:
        with io.TextIOWrapper(open_regular(source.path), encoding=source.encoding, errors="replace") as file:
            rest = ""
            while line := file.readline(LONGEST_LINE):
                line, rest = rest + line, ""
                if not line.endswith("\n") and len(line) >= LONGEST_LINE:
                    cut = line.rfind(" ", LONGEST_LINE // 2)
                    if cut > 0:
                        line, rest = line[:cut], line[cut:]
                yield line.rstrip("\n")
            if rest:
                yield rest
    except OSError as error:
        raise BadInputError(f"cannot read {source.path}: {error.strerror}") from error


def read_exactly(source: Source) -> Iterator[str]:
    """Yield lines with their line ends, LF alone ending a line; bytes that are no UTF-8 become surrogates (PEP 383)."""
    try:
        file = open_regular(source.path)
        with io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="\n") as text:
            while line := text.readline(LONGEST_LINE):
                yield line
    except OSError as error:
        raise BadInputError(f"cannot read {source.path}: {error.strerror}") from error


def sample_lines(source: Source, blocks: int = 48, size: int = 16_384) -> list[str]:
    """Lines from evenly spaced places of the file, for telling its layout without reading all of it."""
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
    with open_regular(source.path) as file:
        for block in range(blocks):
            file.seek(block * (source.size - size) // (blocks - 1))
            text = file.read(size).decode(source.encoding, errors="replace")
            lines += text.splitlines()[1:-1]  # the first and last are cut anywhere
    return lines


def _files(paths: Iterable[Path], note: Callable[[str], None]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadInputError(f"no such path: {path}", "check the path") from error
        except OSError as error:
            raise BadInputError(f"cannot read {path}: {error.strerror}", "check the path") from error
        if stat.S_ISDIR(mode):
            yield from _below(path, note)
        elif stat.S_ISREG(mode):
            yield path, path.name
        else:
            raise BadInputError(f"{path} is neither a file nor a folder")


def _below(folder: Path, note: Callable[[str], None]) -> Iterator[tuple[Path, str]]:
    """Yield the regular files below a folder, with their names in it, in a fixed order; other entries are noted."""
    inside = _allowed(folder)
    visited: set[str] = set()
    entries = 0
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        real = os.path.realpath(current)
        if real in visited:
            continue
        visited.add(real)
        names = _names_in(current)
        entries += len(names)
        if entries > _MOST_ENTRIES:
            raise BadInputError(f"{folder} holds more than {_MOST_ENTRIES:,} files", "join scripts into fewer files")
        folders = []
        for name in names:
            path = current / name
            where = path.relative_to(folder)
            if reason := _unfit(path, len(where.parts), inside):
                note(f"left out {_shortened(where.as_posix())}: {reason}")
            elif not path.is_dir():
                yield path, where.as_posix()
            elif not name.startswith("__"):
                folders.append(path)
        waiting += reversed(folders)


def _allowed(folder: Path) -> tuple[Path, ...]:
    """Return the folders that links may point into: the corpus, and /pfs if Pachyderm put it there with links."""
    pfs = Path(os.environ.get("PFS_ROOT") or _PFS)
    real = folder.resolve()
    return (real, pfs.resolve()) if pfs in folder.absolute().parents else (real,)


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry in itertools.islice(found, _MOST_ENTRIES + 1)]
    except OSError as error:
        raise BadInputError(f"cannot read {_shortened(str(folder))}: {error.strerror}") from error
    return sorted(name for name in names if not name.startswith("."))


def _unfit(path: Path, depth: int, inside: Sequence[Path]) -> str:
    """Why a file or folder of a corpus is not read; "" for one that is."""
    if depth > _DEEPEST or len(os.fsencode(path)) > _LONGEST_PATH:
        return "it lies too deep"
    try:
        if path.is_symlink():
            real = path.resolve()
            if not any(real.is_relative_to(home) for home in inside):
                return "it is a link that leads out of the corpus"
        mode = path.stat().st_mode
    except (OSError, RuntimeError):  # nothing there, or a link to itself
        return "it is a link that leads nowhere" if path.is_symlink() else "it cannot be read"
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "it is no regular file"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _inspect(path: Path, name: str) -> Source | str:
    """Return the file as a Source, or why it cannot be read. Hashes and checks the encoding in one pass."""
    digest = hashlib.sha256()
    size = 0
    utf8 = codecs.getincrementaldecoder("utf-8")()
    encoding = ""
    characters = 0
    try:
        with open_regular(path) as file:
            while block := file.read(_BLOCK):
                if size == 0:
                    encoding = next((name for bom, name in _BOMS if block.startswith(bom)), "") or _unmarked(block)
                if not encoding and _looks_binary(block):
                    return "is binary, not text: save documents as plain text (UTF-8)"
                size += len(block)
                digest.update(block)
                if not encoding:
                    found = _BEYOND_ASCII.findall(block)
                    characters += len(found)
                    try:
                        utf8.decode(block)
                    except UnicodeDecodeError:  # some stray bytes among many characters do not make it another encoding
                        stray = len(block.translate(None, _ASCII)) - sum(map(len, found))
                        encoding = "utf-8" if characters > stray else _GUESSED
        if not encoding:
            utf8.decode(b"", final=True)
            encoding = "utf-8"
    except UnicodeDecodeError:  # cut within a character
        encoding = "utf-8" if characters else _GUESSED
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from error
    if size == 0:
        return "is empty"
    return Source(path, name, encoding, digest.hexdigest(), size)


def _unmarked(block: bytes) -> str:
    """The encoding of UTF-16 without a byte order mark: in most of its pairs one byte, always the same, is zero."""
    head = block[:65_536]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[first::2].count(0), head[1 - first :: 2].count(0)
        if zeros > len(head) // 4 and others * 50 < zeros:
            return name
    return ""


def _looks_binary(block: bytes) -> bool:
    head = block[:65_536]
    return b"\0" in block or len(head) - len(head.translate(None, _CONTROL)) > len(head) // 50
