"""What the operator relies on of an engine, for each adapter of the port that is in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.desired.command_lines import generate_command
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError
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
    RepoRef,
)
from scriptmodel_operator.observe.snapshot import Snapshot, take_snapshot
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.job_worlds import JobWorld

PLAYS = BranchRef(RepoRef("default", "plays"), "master")
COPIES = BranchRef(RepoRef("default", "copies"), "a-copy")
TRAIN, GENERATE = PipelineRef("default", "thrones-train"), PipelineRef("default", "thrones-generate")
MODEL = BranchRef(TRAIN.output, "master")
TRAINS = PipelineSpec(
    TRAIN, "trainer:1", ("scriptmodel-trainer", "train"), PipelineInput("corpus", PLAYS, "/"), annotations={"a": "1"}
)
GENERATES = PipelineSpec(GENERATE, "trainer:1", generate_command(Generation()), PipelineInput("model", MODEL, "/"))


@dataclass
class Engine:
    gateway: Gateway
    end_jobs: Callable[[], object]
    """Lets what computes run until nothing is left."""

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.gateway.settle(["default"]), ["default"])

    def put(self, files: Mapping[str, bytes], gone: Sequence[str] = (), branch: BranchRef = PLAYS) -> None:
        self.gateway.replace_files(branch, [(path, [content]) for path, content in files.items()], gone, 30)

    def head(self, branch: BranchRef) -> str:
        found = self.gateway.branch_head(branch)
        assert found
        return found.id

    def files(self, branch: BranchRef) -> dict[str, bytes]:
        head = self.head(branch)
        return {
            path: self.gateway.read_file(branch.repo, head, path, 100)
            for path in self.gateway.walk_files(branch.repo, head)
        }

    def apply(self, *specs: PipelineSpec, update: bool = False, reprocess: bool = False) -> None:
        self.gateway.apply_pipelines([PipelineApply(spec, update, reprocess) for spec in specs])

    def jobs(self, ref: PipelineRef) -> list[JobInfo]:
        self.snapshot()
        return list(self.gateway.list_pipeline_jobs(ref, 50))


def pachyderm() -> Engine:
    fake = FakePachyderm()

    def end_jobs() -> None:
        for ref in (TRAIN, GENERATE):
            while any(not job.state.final for job in fake.jobs.values() if job.ref.pipeline == ref):
                fake.succeed(ref)

    return Engine(fake, end_jobs)


def jobs() -> Engine:
    world = JobWorld()
    gateway = world.gateway()

    def end_jobs() -> None:
        for _ in range(4):
            gateway.settle(["default"])
            world.run()

    return Engine(gateway, end_jobs)


@pytest.fixture(params=[pachyderm, jobs], ids=["Pachyderm", "Jobs"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


@pytest.fixture
def trained(engine: Engine) -> Engine:
    engine.gateway.create_repo(PLAYS.repo, "ours")
    engine.put({"/a.txt": b"HAMLET: To be."})
    engine.apply(TRAINS, GENERATES)
    engine.end_jobs()
    return engine


def test_what_does_not_exist_is_empty_or_not_found(engine: Engine) -> None:
    gateway = engine.gateway
    assert not gateway.list_pipeline_jobs(TRAIN, 10)
    assert not gateway.list_pipeline_versions(TRAIN)
    with pytest.raises(NotFoundError):
        gateway.branch_head(PLAYS)
    gateway.create_repo(PLAYS.repo, "")
    for read in (
        lambda: gateway.branch_head(PLAYS),
        lambda: gateway.inspect_commit(PLAYS.repo, "f" * 32),
        lambda: gateway.read_file(PLAYS.repo, "f" * 32, "/a", 1),
    ):
        with pytest.raises(NotFoundError):
            read()


def test_a_repo_is_created_once_and_described_again(engine: Engine) -> None:
    engine.gateway.create_repo(PLAYS.repo, "ours")
    with pytest.raises(EngineError) as refused:
        engine.gateway.create_repo(PLAYS.repo, "theirs")
    assert refused.value.code == "ALREADY_EXISTS"
    engine.gateway.create_repo(PLAYS.repo, "still ours", update=True)
    found = engine.snapshot().repos[PLAYS.repo]
    assert (found.description, found.branches, found.size_bytes) == ("still ours", (), 0)


def test_a_version_keeps_files_drops_those_gone_and_has_new_and_copied_ones(engine: Engine) -> None:
    gateway = engine.gateway
    for repo in (PLAYS.repo, COPIES.repo):
        gateway.create_repo(repo, "")
    engine.put({"/a/b.txt": b"one", "/c.txt": b"two"})
    first = engine.head(PLAYS)
    engine.put({"/c.txt": b"three", "/empty": b""}, ["/a/b.txt"])
    assert engine.files(PLAYS) == {"/c.txt": b"three", "/empty": b""}
    assert gateway.read_file(PLAYS.repo, first, "/c.txt", 2) == b"tw"
    assert gateway.file_size(PLAYS.repo, first, "/c.txt") == 3
    assert gateway.read_files(PLAYS.repo, first, "/*/b.txt", 2) == {"/a/b.txt": b"on"}
    with pytest.raises(NotFoundError):
        gateway.read_file(PLAYS.repo, first, "/empty", 1)
    gateway.replace_files(COPIES, [("/new", [b"4"])], [], 30, Copies(PLAYS.repo, first, ["/c.txt"]))
    assert engine.files(COPIES) == {"/c.txt": b"two", "/new": b"4"}
    found = gateway.inspect_commit(COPIES.repo, engine.head(COPIES))
    assert (found.finished, found.size_bytes, found.error) == (True, 4, "")
    assert engine.snapshot().repos[PLAYS.repo].size_bytes == 5


def test_a_pipeline_needs_its_input_and_is_created_once(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        engine.apply(GENERATES)
    engine.gateway.create_repo(PLAYS.repo, "")
    engine.put({"/a.txt": b"a"})
    engine.apply(TRAINS, GENERATES)
    with pytest.raises(EngineError) as refused:
        engine.apply(replace(TRAINS, image="trainer:2"))
    assert refused.value.code == "ALREADY_EXISTS"
    found = engine.snapshot()
    assert found.pipelines[TRAIN].spec == TRAINS
    assert (found.pipelines[TRAIN].version, found.pipelines[TRAIN].stopped) == (1, False)
    assert found.readers(PLAYS.repo) == {TRAIN: ""}
    assert found.repos[TRAIN.output].branches == ("master",)


def test_a_result_is_the_commit_of_its_job_and_names_what_it_was_made_from(trained: Engine) -> None:
    (model,), (script,) = trained.jobs(TRAIN), trained.jobs(GENERATE)
    assert model.good
    assert script.good
    assert trained.gateway.inspect_commit(TRAIN.output, model.ref.id).provenance == ((PLAYS.repo, trained.head(PLAYS)),)
    found = trained.gateway.inspect_commit(GENERATE.output, script.ref.id)
    assert (found.provenance, found.finished, found.error) == (((TRAIN.output, model.ref.id),), True, "")
    assert trained.head(MODEL) == model.ref.id
    assert trained.gateway.read_file(GENERATE.output, script.ref.id, "/new_script.txt", 5) == b"[ JON"


def test_a_new_version_of_an_input_makes_new_results_down_to_the_last_pipeline(trained: Engine) -> None:
    trained.put({"/b.txt": b"OPHELIA: My lord."})
    trained.end_jobs()
    assert [len(trained.jobs(ref)) for ref in (TRAIN, GENERATE)] == [2, 2]
    newest = trained.jobs(GENERATE)[0]
    read = trained.gateway.inspect_commit(GENERATE.output, newest.ref.id).provenance
    assert read == ((TRAIN.output, trained.jobs(TRAIN)[0].ref.id),)


def test_an_update_is_a_new_version_with_a_job_and_the_marks_of_all_are_known(trained: Engine) -> None:
    changed = replace(TRAINS, image="trainer:2", annotations={"a": "2"})
    trained.apply(changed, update=True, reprocess=True)
    trained.end_jobs()
    versions = trained.gateway.list_pipeline_versions(TRAIN)
    assert [(each.version, each.spec.annotations) for each in versions] == [(2, {"a": "2"}), (1, {"a": "1"})]
    assert [(job.version, job.good) for job in trained.jobs(TRAIN)] == [(2, True), (1, True)]
    assert trained.snapshot().pipelines[TRAIN].spec == changed


def test_an_update_and_a_stop_kill_the_job_and_a_start_makes_another(trained: Engine) -> None:
    trained.put({"/b.txt": b"b"})
    assert not trained.jobs(TRAIN)[0].state.final
    trained.apply(replace(TRAINS, image="trainer:2"), update=True)
    assert [job.state for job in trained.jobs(TRAIN)][1] is JobState.KILLED
    trained.gateway.stop_pipeline(TRAIN)
    assert trained.snapshot().pipelines[TRAIN].stopped
    assert trained.jobs(TRAIN)[0].state is JobState.KILLED
    trained.gateway.start_pipeline(TRAIN)
    trained.end_jobs()
    assert not trained.snapshot().pipelines[TRAIN].stopped
    assert trained.jobs(TRAIN)[0].good


def test_a_job_that_is_stopped_says_why_and_its_commit_has_an_error(trained: Engine) -> None:
    trained.put({"/b.txt": b"b"})
    job = trained.jobs(TRAIN)[0]
    trained.gateway.stop_job(job.ref, "scriptmodel: too long")
    trained.gateway.stop_job(replace(job.ref, id="f" * 32), "no such job")
    stopped = trained.jobs(TRAIN)[0]
    assert (stopped.ref, stopped.state) == (job.ref, JobState.KILLED)
    assert stopped.reason.startswith("scriptmodel: too long")
    commit = trained.gateway.inspect_commit(TRAIN.output, job.ref.id)
    assert commit.finished
    assert commit.error


def test_what_is_read_is_not_deleted_and_a_kept_repo_blocks_its_name(trained: Engine) -> None:
    gateway = trained.gateway
    for delete in (lambda: gateway.delete_repo(PLAYS.repo), lambda: gateway.delete_pipeline(TRAIN, keep_repo=False)):
        with pytest.raises(RefusedError):
            delete()
    model = trained.head(MODEL)
    gateway.delete_pipeline(GENERATE, keep_repo=False)
    gateway.delete_pipeline(TRAIN, keep_repo=True)
    found = trained.snapshot()
    assert not found.pipelines
    assert set(found.repos) == {PLAYS.repo, TRAIN.output}
    assert trained.head(MODEL) == model
    assert trained.files(MODEL)["/model.json"] == b"HAMLET: To be."
    with pytest.raises(RefusedError):
        trained.apply(TRAINS)
    for repo in (TRAIN.output, PLAYS.repo, PLAYS.repo):
        gateway.delete_repo(repo)
    gateway.delete_pipeline(TRAIN, keep_repo=False)
    assert not trained.snapshot().repos
