"""Names the copies of the models that training starts from. Pure.

Each copy is a branch of its own in the repo that the object owns. So a copy starts no job by itself: the train pipeline
is updated to read it. The name of a branch has the commit that was copied and a hash of where that came from.
"""

import hashlib

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.digest import digest, specified
from scriptmodel_operator.engine.values import BranchRef, RepoRef

_HASH_DIGITS = 8


def base_origin(model: ScriptModel) -> str:
    """Return the canonical string that identifies what training starts from; empty for random weights.

    A warm start is from a model of the same network only, so another network is another origin.
    """
    base = model.spec.model.start
    if base is None:
        return f"warm {digest(specified(model.spec.model))}" if model.spec.training.warm_start else ""
    if base.repo is not None:
        return origin_of_branch(BranchRef(RepoRef(base.repo.project, base.repo.name), base.repo.branch))
    return origin_of_object(base.script_model or "")


def origin_of_branch(branch: BranchRef) -> str:
    return f"repo {branch.repo.project}/{branch.repo.name}@{branch.name}"


def origin_of_object(name: str) -> str:
    return f"scriptModel {name}"


def copy_name(origin: str, commit: str) -> str:
    return f"{commit}-{_hash(origin)}"


def copied_commit(branch: str) -> str:
    return branch.rpartition("-")[0]


def is_copy_of(branch: str, origin: str) -> bool:
    return bool(origin) and branch.endswith(f"-{_hash(origin)}")


def _hash(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()[:_HASH_DIGITS]
