"""The process that reads a downloaded file: `python -I -m scriptmodel_operator.ingest.reader OPTIONS`.

A hostile archive can affect only this process: with an empty environment, the file open for reading
as standard input and a pipe as standard output, within limits, and without the system calls to reach anything else.
It imports little, since one starts for each download.
"""

from __future__ import annotations

import codecs
import os
import sys
from typing import BinaryIO

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest import sandbox
from scriptmodel_operator.ingest.archive import Options, files_of
from scriptmodel_operator.ingest.failures import SourceError, too_large
from scriptmodel_operator.ingest.frames import MOST_BYTES, Kind, encode

MEMORY_BYTES = 64 * 1024 * 1024
"""Memory that a reader may use beyond its interpreter, which needs about 20 MiB."""
_MEBIBYTE = 1024 * 1024
_OUT = 1


def main() -> None:
    """Read the file, write frames, end."""
    options = Options.from_json(sys.argv[1])
    for name in ("utf-8", "cp437", "ascii"):  # names in archives; a codec is a module that is loaded late
        codecs.lookup(name)
    source = os.fdopen(0, "rb", closefd=False)
    sandbox.die_with_parent()
    sandbox.limit(options.seconds, MEMORY_BYTES)
    _send(Kind.START, sandbox.filter_calls().encode()[: MOST_BYTES[Kind.START]])
    try:
        _send_files(source, options)
    except SourceError as error:
        _send_failure(error)
    except MemoryError:
        used = MEMORY_BYTES // _MEBIBYTE
        _send_failure(too_large(f"reading the archive needs more than {used} MiB of memory: pack fewer files"))
    except Exception as error:  # a parser's bug is the file's doing
        text = f"the file cannot be read ({type(error).__name__})"
        _send_failure(SourceError(Reason.CORPUS_INVALID, text))
    os._exit(0)  # the interpreter's own end would make calls that the filter refuses


def _send_files(source: BinaryIO, options: Options) -> None:
    for path, pieces in files_of(source, options):
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
