"""The fake of the unit tests answers as the gateway on localpach does: the same steps, the same typed results."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import (
    BranchRef,
    Copies,
    JobInfo,
    JobState,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    PipelineState,
    RepoRef,
)
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.contract.serving import serving
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.pipeline_specs import changed

PLAYS = BranchRef(RepoRef("default", "plays"), "master")
COPIES = BranchRef(RepoRef("default", "copies"), "master")
TRAIN, GENERATE = PipelineRef("default", "train"), PipelineRef("default", "generate")
MASTER = BranchRef(TRAIN.output, "master")
TRAINING = "if [ -e /pfs/corpus/wait ]; then sleep 600; fi; echo model > /pfs/out/model.json"
QUICK = "echo model > /pfs/out/model.json"
SECONDS = 60.0
CHOSEN = ("started", "size_bytes", "hash")
"""Fields that a test chooses: a fake has no worker. So are the numbers of data, but for whether a job is good."""
ACTIVE = (PipelineState.STARTING, PipelineState.RUNNING, PipelineState.STANDBY)


def spec(ref: PipelineRef, name: str, branch: BranchRef, script: str, **changes: Any) -> PipelineSpec:
    command = ("/bin/sh", "-c", script)
    return changed(PipelineSpec(ref, "shell:1", command, PipelineInput(name, branch, "/")), **changes)


TRAINS = spec(TRAIN, "corpus", PLAYS, TRAINING, annotations={"a": "b"}, labels=(("c", "d"),))
GENERATES = spec(GENERATE, "model", MASTER, "cp /pfs/model/model.json /pfs/out/new_script.txt")


@dataclass
class Results:
    """What the steps returned, without what differs from run to run."""

    found: list[tuple[str, object]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def note(self, step: str, call: Callable[[], object]) -> None:
        try:
            value = self.plain(call())
        except EngineError as error:
            value = (type(error).__name__, error.code)
        self.found.append((step, value))

    def plain(self, value: Any) -> object:  # noqa: PLR0911 - one for each type
        """Number the ids in the order in which they appear; of times only their presence counts."""
        if isinstance(value, datetime):
            return "time"
        if isinstance(value, JobState):
            return value if value.final else "not final"
        if isinstance(value, PipelineState):
            return "active" if value in ACTIVE else value
        if is_dataclass(value):
            good = {"good": value.good} if isinstance(value, JobInfo) else {}
            return {each.name: self.plain(getattr(value, each.name)) for each in fields(value) if _counts(each)} | good
        if isinstance(value, Mapping):
            return {key: self.plain(each) for key, each in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, str):
            return re.sub("[0-9a-f]{32}", lambda found: self.ids.setdefault(found[0], f"id{len(self.ids)}"), value)
        return value


def _counts(found: Field[Any]) -> bool:
    return found.name not in CHOSEN and not found.name.startswith("data_")


def steps(gateway: Gateway, settle: Callable[[], None]) -> Iterator[tuple[str, Callable[[], object]]]:
    """The calls of an object's life, good ones and refused ones; `settle` lets all jobs end."""

    def observed() -> Iterator[tuple[str, Callable[[], object]]]:
        yield "repos", lambda: sorted(gateway.list_repos(["default"]), key=lambda info: info.ref)
        yield "pipelines", lambda: sorted(gateway.list_pipelines(["default"]), key=lambda info: info.ref)
        for ref in (TRAIN, GENERATE):
            yield f"jobs of {ref.name}", lambda ref=ref: gateway.list_pipeline_jobs(ref, 10)
            yield f"head of {ref.name}", lambda ref=ref: gateway.branch_head(BranchRef(ref.output, "master"))

    def put(files: dict[str, bytes], gone: Sequence[str] = ()) -> None:
        gateway.replace_files(PLAYS, [(path, [content]) for path, content in files.items()], gone, SECONDS)

    def head() -> str:
        found = gateway.branch_head(PLAYS)
        return found.id if found else ""

    yield "projects", gateway.list_projects
    yield "kind of engine", lambda: gateway.engine().partition("/")[0]
    yield "time", gateway.server_time
    yield "version", lambda: str(gateway.server_version())
    yield "head without a repo", lambda: gateway.branch_head(PLAYS)
    yield "jobs without a pipeline", lambda: gateway.list_pipeline_jobs(TRAIN, 10)
    yield "versions without a pipeline", lambda: gateway.list_pipeline_versions(TRAIN)
    yield "create a repo", lambda: gateway.create_repo(PLAYS.repo, "ours")
    yield "create it again", lambda: gateway.create_repo(PLAYS.repo, "ours")
    yield "describe it", lambda: gateway.create_repo(PLAYS.repo, "still ours", update=True)
    yield "head without a branch", lambda: gateway.branch_head(PLAYS)
    yield "put files", lambda: put({"/a/b.txt": b"one", "/c.txt": b"two"})
    yield "their commit", lambda: gateway.branch_head(PLAYS)
    yield "the files", lambda: gateway.walk_files(PLAYS.repo, head())
    yield "a file", lambda: gateway.read_file(PLAYS.repo, head(), "/c.txt", 100)
    yield "the start of a file", lambda: gateway.read_file(PLAYS.repo, head(), "/c.txt", 2)
    yield "its size", lambda: gateway.file_size(PLAYS.repo, head(), "/c.txt")
    yield "no file", lambda: gateway.read_file(PLAYS.repo, head(), "/d.txt", 100)
    yield "no commit", lambda: gateway.inspect_commit(PLAYS.repo, "f" * 32)
    yield "replace files", lambda: put({"/c.txt": b"three"}, ["/a/b.txt"])
    yield "the files then", lambda: gateway.walk_files(PLAYS.repo, head())
    yield "a repo for copies", lambda: gateway.create_repo(COPIES.repo, "")
    yield from _copied(gateway, head)
    yield "delete it", lambda: gateway.delete_repo(COPIES.repo)
    yield "generate without its input", lambda: gateway.apply_pipelines([PipelineApply(GENERATES)])
    yield "create", lambda: gateway.apply_pipelines([PipelineApply(TRAINS), PipelineApply(GENERATES)])
    settle()
    yield from observed()
    yield "create again", lambda: gateway.apply_pipelines([PipelineApply(TRAINS)])
    update = PipelineApply(changed(GENERATES, tries=2), update=True, reprocess=True)
    yield "update", lambda: gateway.apply_pipelines([update])
    settle()
    yield from observed()
    yield "versions", lambda: gateway.list_pipeline_versions(GENERATE)
    yield "stop", lambda: gateway.stop_pipeline(GENERATE)
    yield from observed()
    yield "start", lambda: gateway.start_pipeline(GENERATE)
    settle()
    yield from observed()
    yield "a corpus that is slow to learn", lambda: put({"/wait": b""})
    yield "stop its job", lambda: gateway.stop_job(gateway.list_pipeline_jobs(TRAIN, 1)[0].ref, "too slow")
    settle()
    yield from observed()
    yield "another", lambda: put({"/c.txt": b"four"})
    faster = PipelineApply(replace(TRAINS, command=("/bin/sh", "-c", QUICK)), update=True, reprocess=True)
    yield "update while its job runs", lambda: gateway.apply_pipelines([faster])
    settle()
    yield from observed()
    yield "delete a repo that is read", lambda: gateway.delete_repo(PLAYS.repo)
    yield "delete train, which is read", lambda: gateway.delete_pipeline(TRAIN, keep_repo=False)
    yield from observed()
    yield "delete generate", lambda: gateway.delete_pipeline(GENERATE, keep_repo=False)
    yield "delete train", lambda: gateway.delete_pipeline(TRAIN, keep_repo=True)
    yield from observed()
    for ref in (TRAIN.output, PLAYS.repo, PLAYS.repo):
        yield f"delete repo {ref.name}", lambda ref=ref: gateway.delete_repo(ref)
    yield "delete no pipeline", lambda: gateway.delete_pipeline(TRAIN, keep_repo=False)
    yield from observed()


def _copied(gateway: Gateway, head: Callable[[], str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Copies, new files and deletions in one commit, and reading many files at once."""

    def copy(gone: Sequence[str], files: Mapping[str, bytes]) -> None:
        contents = [(path, [content]) for path, content in files.items()]
        gateway.replace_files(COPIES, contents, gone, SECONDS, Copies(PLAYS.repo, head(), ["/c.txt"]))

    def found(glob: str, limit: int = 100) -> object:
        return gateway.read_files(COPIES.repo, _newest(gateway), glob, limit)

    yield "copy and add", lambda: copy([], {"/1/t.json": b"{}", "/2/t.json": b"{}", "/2/state": b"old", "/0": b""})
    yield "its only commit", lambda: gateway.branch_head(COPIES)
    yield "copy, add and delete", lambda: copy(["/1/t.json", "/2/state"], {"/2/t.json": b'{"new": 1}'})
    yield "all copies", lambda: gateway.walk_files(COPIES.repo, _newest(gateway))
    yield "one file of each folder", lambda: found("/*/t.json")
    yield "the start of each file", lambda: found("/c*", limit=2)
    yield "an empty file", lambda: found("/0")
    yield "no such file", lambda: found("/*/never")


def _newest(gateway: Gateway) -> str:
    found = gateway.branch_head(COPIES)
    return found.id if found else ""


def on_the_fake() -> list[tuple[str, object]]:
    fake, results = FakePachyderm(), Results()

    def settle() -> None:
        for ref in (TRAIN, GENERATE):
            while any(not job.state.final for job in fake.jobs.values() if job.ref.pipeline == ref):
                fake.succeed(ref)

    for step, call in steps(fake, settle):
        results.note(step, call)
    return results.found


def on_localpach(root: Path) -> list[tuple[str, object]]:
    results = Results()
    (root.parent / "bin").mkdir()  # the shell is the system's
    with (
        serving(root, "--settle=0", f"--image=shell:1={root.parent}") as server,
        closing(PachydermGateway(PachdAddress(server.address), UNLIMITED)) as gateway,
    ):

        def settle() -> None:
            deadline = time.monotonic() + SECONDS
            while not all(job.state.final for job in gateway.list_jobs("default", 100)):
                assert time.monotonic() < deadline, gateway.list_jobs("default", 100)
                time.sleep(0.1)

        for step, call in steps(gateway, settle):
            results.note(step, call)
    return results.found


def test_the_fake_answers_as_the_gateway_does(tmp_path: Path) -> None:
    assert on_the_fake() == on_localpach(tmp_path / "root")
