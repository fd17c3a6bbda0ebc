"""Installed bases: models of many plays that a training on a few plays starts from."""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus import archives
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.files import as_write_error
from scriptmodel_trainer.storage.records import Card

SUFFIX = ".tar"  # of a packed base: the files of its model directory
NONE = "none"
_FOLDERS = "SCRIPTMODEL_BASES"  # in place of the usual ones, the user's first
_ADDRESS = "SCRIPTMODEL_BASE_URL"  # of a release's bases: NAME.tar, and NAME.tar.sha256 as sha256sum writes it
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SYSTEM = "share/scriptmodel/bases"  # below the environment, as images have them
_IN_CORPUS = "bases"  # a folder that holds a model is no text
_MOST_BYTES = 1 << 26
_MOST_FILES = 8
_COMMONEST = 200  # words by which a language is known
LEAST = 0.35  # of a text's words that are among them: English has six of ten, other languages one
_SECONDS = 60.0
_REMOTE = ("https://", "http://")


def folders() -> list[Path]:
    """Return where bases are looked for: the user's folder, to which bases are added, and the system's."""
    if given := os.environ.get(_FOLDERS):
        return [Path(folder) for folder in given.split(os.pathsep)]
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return [data / "scriptmodel" / "bases", Path(sys.prefix) / _SYSTEM, Path("/usr") / _SYSTEM]


def installed(corpora: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the folders of the bases by name; those of corpora hide the user's, and these the system's."""
    found: dict[str, Path] = {}
    for folder in [*(corpus / _IN_CORPUS for corpus in corpora), *folders()]:
        for model in sorted(folder.glob(f"*/{model_directory.MODEL}")):
            found.setdefault(model.parent.name, model.parent)
    return found


def load(folder: Path) -> tuple[TrainedModel, Card]:
    """Return a base and its card; BadInputError if it is damaged, or a model that is no base."""
    model = model_directory.load_model(folder)
    if model.card is None:
        raise BadInputError(f"{folder} is a model without a card, not a base", "`make base` in a checkout makes one")
    return model, model.card


def found_as(name: str, corpora: Sequence[Path] = ()) -> Path:
    """Return the folder of a base, installed or in a corpus; BadInputError names those that are there."""
    there = installed(corpora)
    if name not in there:
        ways = f"`scriptmodel base add` installs one; a corpus has it as {_IN_CORPUS}/NAME"
        hint = f"installed: {', '.join(there)}" if there else ways
        raise BadInputError(f"there is no base {name[:40]}", hint, parameter="base")
    return there[name]


def best_for(names: Sequence[str], train: Ids, lexicon: Sequence[str]) -> Path | None:
    """Return the folder of the base of those names that knows most of a text's words; None if none has its language."""
    known = {name: load(found_as(name))[0].vocabulary.words for name in names}
    fitting = [name for name, words in known.items() if share_of(words, train, lexicon) >= LEAST]
    best = max(fitting, key=lambda name: share_of(known[name], train, lexicon, None), default=None)
    return found_as(best) if best else None


def share_of(words: Sequence[str], train: Ids, lexicon: Sequence[str], most: int | None = _COMMONEST) -> float:
    """Return the share of a text's words that are among the `most` common ones of a vocabulary; None: among all."""
    listed = {word.lower() for word in list(filter(str.isalpha, words))[:most]}
    counts = np.bincount(train, minlength=len(lexicon))
    is_word = np.fromiter(map(str.isalpha, lexicon), np.bool_, len(lexicon))
    is_listed = np.fromiter((word.lower() in listed for word in lexicon), np.bool_, len(lexicon))
    return float(counts[is_word & is_listed].sum() / max(1, counts[is_word].sum()))


def how_to_get_one() -> str:
    """Return what a base brings, its size, time and licence, and the command that brings it."""
    command = "scriptmodel base add en" if os.environ.get(_ADDRESS) else "make base LANGUAGE=en LIBRARY=library"
    return f"no base is installed: with one (en: 27 MB, CC0-1.0) scripts make more sense in a minute: `{command}`"


def add(source: str, sha256: str | None) -> tuple[Path, Card]:
    """Install a base from a file or URL, or by the name that a release gives it, checked; returns its folder.

    A base of that name is replaced. Raises BadInputError if it is no base, or another one than `sha256` says.
    """
    address = os.environ.get(_ADDRESS)
    if address and _NAME.fullmatch(source) and not Path(source).exists():
        source = f"{address.rstrip('/')}/{source}{SUFFIX}"
        sha256 = sha256 or _read(f"{source}.sha256").decode(errors="replace")[:64]
    home = folders()[0]
    with as_write_error(home, "set SCRIPTMODEL_BASES to a folder that can be written"):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=home) as scratch:
            packed = Path(scratch, f"base{SUFFIX}")
            packed.write_bytes(_content(source, sha256))
            unpacked = Path(scratch, "base")
            try:
                card = _unpack(packed, unpacked)
            except BadInputError as error:
                message = error.message.replace(str(packed), source).replace(str(unpacked), source)
                raise BadInputError(message, "fetch it again, or give another packed base") from error
            folder = home / card.name
            shutil.rmtree(folder, ignore_errors=True)
            unpacked.replace(folder)
    return folder, card


def _unpack(packed: Path, folder: Path) -> Card:
    """Unpack a base into a new folder; returns its card."""
    folder.mkdir()
    for name, content in archives.files_of(packed, archives.Allowance(_MOST_FILES, _MOST_BYTES)):
        if not model_directory.is_file_of_model(name):
            raise BadInputError(f"{packed} has the file {name[:80]}, which no base has")
        (folder / name).write_bytes(content)
    return load(folder)[1]


def remove(name: str) -> Path:
    """Delete a base from the user's folder; BadInputError if it is not there."""
    folder = folders()[0] / name
    if installed().get(name) != folder:
        raise BadInputError(f"{folders()[0]} has no base {name}", "see `scriptmodel base list`")
    with as_write_error(folder, "check its permissions"):
        shutil.rmtree(folder)
    return folder


def _content(source: str, sha256: str | None) -> bytes:
    """Return the bytes of a file or URL, which must have that digest; what comes from a URL must have one."""
    if source.startswith(_REMOTE) and sha256 is None:
        raise BadInputError("a base from a URL needs --sha256", "take it from the page that names the URL")
    content = _read(source)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise BadInputError(f"{source} has SHA-256 {digest}, not {sha256}", "fetch it again, or check the digest")
    return content


def _read(source: str) -> bytes:
    """Return the bytes of a file or URL."""
    remote = source.startswith(_REMOTE)
    try:
        # It opens no other scheme, and what it returns must have the digest.
        with urllib.request.urlopen(source, timeout=_SECONDS) if remote else Path(source).open("rb") as file:  # noqa: S310
            content: bytes = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        hint = f"`scriptmodel base add` takes a packed base, or a release's by its name if {_ADDRESS} is set"
        raise BadInputError(f"there is no file {source}", hint) from error
    except OSError as error:
        raise BadInputError(f"{source} cannot be read: {error.strerror or error}", "give a packed base") from error
    if len(content) > _MOST_BYTES:
        raise BadInputError(f"{source} is larger than {_MOST_BYTES >> 20} MiB", "give a packed base")
    return content
