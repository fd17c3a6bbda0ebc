"""Files of scripts on disk: finding them, telling text from binary, decoding, reading by line in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.errors import BadInputError

LONGEST_LINE = 1 << 20  # characters; a longer line is cut at a space, so one giant line cannot fill the memory
_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Files that lie beside scripts in real folders and would be read as prose; a file named on the command line is taken.
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
    for path, name in _files(wanted):
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
    """Lines without their ends, whatever the end (LF, CRLF, CR); lines over LONGEST_LINE are cut at a space."""
    try:
        with source.path.open(encoding=source.encoding, errors="replace") as file:
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
    with source.path.open("rb") as file:
        for block in range(blocks):
            file.seek(block * (source.size - size) // (blocks - 1))
            text = file.read(size).decode(source.encoding, errors="replace")
            lines += text.splitlines()[1:-1]  # the first and last are cut anywhere
    return lines


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadInputError(f"no such path: {path}", "check the path") from error
        except OSError as error:
            raise BadInputError(f"cannot read {path}: {error.strerror}", "check the path") from error
        if stat.S_ISDIR(mode):
            yield from _below(path)
        elif stat.S_ISREG(mode):
            yield path, path.name
        else:
            raise BadInputError(f"{path} is neither a file nor a folder")


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    visited: set[str] = set()

    def refuse(error: OSError) -> None:
        raise BadInputError(f"cannot read {error.filename}: {error.strerror}")

    for root, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(root)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(files):
            path = Path(root, name)
            if not name.startswith(".") and path.is_file():
                yield path, path.relative_to(folder).as_posix()


def _inspect(path: Path, name: str) -> Source | str:
    """The file as a Source, or why it is none. Hashes and checks the encoding in one pass."""
    digest = hashlib.sha256()
    size = 0
    utf8 = codecs.getincrementaldecoder("utf-8")()
    encoding = ""
    characters = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if size == 0:
                    encoding = next((name for bom, name in _BOMS if block.startswith(bom)), "") or _unmarked(block)
                if not encoding and _looks_binary(block):
                    return "is binary, not text"
                size += len(block)
                digest.update(block)
                if not encoding:
                    found = _BEYOND_ASCII.findall(block)
                    characters += len(found)
                    try:
                        utf8.decode(block)
                    except UnicodeDecodeError:  # some stray bytes among many characters do not make it another encoding
                        stray = len(block.translate(None, _ASCII)) - sum(map(len, found))
                        encoding = "utf-8" if characters > stray else "cp1252"
        if not encoding:
            utf8.decode(b"", final=True)
            encoding = "utf-8"
    except UnicodeDecodeError:  # cut within a character
        encoding = "utf-8" if characters else "cp1252"
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
