"""Branch triggers: a branch follows another once that has grown enough or has enough new commits."""

from __future__ import annotations

import re

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pfs
from localpach.names import validate_name
from localpach.pfs import branches, commits
from localpach.pfs.branches import Branch
from localpach.pfs.commits import Commit
from localpach.refs import BranchRef
from localpach.store.database import Txn

CRON_FIELDS = 5
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP]?)[iI]?[bB]?")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}


def validate(txn: Txn, ref: BranchRef, trigger: pfs.Trigger) -> None:
    """Raise PachError for a trigger that cannot fire, or that would fire itself."""
    if not trigger.branch:
        raise PachError("triggers must specify a branch to trigger on")
    validate_name(trigger.branch)
    _validate_times(trigger.rate_limit_spec, "rate limit")
    if trigger.size and not _SIZE.fullmatch(trigger.size):
        raise PachError(f"invalid trigger size: invalid size: '{trigger.size}'")
    if trigger.commits < 0:
        raise PachError("can't trigger on a negative number of commits")
    _validate_times(trigger.cron_spec, "cron")
    for field in ("cron_spec", "rate_limit_spec"):
        if getattr(trigger, field):
            raise UnimplementedError(f"localpach does not support time triggers ({field}): use size or commits")
    followed = {each.ref.name: _trigger(each) for each in branches.in_repo(txn, ref.repo)}
    name: str | None = trigger.branch
    while name is not None:
        if name == ref.name:
            raise PachError("triggers cannot form a loop")
        above = followed.get(name)
        name = above.branch if above is not None else None


def fire(txn: Txn, commit: Commit) -> None:
    """Move the branches whose trigger condition a finished commit meets."""
    if commit.error:
        return
    moved = {commit.branch: commit}
    waiting = [each for each in branches.in_repo(txn, commit.repo) if each.trigger is not None]
    progress = True
    while progress:
        progress = False
        for branch in waiting:
            trigger = _trigger(branch)
            if trigger is None or branch.ref.name in moved or trigger.branch not in moved:
                continue
            head = moved[trigger.branch]
            if _is_due(txn, trigger, commits.get(txn, branch.head), head):
                branches.set_head(txn, branch, head)
                txn.moved_branches[branch.id] = None
                moved[branch.ref.name] = head
                progress = True


def _validate_times(spec: str, kind: str) -> None:
    count = len(spec.split())
    if spec and not spec.startswith(("@", "TZ=")) and count != CRON_FIELDS:
        raise PachError(f"invalid trigger {kind} spec: Expected exactly {CRON_FIELDS} fields, found {count}: {spec}")


def _trigger(branch: Branch) -> pfs.Trigger | None:
    return None if branch.trigger is None else pfs.Trigger.FromString(branch.trigger)


def _is_due(txn: Txn, trigger: pfs.Trigger, old: Commit, new: Commit) -> bool:
    found = []
    if trigger.size:
        found.append((new.size or 0) - (old.size or 0) >= _bytes(trigger.size))
    if trigger.commits:
        found.append(_commits_between(txn, old, new, trigger.commits) == trigger.commits)
    return all(found) if trigger.all else any(found)


def _commits_between(txn: Txn, old: Commit, new: Commit, enough: int) -> int:
    count, current = 1, new
    while count < enough and current.parent is not None and current.parent != old.id:
        current = commits.get(txn, current.parent)
        count += 1
    return count


def _bytes(text: str) -> float:
    match = _SIZE.fullmatch(text)
    return float(match[1]) * _FACTORS[match[2].lower()] if match else 0.0
