"""Advice about the token for Pachyderm, from the text of an error. Pure.

The texts are Pachyderm's own, the same from 2.7 to 2.12. They count before gRPC's code: it is INTERNAL for an expired
token, as for a broken connection.
"""

import re

from scriptmodel_operator.engine.errors import AccessError

_NONE_GIVEN = "the server requires a token and the operator has none"
_CAUSES = {
    "no authentication token": _NONE_GIVEN,
    "no authentication metadata": _NONE_GIVEN,
    "token expiration is in the past": "the operator's token has expired",
    "auth token is corrupted or has expired": (
        "the server does not know the operator's token, which was revoked or has expired"
    ),
}
_NOT_AUTHORIZED = "not authorized to perform this operation"
_DENIED = re.compile(
    r"(?P<who>\S+) is not authorized to perform this operation - "
    r"needs permissions \[(?P<permissions>[^\]]*)\] on (?P<kind>\w+) (?P<name>[^\s.]+)"
)
_RENEWAL = (
    "make one with `pachctl auth get-robot-token scriptmodel` and put it into the Secret that the chart's "
    "pachd.secret.name names, or the file of --pachd-token-file"
)
_REPO_WRITER = frozenset(
    {"REPO_WRITE", "REPO_CREATE_BRANCH", "REPO_DELETE_BRANCH", "REPO_DELETE_COMMIT", "REPO_ADD_PIPELINE_WRITER"}
)
_REPO_OWNER = frozenset({"REPO_DELETE", "REPO_MODIFY_BINDINGS"})


def is_about_access(detail: str) -> bool:
    return bool(_cause(detail)) or _NOT_AUTHORIZED in detail


def access_error(what: str, detail: str, code: str = "") -> AccessError:
    """Return the error with advice; it is `denied` if the token is valid, and its user lacks a permission."""
    denied = not _cause(detail) and (code == "PERMISSION_DENIED" or _NOT_AUTHORIZED in detail)
    return AccessError(what, detail, code, _missing_role(detail) if denied else _advice(detail), denied=denied)


def _advice(detail: str) -> str:
    cause = _cause(detail)
    if "localpach needs" in detail:  # it names the file
        return cause
    return f"{cause}: {_RENEWAL}" if cause else f"the operator's token cannot be used: correct it, or {_RENEWAL}"


def _cause(detail: str) -> str:
    return next((cause for text, cause in _CAUSES.items() if text in detail), "")


def _missing_role(detail: str) -> str:
    found = _DENIED.search(detail)
    if found is None:
        return "the operator's token lacks a permission: grant its user the role"
    who, kind, name = found["who"], found["kind"], found["name"]
    role = _role(kind, set(found["permissions"].split()))
    if not role:
        return f"the user {who} of the operator's token lacks {found['permissions']} on {kind} {name}"
    if kind == "PROJECT":
        return f"{who} needs the role {role} in project {name}: `pachctl auth set project {name} {role} {who}`"
    project, _, repo = name.rpartition("/")
    where = f" --project {project}" if project else ""
    return f"{who} needs the role {role} on repo {name}: `pachctl auth set repo {repo} {role} {who}{where}`"


def _role(kind: str, permissions: set[str]) -> str:
    if kind == "PROJECT":
        return "projectWriter"
    if kind != "REPO":
        return ""
    if permissions & _REPO_OWNER:
        return "repoOwner"
    return "repoWriter" if permissions & _REPO_WRITER else "repoReader"
