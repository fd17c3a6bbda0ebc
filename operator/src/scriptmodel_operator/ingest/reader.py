"""The process that reads a downloaded file: `python -I -m scriptmodel_operator.ingest.reader OPTIONS`.

A hostile archive can affect only this process: with an empty environment, the file open for reading
as standard input and a pipe as standard output, within limits, and without the system calls to reach anything else.
It imports little, since one starts for each download.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest import sandbox
from scriptmodel_operator.ingest.archive import Archive, Limits
from scriptmodel_operator.ingest.failures import SourceError, too_large
from scriptmodel_operator.ingest.frames import MOST_BYTES, Kind, encode

_MEBIBYTE = 1024 * 1024
_OUT = 1


@dataclass(frozen=True, slots=True)
class Options:
    """The reader's only argument, as JSON."""

    size: int
    name: str
    include: tuple[str, ...]
    limits: Limits
    cpu_seconds: int
    memory: int
    """Bytes beyond what the interpreter itself needs."""

    def to_json(self) -> str:
        limits = {key: getattr(self.limits, key) for key in Limits.__slots__}
        own = {key: getattr(self, key) for key in self.__slots__}
        return json.dumps({**own, "limits": limits})

    @classmethod
    def from_json(cls, text: str) -> Options:
        found: dict[str, Any] = json.loads(text)
        return cls(**{**found, "include": tuple(found["include"]), "limits": Limits(**found["limits"])})


def main() -> None:
    """Read the file, write frames, end."""
    options = Options.from_json(sys.argv[1])
    for name in ("utf-8", "cp437", "ascii"):  # names in archives; a codec is a module that is loaded late
        codecs.lookup(name)
    source = os.fdopen(0, "rb", closefd=False)
    archive = Archive(source, options.size, options.name, options.include, options.limits)
    sandbox.die_with_parent()
    sandbox.limit(options.cpu_seconds, options.memory)
    _send(Kind.START, sandbox.filter_calls().encode()[: MOST_BYTES[Kind.START]])
    try:
        _send_files(archive)
    except SourceError as error:
        _send_failure(error)
    except MemoryError:
        used = options.memory // _MEBIBYTE
        _send_failure(too_large(f"reading the archive needs more than {used} MiB of memory: pack fewer files"))
    except Exception as error:  # a parser's bug is the file's doing
        text = f"the file cannot be read ({type(error).__name__})"
        _send_failure(SourceError(Reason.CORPUS_INVALID, text))
    os._exit(0)  # the interpreter's own end would make calls that the filter refuses


def _send_files(archive: Archive) -> None:
    for path, pieces in archive.files():
        _send(Kind.FILE, path.encode())
        for piece in pieces:
            _send(Kind.DATA, piece)
    _send(Kind.END)


def _send_failure(error: SourceError) -> None:
    _send(Kind.FAILURE, f"{error.reason.value}\n{error}".encode("utf-8", "replace")[: MOST_BYTES[Kind.FAILURE]])


def _send(kind: Kind, payload: bytes = b"") -> None:
    rest = memoryview(encode(kind, payload))
    while rest:
        rest = rest[os.write(_OUT, rest) :]


if __name__ == "__main__":
    main()
