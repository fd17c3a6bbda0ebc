"""Datums: how an input is divided into units of work, and how an already processed one is recognised."""

import hashlib
import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from localpach.messages import META, SPEC, key, pfs, pps, repo_of
from localpach.pfs import commits
from localpach.pfs.files import Files, Tree
from localpach.pfs.paths import compile_glob
from localpach.pps.specs import branch_of
from localpach.state import State

_LENGTH = struct.Struct(">q")
Opener = Callable[[pps.PFSInput], tuple[pfs.CommitInfo, Tree]]


@dataclass(frozen=True, slots=True)
class DatumInput:
    """A file or folder of an input. ``tree`` has the files of the commit, whose id is ``commit``."""

    source: pps.PFSInput
    path: str
    digest: str
    commit: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Datum:
    inputs: tuple[DatumInput, ...]

    @property
    def id(self) -> str:
        """Return the id of the datum, which depends on the location of its files, not on their contents."""
        state = hashlib.blake2b(digest_size=32)
        for each in self.inputs:
            for text in (each.source.name, each.source.repo, each.source.branch, each.path):
                data = text.encode()
                state.update(data + _LENGTH.pack(len(data)))
        return state.hexdigest()

    def hash(self, salt: str) -> str:
        """Return a hash of its id, its file contents and the pipeline's salt; a datum with a known hash is skipped."""
        state = hashlib.blake2b(self.id.encode(), digest_size=32)
        for each in self.inputs:
            state.update(bytes.fromhex(each.digest))
        state.update(salt.encode())
        return state.hexdigest()


def of_input(root: pps.Input | None, opener: Opener) -> list[Datum]:
    """List the datums of an input at a commit set, sorted by id."""
    found = () if root is None else _combinations(root, opener)
    return sorted((Datum(tuple(each)) for each in found), key=lambda datum: datum.id)


def find_base(
    state: State, files: Files, pipeline: pps.Pipeline, output: pfs.CommitInfo
) -> tuple[Tree, dict[str, str]] | None:
    """Return the output and the hashes of the datums of the newest earlier job whose results can be reused."""
    earlier = commits.parent(state, output)
    while earlier is not None:
        sources = commits.sources(state, earlier)
        if sources and all(source.commit.repo.type == SPEC for source in sources):
            return None  # of a version without input: it deleted the output of all jobs before
        uuid = earlier.commit.id
        hashes = state.datums.get(f"{key(pipeline)}@{uuid}")
        meta = state.commits.get(f"{key(repo_of(pipeline, META))}@{uuid}")
        if hashes and not earlier.error and meta is not None and not meta.error:
            return commits.tree(state, files, earlier), files.load(hashes)
        earlier = commits.parent(state, earlier)
    return None


def _combinations(node: pps.Input, opener: Opener) -> Iterator[Sequence[DatumInput]]:
    if node.HasField("pfs"):
        yield from ((each,) for each in _matched(node.pfs, opener))
    else:
        members = [list(_combinations(member, opener)) for member in node.cross]
        yield from (tuple(itertools.chain(*choice)) for choice in itertools.product(*members))


def _matched(source: pps.PFSInput, opener: Opener) -> Iterator[DatumInput]:
    info, tree = opener(source)
    for entry in tree.glob(compile_glob(source.glob)):
        yield DatumInput(source, entry.path, entry.digest, info.commit.id, tree)


def commit_of(source: pps.PFSInput, uuid: str) -> pfs.Commit:
    """Return the commit that a job reads."""
    return pfs.Commit(repo=branch_of(source).repo, id=uuid)
