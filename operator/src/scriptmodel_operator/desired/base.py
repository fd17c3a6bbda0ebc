"""Names the copies of the models that training starts from. Pure.

Each copy is a branch of its own in the repo that the object owns. So a copy starts no job by itself: the train pipeline
is updated to read it. The name of a branch has the commit that was copied and a hash of where that came from.
"""

import hashlib

from scriptmodel_operator.api.network import Base

_HASH_DIGITS = 8


def base_origin(base: Base) -> str:
    """Return the canonical string that identifies what training starts from."""
    if base.repo is not None:
        return f"repo {base.repo.project}/{base.repo.name}@{base.repo.branch}"
    return f"scriptModel {base.script_model}"


def copy_name(origin: str, commit: str) -> str:
    return f"{commit}-{_hash(origin)}"


def copied_commit(branch: str) -> str:
    return branch.rpartition("-")[0]


def is_copy_of(branch: str, origin: str) -> bool:
    return bool(origin) and branch.endswith(f"-{_hash(origin)}")


def _hash(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()[:_HASH_DIGITS]
