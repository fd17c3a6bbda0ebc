"""Pipeline inputs: a repo, or a cross of inputs."""

from collections.abc import Iterator
from contextlib import suppress

from localpach.errors import InvalidGlobError, PachError, UnimplementedError
from localpach.messages import pps
from localpach.pfs.globs import compile_glob
from localpach.pfs.paths import clean
from localpach.refs import USER, BranchRef, RepoRef

UNSUPPORTED = ("union", "join", "group")
UNSUPPORTED_FIELDS = ("s3", "trigger", "join_on", "group_by", "outer_join")
RESERVED_NAMES = ("out", ".env", ".", "..")


def visit(node: pps.Input | None) -> Iterator[pps.Input]:
    """Yield every node of an input, children before their parent."""
    if node is None:
        return
    for member in node.cross:
        yield from visit(member)
    yield node


def name_of(node: pps.Input) -> str:
    """Return the name by which an input is sorted."""
    return name_of(node.cross[0]) if node.cross else str(node.pfs.name)


def set_defaults(root: pps.Input | None) -> None:
    for node in visit(root):
        node.cross.sort(key=name_of)
    for node in visit(root):
        if not node.HasField("pfs"):
            continue
        source = node.pfs
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
    return [
        BranchRef(RepoRef(node.pfs.project or project, node.pfs.repo, USER), node.pfs.branch)
        for node in visit(root)
        if node.HasField("pfs")
    ]


def _validate_names(node: pps.Input, names: set[str]) -> None:
    if node.HasField("pfs"):
        _take_name(node.pfs.name, names)
    for member in node.cross:
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
    if node.HasField("pfs"):
        _validate_pfs(project, node.pfs)
    if node.HasField("cron"):
        raise UnimplementedError("localpach does not support cron inputs: commit to a repo on a schedule instead")
    for kind in UNSUPPORTED:
        if getattr(node, kind):
            raise UnimplementedError(f"localpach does not support {kind} inputs: use a repo or cross")
    if node.HasField("pfs") and node.cross:
        raise PachError("multiple input types set")
    if not node.HasField("pfs") and not node.cross:
        raise PachError("no input set")


def _validate_pfs(project: str, source: pps.PFSInput) -> None:
    source.project = source.project or project
    if not source.repo:
        raise PachError("input must specify a repo")
    for field, _ in source.ListFields():
        if field.name in UNSUPPORTED_FIELDS:
            raise UnimplementedError(f"localpach does not support {field.name} of an input: remove it")
    if not source.glob:
        raise PachError("input must specify a glob")
    with suppress(InvalidGlobError):  # whose job waits until it is stopped, as on the real server
        compile_glob(source.glob)
    if source.commit:
        raise PachError("input cannot come from a commit; use a branch with head pointing to the commit")
