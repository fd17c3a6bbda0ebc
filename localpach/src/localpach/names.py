"""Rules for names, and the ancestry suffixes (`master^2`, `master~`, `master.1`) that a name can have."""

import re

from localpach.errors import PachError

DEFAULT_PROJECT = "default"
PROJECT_NAME_LIMIT = 51
_VALID = re.compile(r"[a-zA-Z0-9_-]+")
_COMMIT_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
_SEPARATORS = "^~."


def is_commit_id(text: str) -> bool:
    """Return whether ``text`` is a version 4 UUID without dashes, the form of every commit, job and transaction id."""
    return _COMMIT_ID.fullmatch(text) is not None


def validate_name(name: str) -> None:
    """Raise PachError for a name that could be parsed as an ancestry reference or a path."""
    if not _VALID.fullmatch(name):
        raise PachError(f"name ({name}) invalid: only alphanumeric characters, underscores, and dashes are allowed")


def validate_project_name(name: str | None) -> str:
    """Return a project name, which is limited as a part of a Kubernetes name. Raises PachError for an invalid one."""
    if name is None:
        raise PachError("nil project")
    if name == DEFAULT_PROJECT:
        return name
    if len(name) > PROJECT_NAME_LIMIT:
        excess = len(name) - PROJECT_NAME_LIMIT
        raise PachError(f'project name "{name}" is {excess} characters longer than the {PROJECT_NAME_LIMIT} max')
    validate_name(name)
    if not name[0].isalnum():
        raise PachError("project names must start with an alphanumeric character")
    return name


def parse_ancestry(text: str) -> tuple[str, int]:
    """Split a name into its base and the number of generations to go back; a negative one counts from the oldest."""
    start = next((i for i, char in enumerate(text) if char in _SEPARATORS), -1)
    if start < 0:
        return text, 0
    separator, rest = text[start], text[start + 1 :]
    if re.fullmatch(r"[+-]?\d+", rest):
        return text[:start], -int(rest) if separator == "." else int(rest)
    for char in rest:
        if char != separator:
            raise PachError(f'invalid ancestry syntax "{text}", cannot mix {separator} and {char} characters')
    count = len(text) - start
    return text[:start], -count if separator == "." else count
