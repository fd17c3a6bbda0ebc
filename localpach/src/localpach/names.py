"""Rules for names and ids."""

import re

from localpach.errors import PachError

_VALID = re.compile(r"[a-zA-Z0-9_-]+")
_COMMIT_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def is_commit_id(text: str) -> bool:
    """Return whether ``text`` is a version 4 UUID without dashes, the form of every commit, job and transaction id."""
    return _COMMIT_ID.fullmatch(text) is not None


def validate_name(name: str) -> None:
    """Raise PachError for a name that could be parsed as an ancestry reference or a path."""
    if not _VALID.fullmatch(name):
        raise PachError(f"name ({name}) invalid: only alphanumeric characters, underscores, and dashes are allowed")
