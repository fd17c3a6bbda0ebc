"""Datums: how an input is divided into units of work, and how an already processed one is recognised."""

import hashlib
import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from localpach.messages import commit_message, pfs, pps, timestamp
from localpach.pfs.commits import Commit
from localpach.pfs.globs import compile_glob
from localpach.pfs.listing import Entry, Tree
from localpach.pps.states import DatumState
from localpach.refs import CommitRef, JobRef, RepoRef
from localpach.store.database import Txn

_LENGTH = struct.Struct(">q")
Opener = Callable[[CommitRef], tuple[Commit, Tree]]


@dataclass(frozen=True, slots=True)
class DatumInput:
    name: str
    branch: str
    info: bytes
    repo: str
    path: str
    hash: bytes
    commit: str
    empty_files: bool = False


@dataclass(frozen=True, slots=True)
class Datum:
    inputs: tuple[DatumInput, ...]

    @property
    def id(self) -> str:
        """Return the id of the datum, which depends on the location of its files, not on their contents."""
        state = hashlib.blake2b(digest_size=32)
        for each in self.inputs:
            for text in (each.name, each.repo, each.branch, each.path):
                data = text.encode()
                state.update(data + _LENGTH.pack(len(data)))
        return state.hexdigest()

    def hash(self, salt: str) -> str:
        """Return a hash of its id, its file contents and the pipeline's salt; a datum with a known hash is skipped."""
        state = hashlib.blake2b(self.id.encode(), digest_size=32)
        for each in self.inputs:
            state.update(each.hash)
        state.update(salt.encode())
        return state.hexdigest()


@dataclass(frozen=True, slots=True)
class DatumRecord:
    """The result of a datum. ``job`` is the id of the job that processed it, ``inputs`` are serialized FileInfos."""

    id: str
    hash: str
    job: str
    state: DatumState
    reason: str
    stats: bytes
    inputs: tuple[bytes, ...]


def of_input(root: pps.Input | None, uuid: str, opener: Opener) -> list[Datum]:
    """List the datums of an input at a commit set, sorted by id."""
    if root is None:
        return []
    return sorted((Datum(tuple(inputs)) for inputs in _combinations(root, uuid, opener)), key=lambda datum: datum.id)


def save(txn: Txn, commit: Commit, record: DatumRecord) -> None:
    packed = b"".join(struct.pack(">I", len(each)) + each for each in record.inputs)
    txn.db.execute(
        "INSERT OR REPLACE INTO datums VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (commit.id, record.id, record.hash, record.job, record.state, record.reason, record.stats, packed),
    )


def of_commit(txn: Txn, commit: Commit) -> list[DatumRecord]:
    """Return the results that are stored with a meta commit, sorted by id."""
    found = txn.rows(
        "SELECT datum, hash, job, state, reason, stats, inputs FROM datums WHERE commit_id = ? ORDER BY datum",
        commit.id,
    )
    return [
        DatumRecord(name, digest, job, DatumState(state), reason, stats, tuple(_unpack(packed)))
        for name, digest, job, state, reason, stats, packed in found
    ]


def message(record: DatumRecord, job: JobRef) -> pps.DatumInfo:
    info = pps.DatumInfo(state=int(record.state))
    info.datum.id = record.id
    info.datum.job.pipeline.name = job.pipeline.name
    info.datum.job.pipeline.project.name = job.pipeline.project
    info.datum.job.id = record.job
    info.stats.ParseFromString(record.stats)
    for each in record.inputs:
        info.data.add().ParseFromString(each)
    if record.job != job.id:
        info.state = int(DatumState.SKIPPED)
    return info


def file_info(commit: Commit | None, ref: CommitRef, entry: Entry) -> pfs.FileInfo:
    if commit is None:
        where = pfs.Commit(repo=pfs.Repo(name=ref.repo.name, type=ref.repo.type), id=ref.id)
    else:
        where = commit_message(commit.repo, commit.uuid, commit.branch)
    info = pfs.FileInfo(
        file=pfs.File(commit=where, path=entry.path, datum=entry.datum),
        file_type=pfs.FileType.DIR if entry.is_dir else pfs.FileType.FILE,
        size_bytes=entry.size,
        hash=entry.hash,
    )
    if commit is not None and commit.finishing is not None:
        info.committed.CopyFrom(timestamp(commit.finishing))
    return info


def _combinations(node: pps.Input, uuid: str, opener: Opener) -> Iterator[Sequence[DatumInput]]:
    if node.HasField("pfs"):
        yield from ((each,) for each in _files(node.pfs, uuid, opener))
    else:
        members = [list(_combinations(member, uuid, opener)) for member in node.cross]
        yield from (tuple(itertools.chain(*choice)) for choice in itertools.product(*members))


def _files(source: pps.PFSInput, uuid: str, opener: Opener) -> Iterator[DatumInput]:
    repo = RepoRef(source.project, source.repo, source.repo_type)
    ref = CommitRef(repo, uuid)
    commit, tree = opener(ref)
    for entry in tree.glob(compile_glob(source.glob)):
        yield DatumInput(
            name=source.name,
            branch=source.branch,
            info=file_info(commit, ref, entry).SerializeToString(),
            repo=source.repo,
            path=entry.path,
            hash=entry.hash,
            commit=commit.uuid,
            empty_files=source.empty_files,
        )


def _unpack(packed: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(packed):
        (length,) = struct.unpack_from(">I", packed, start)
        yield packed[start + 4 : start + 4 + length]
        start += 4 + length
