"""The job document that `scriptmodel-trainer job` reads: a command, and presigned URLs of what it reads and writes."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.job.manifest import MOST_BYTES, MOST_PACKS, Digest, check_path
from scriptmodel_trainer.storage.files import read_bounded

_MOST_URLS = 200
_MOST_DOCUMENT = 1 << 20  # bytes, as of a Secret
_COMMANDS = ("train", "trial", "generate")

Url = Annotated[str, Meta(pattern=r"^https?://[!-~]+\Z", max_length=1 << 14)]
Words = Annotated[tuple[str, ...], Meta(min_length=2)]
Pair = tuple[Url, Url]


class ManifestUrl(Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest of an input."""

    url: Url
    sha256: Digest
    size: Annotated[int, Meta(ge=1, le=MOST_BYTES)]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """A version, whose files are written to `/pfs/NAME`: those of one folder, or all (`/`)."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\Z")]
    folder: str
    packs: Annotated[tuple[Url, ...], Meta(max_length=MOST_PACKS)]
    manifest: ManifestUrl

    def __post_init__(self) -> None:
        if self.name == "out":
            raise ValueError("an input cannot be named out")
        if self.folder != "/":
            check_path(self.folder)


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """Where packs, manifest and log of the attempt are stored."""

    packs: tuple[Url, ...]
    manifest: Url
    log: Url


class CheckpointUrls(Struct, frozen=True, forbid_unknown_fields=True):
    """`read` has those of this attempt, whose pod may be a second one, and of earlier ones, newest first."""

    read: tuple[Pair, ...]
    write: Pair


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """What `job.json` holds."""

    schema: Literal[1]
    command: Words
    inputs: tuple[Input, ...]
    output: Output
    checkpoints: CheckpointUrls
    expires: datetime

    def __post_init__(self) -> None:
        if self.command[0] != "scriptmodel-trainer" or self.command[1] not in _COMMANDS:
            raise ValueError(f"command must be scriptmodel-trainer with one of {', '.join(_COMMANDS)}")
        names = [each.name for each in self.inputs]
        if len(set(names)) < len(names):
            raise ValueError("two inputs have the same name")
        urls = sum(1 + len(each.packs) for each in self.inputs) + len(self.output.packs) + 2
        if urls + 2 * len(self.checkpoints.read) + 2 > _MOST_URLS:
            raise ValueError(f"it has more than {_MOST_URLS} URLs")


def read_document(path: Path) -> Document:
    """Read a job document; BadInputError names the field that is wrong."""
    hint = "the operator writes it to the Secret of the attempt: see docs/contributing/jobs.md"
    try:
        return msgspec.json.decode(read_bounded(path, _MOST_DOCUMENT), type=Document)
    except OSError as error:
        raise BadInputError(f"the job document {path} cannot be read: {error.strerror}", hint) from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"the job document {path} is not valid: {error}", hint) from error
