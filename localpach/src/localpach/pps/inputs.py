"""Pipeline inputs: a tree of repos combined by cross, union, join and group."""

from __future__ import annotations

from collections.abc import Iterator

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pps
from localpach.pfs.paths import clean
from localpach.refs import USER, BranchRef, RepoRef

COMBINED = ("cross", "union", "join", "group")
RESERVED_NAMES = ("out", ".env", ".", "..")


def visit(node: pps.Input | None) -> Iterator[pps.Input]:
    """Yield every node of an input, children before their parent."""
    if node is None:
        return
    for kind in COMBINED:
        members = getattr(node, kind)
        if members:
            for member in members:
                yield from visit(member)
            break
    yield node


def name_of(node: pps.Input) -> str:
    """Return the name by which an input is sorted."""
    if node.HasField("pfs"):
        return str(node.pfs.name)
    for kind in COMBINED:
        members = getattr(node, kind)
        if members:
            return name_of(members[0])
    return str(node.cron.name)


def set_defaults(pipeline: str, root: pps.Input | None) -> None:
    """Set the defaults of an input in place."""
    for node in visit(root):
        for kind in COMBINED:
            members = getattr(node, kind)
            if members:
                ordered = sorted(members, key=name_of)
                copies = [pps.Input.FromString(member.SerializeToString()) for member in ordered]
                del members[:]
                members.extend(copies)
    triggered: dict[str, int] = {}
    for node in visit(root):
        if not node.HasField("pfs"):
            continue
        source = node.pfs
        if not source.branch and source.HasField("trigger"):
            triggered[source.repo] = triggered.get(source.repo, 0) + 1
            source.branch = f"{pipeline}-trigger-{triggered[source.repo]}"
            source.trigger.branch = source.trigger.branch or "master"
        source.branch = source.branch or "master"
        source.name = source.name or source.repo
        source.repo_type = source.repo_type or USER
        if source.glob:
            source.glob = clean(source.glob)


def validate(project: str, root: pps.Input | None) -> None:
    """Raise PachError for an invalid input, and set missing projects."""
    if root is None:
        return
    _validate_names(root, set())
    for node in visit(root):
        _validate_node(project, node)


def branches_of(project: str, root: pps.Input | None) -> list[BranchRef]:
    """Return the branches that an input reads."""
    return [
        BranchRef(RepoRef(node.pfs.project or project, node.pfs.repo, USER), node.pfs.branch)
        for node in visit(root)
        if node.HasField("pfs")
    ]


def _validate_names(node: pps.Input, names: set[str]) -> None:
    if node.HasField("pfs"):
        _take_name(node.pfs.name, names)
    elif node.HasField("cron"):
        _take_name(node.cron.name, names)
    elif node.union:
        taken: set[str] = set()
        for member in node.union:
            own = set(names)
            _validate_names(member, own)
            taken |= own
        names |= taken
    else:
        for kind in ("cross", "join", "group"):
            for member in getattr(node, kind):
                _validate_names(member, names)


def _take_name(name: str, names: set[str]) -> None:
    if not name:
        raise PachError("input must specify a name")
    if name in RESERVED_NAMES or "/" in name or "\0" in name:  # the name of a folder in /pfs
        raise PachError(f"input cannot be named {name}")
    if name in names:
        raise PachError(f'name "{name}" was used more than once')
    names.add(name)


def _validate_node(project: str, node: pps.Input) -> None:
    kinds = [kind for kind in COMBINED if getattr(node, kind)]
    if node.HasField("pfs"):
        _validate_pfs(project, node.pfs)
        kinds.append("pfs")
    if node.HasField("cron"):
        raise UnimplementedError("localpach does not support cron inputs: commit to a repo on a schedule instead")
    if len(kinds) > 1:
        raise PachError("multiple input types set")
    if not kinds:
        raise PachError("no input set")


def _validate_pfs(project: str, source: pps.PFSInput) -> None:
    source.project = source.project or project
    if not source.repo:
        raise PachError("input must specify a repo")
    if source.s3:
        raise UnimplementedError("localpach does not support S3 inputs: remove s3 and read files")
    if not source.glob:
        raise PachError("input must specify a glob")
    if source.commit:
        raise PachError("input cannot come from a commit; use a branch with head pointing to the commit")
