"""Semantics of the server that an operator relies on, beyond the recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps
from python_pachyderm.proto.v2.transaction import transaction_pb2 as tx

from localpach.api.pps_jobs import JobCalls
from localpach.config import Settings
from localpach.pfs import branches, repos
from localpach.pps import jobs, lifecycle, pipelines
from localpach.pps.states import JobState
from localpach.pps.worker import Worker
from localpach.refs import JobRef, PipelineRef, RepoRef
from localpach.server import Server
from localpach.store.database import Database
from tests.unit.localpach.client import Client, Name, commit, job, pfs_input, repo, sh, until


def error_of(call: Callable[[], object]) -> grpc.RpcError:
    """Return the error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        read_all(call())
    return caught.value


def read_all(answer: object) -> object:
    """Read a response to its end, since a stream fails only when it is read."""
    return list(answer) if hasattr(answer, "__iter__") else answer


@pytest.fixture
def corpus(client: Client, name: Name) -> str:
    """Create a repo with one file."""
    found = name("corpus")
    client.create_repo(found)
    client.put(found, {"/a": b"a"})
    return found


def test_a_failure_makes_all_downstream_jobs_unrunnable(client: Client, name: Name, corpus: str) -> None:
    one, two, three = name("one"), name("two"), name("three")
    client.create_pipeline(one, sh("test ! -e /pfs/in/bad; cp /pfs/in/a /pfs/out/"), corpus, datum_tries=1)
    client.create_pipeline(two, sh("cp /pfs/in/a /pfs/out/"), one, datum_tries=1)
    client.finished_job(three, client.create_pipeline(three, sh("cp /pfs/in/a /pfs/out/"), two, datum_tries=1))
    client.create_pipeline(one, sh("exit 1"), corpus, update=True, reprocess=True, datum_tries=1)
    uuid = client.head(three)
    assert client.head(one) == uuid
    assert client.finished_job(one, uuid).state == pps.JOB_FAILURE
    for pipeline in (two, three):
        info = client.finished_job(pipeline, uuid)
        assert info.state == pps.JOB_UNRUNNABLE
        assert info.reason == "unrunnable because the following upstream pipelines failed: in"
    # The previous files remain readable by branch and by id; only the commit has an error.
    assert client.read(three, "/a", uuid) == b"a"
    assert client.pfs.InspectCommit(pfs.InspectCommitRequest(commit=commit(three, uuid))).error == info.reason


def test_one_commit_passes_through_three_levels_with_one_id(client: Client, name: Name, corpus: str) -> None:
    chain = [name(f"p{number}") for number in range(3)]
    for source, pipeline in zip([corpus, *chain], chain, strict=False):
        client.create_pipeline(pipeline, sh("cp /pfs/in/* /pfs/out/"), source)
    client.put(corpus, {"/b": b"b"})
    uuid = client.head(corpus)
    assert client.finished_job(chain[-1], uuid).state == pps.JOB_SUCCESS
    assert client.paths(chain[-1], uuid) == ["/a", "/b"]
    infos = list(client.pps.InspectJobSet(pps.InspectJobSetRequest(job_set=pps.JobSet(id=uuid), wait=True)))
    assert [info.job.pipeline.name for info in infos] == chain


def test_two_inputs_from_one_source_make_one_job(client: Client, name: Name, corpus: str) -> None:
    left, right, both = name("left"), name("right"), name("both")
    for pipeline in (left, right):
        client.create_pipeline(pipeline, sh("cp /pfs/in/* /pfs/out/"), corpus)
    crossed = pps.Input(cross=[pfs_input(left, "/", name="left"), pfs_input(right, "/", name="right")])
    client.finished_job(both, client.create_pipeline(both, sh("cat /pfs/left/a /pfs/right/a > /pfs/out/x"), crossed))
    client.put(corpus, {"/a": b"new"})
    uuid = client.head(corpus)
    assert client.finished_job(both, uuid).state == pps.JOB_SUCCESS
    assert client.read(both, "/x", uuid) == b"newnew"
    listed = client.pps.ListJob(pps.ListJobRequest(pipeline=pps.Pipeline(name=both)))
    assert len(list(listed)) == 2


def test_a_transaction_that_fails_to_finish_stays_open(client: Client, name: Name) -> None:
    first, second = name("first"), name("second")
    opened = client.transaction.StartTransaction(tx.StartTransactionRequest())
    header = [("pach-transaction", opened.id)]
    for each in (first, second):
        client.pfs.CreateRepo(pfs.CreateRepoRequest(repo=repo(each)), metadata=header)
    client.create_repo(second)
    error = error_of(lambda: client.transaction.FinishTransaction(tx.FinishTransactionRequest(transaction=opened)))
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS
    assert error.details() == f"error running request 2 of 2: repo default/{second} already exists"
    assert error_of(lambda: client.head(first)).code() == grpc.StatusCode.NOT_FOUND
    client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo(second)))
    client.transaction.FinishTransaction(tx.FinishTransactionRequest(transaction=opened))
    for each in (first, second):
        assert client.pfs.InspectRepo(pfs.InspectRepoRequest(repo=repo(each))).repo.name == each


def test_calls_of_a_transaction_that_are_not_transactional_run_at_once(client: Client, name: Name) -> None:
    project = name("project")
    opened = client.transaction.StartTransaction(tx.StartTransactionRequest())
    header = [("pach-transaction", opened.id)]
    client.pfs.CreateProject(pfs.CreateProjectRequest(project=pfs.Project(name=project)), metadata=header)
    assert (
        client.pfs.InspectProject(pfs.InspectProjectRequest(project=pfs.Project(name=project))).project.name == project
    )
    client.transaction.DeleteTransaction(tx.DeleteTransactionRequest(transaction=opened))


def test_a_batch_is_one_transaction(client: Client, name: Name) -> None:
    made, twice = name("made"), name("twice")
    requests = [
        tx.TransactionRequest(create_repo=pfs.CreateRepoRequest(repo=repo(each))) for each in (made, twice, twice)
    ]
    error = error_of(lambda: client.transaction.BatchTransaction(tx.BatchTransactionRequest(requests=requests)))
    assert error.details().startswith("error running request 3 of 3: ")
    assert error_of(lambda: client.head(made)).code() == grpc.StatusCode.NOT_FOUND
    client.transaction.BatchTransaction(tx.BatchTransactionRequest(requests=requests[:2]))
    assert client.pfs.InspectRepo(pfs.InspectRepoRequest(repo=repo(made))).repo.name == made


def test_an_open_commit_with_an_open_parent_cannot_be_read(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    first = client.create_pipeline(train, sh("sleep 600"), corpus)
    client.put(corpus, {"/b": b"b"})
    error = error_of(lambda: client.read(train, "/a", client.head(train)))
    assert error.details() == (
        f"base commit default/{train}@{first} for commit default/{train}@{client.head(train)} unfinished"
    )


def test_an_unfinished_commit_cannot_be_searched(client: Client, corpus: str) -> None:
    branch = pfs.Branch(repo=repo(corpus), name="master")
    client.pfs.StartCommit(pfs.StartCommitRequest(branch=branch))
    error = error_of(lambda: client.pfs.FindCommits(pfs.FindCommitsRequest(start=commit(corpus), file_path="/a")))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert error.details().endswith("not finished")


def test_commits_that_change_a_file_are_found(client: Client, corpus: str) -> None:
    first = client.head(corpus)
    client.put(corpus, {"/b": b"b"})
    third = client.put(corpus, {"/a": b"again"})
    answers = client.pfs.FindCommits(pfs.FindCommitsRequest(start=commit(corpus), file_path="/a"))
    assert [each.found_commit.id for each in answers if each.HasField("found_commit")] == [third, first]


def test_heads_can_be_dropped_and_other_commits_squashed(client: Client, corpus: str) -> None:
    first = client.head(corpus)
    second = client.put(corpus, {"/b": b"b"})
    dropped = error_of(lambda: client.pfs.DropCommitSet(pfs.DropCommitSetRequest(commit_set=pfs.CommitSet(id=first))))
    assert dropped.details() == f"cannot drop a commit that has children: default/{corpus}@{first}"
    squashed = error_of(
        lambda: client.pfs.SquashCommitSet(pfs.SquashCommitSetRequest(commit_set=pfs.CommitSet(id=second)))
    )
    assert squashed.details().startswith("cannot squash a commit that has no children")
    client.pfs.SquashCommitSet(pfs.SquashCommitSetRequest(commit_set=pfs.CommitSet(id=first)))
    assert client.paths(corpus) == ["/a", "/b"]
    client.pfs.DropCommitSet(pfs.DropCommitSetRequest(commit_set=pfs.CommitSet(id=second)))
    assert client.paths(corpus) == []


@pytest.mark.parametrize("autoscaling", [False, True])
def test_a_worker_deletes_the_job_of_a_dropped_commit_unless_it_is_scaled_down(
    client: Client, name: Name, corpus: str, autoscaling: bool
) -> None:
    train = name("train")
    first = client.create_pipeline(train, sh("test ! -e /pfs/in/slow || sleep 60"), corpus, autoscaling=autoscaling)
    client.finished_job(train, first)
    second = client.put(corpus, {"/slow": b"slow"})
    client.job_in(train, second, pps.JOB_RUNNING)
    client.pfs.DropCommitSet(pfs.DropCommitSetRequest(commit_set=pfs.CommitSet(id=second)))

    def remaining() -> dict[str, str]:
        listed = client.pps.ListJob(pps.ListJobRequest(pipeline=job(train, second).pipeline))
        return {info.job.id: info.reason for info in listed}

    if autoscaling:
        client.finished_job(train, client.put(corpus, {"/fine": b""}))
        assert remaining()[second] == "output commit removed"
    else:
        until(lambda: second not in remaining())


def test_a_branch_with_a_trigger_follows_after_enough_commits(client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    client.put(corpus, {"/0": b"x"})
    follower = pfs.Branch(repo=repo(corpus), name="follower")
    trigger = pfs.Trigger(branch="master", commits=2)
    client.pfs.CreateBranch(pfs.CreateBranchRequest(branch=follower, trigger=trigger, head=commit(corpus)))
    before = client.head(corpus, "follower")
    client.put(corpus, {"/1": b"x"})
    assert client.head(corpus, "follower") == before
    second = client.put(corpus, {"/2": b"x"})
    assert client.head(corpus, "follower") == second
    loop = pfs.Branch(repo=repo(corpus), name="master")
    error = error_of(
        lambda: client.pfs.CreateBranch(
            pfs.CreateBranchRequest(branch=loop, trigger=pfs.Trigger(branch="follower", commits=1))
        )
    )
    assert error.details() == "triggers cannot form a loop"


def test_datums_can_be_filtered_and_paged(client: Client, name: Name) -> None:
    corpus, train = name("corpus"), name("train")
    client.create_repo(corpus)
    client.put(corpus, {f"/{number}": str(number).encode() for number in range(4)})
    uuid = client.create_pipeline(train, sh("test ! -e /pfs/in/2"), pfs_input(corpus, "/*", name="in"), datum_tries=1)
    client.finished_job(train, uuid)
    failed = pps.ListDatumRequest.Filter(state=[pps.DatumState.FAILED])
    found = list(client.pps.ListDatum(pps.ListDatumRequest(job=job(train, uuid), filter=failed)))
    assert [info.data[0].file.path for info in found] == ["/2"]
    whole = [info.datum.id for info in client.pps.ListDatum(pps.ListDatumRequest(job=job(train, uuid)))]
    assert whole == sorted(whole)
    page = pps.ListDatumRequest(job=job(train, uuid), paginationMarker=whole[0], number=2)
    assert [info.datum.id for info in client.pps.ListDatum(page)] == whole[1:3]
    back = pps.ListDatumRequest(job=job(train, uuid), reverse=True, number=2)
    assert [info.datum.id for info in client.pps.ListDatum(back)] == whole[:1:-1]


def test_listings_are_paged(client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    client.put(corpus, {f"/{number}": b"x" for number in range(9)})
    root = pfs.File(commit=commit(corpus), path="/")
    marker = pfs.File(commit=commit(corpus), path="/3")
    forward = pfs.ListFileRequest(file=root, paginationMarker=marker, number=2)
    assert [info.file.path for info in client.pfs.ListFile(forward)] == ["/4", "/5"]
    backward = pfs.ListFileRequest(file=root, paginationMarker=marker, number=2, reverse=True)
    assert [info.file.path for info in client.pfs.ListFile(backward)] == ["/2", "/1"]


def test_temporary_file_sets_can_be_added_to_a_commit(client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    added = pfs.AddFile(path="/a")
    added.raw.value = b"a"
    made = client.pfs.CreateFileSet(iter([pfs.ModifyFileRequest(add_file=added)]))
    opened = client.pfs.StartCommit(pfs.StartCommitRequest(branch=pfs.Branch(repo=repo(corpus), name="master")))
    client.pfs.AddFileSet(pfs.AddFileSetRequest(commit=opened, file_set_id=made.file_set_id))
    client.pfs.FinishCommit(pfs.FinishCommitRequest(commit=opened))
    assert client.read(corpus, "/a") == b"a"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"spout": pps.Spout()}, "spouts"),
        ({"service": pps.Service(internal_port=80)}, "service"),
        ({"egress": pps.Egress(URL="s3://bucket")}, "egress"),
        ({"s3_out": True}, "S3"),
    ],
)
def test_unsupported_kinds_of_pipelines(
    client: Client, name: Name, corpus: str, fields: dict[str, object], word: str
) -> None:
    error = error_of(lambda: client.create_pipeline(name("odd"), ["true"], corpus, **fields))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert word in error.details()


def test_cron_inputs_are_unsupported(client: Client, name: Name) -> None:
    cron = pps.Input(cron=pps.CronInput(name="tick", spec="@every 10s"))
    error = error_of(lambda: client.create_pipeline(name("odd"), ["true"], cron))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "cron" in error.details()


def test_run_cron_and_restart_datum_are_rejected(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    job = pps.Job(pipeline=pps.Pipeline(name=train), id=client.create_pipeline(train, ["true"], corpus))
    ticked = error_of(lambda: client.pps.RunCron(pps.RunCronRequest(pipeline=job.pipeline)))
    assert ticked.details() == "pipeline doesn't have a cron input"
    restarted = error_of(lambda: client.pps.RestartDatum(pps.RestartDatumRequest(job=job)))
    assert restarted.code() == grpc.StatusCode.UNIMPLEMENTED


def test_removing_a_commit_set_requires_its_id(client: Client) -> None:
    for call in (
        lambda: client.pfs.DropCommitSet(pfs.DropCommitSetRequest()),
        lambda: client.pfs.SquashCommitSet(pfs.SquashCommitSetRequest()),
    ):
        assert error_of(call).details() == "commitset cannot be nil"


def test_malformed_requests_are_rejected(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, ["true"], corpus)
    root = pfs.File(commit=commit(corpus), path="/")
    file = pfs.File(commit=commit(corpus), path="/a")
    secret = pps.CreateSecretRequest(file=b'{"metadata": {"name": ["a"]}}')
    for call, message in (
        (lambda: client.pfs.ListFile(pfs.ListFileRequest(file=root, reverse=True, number=-1)), "number must be > 0"),
        (lambda: client.pfs.GetFile(pfs.GetFileRequest(file=file, offset=-2)), "offset must be non-negative"),
        (lambda: client.pps.UpdateJobState(pps.UpdateJobStateRequest(job=job(train, uuid))), "0 is not the state"),
        (lambda: client.pps.CreateSecret(secret), "must be strings"),
    ):
        error = error_of(call)
        assert error.code() != grpc.StatusCode.INTERNAL
        assert message in error.details()


def test_the_head_of_a_branch_must_be_in_its_repo(client: Client, name: Name, corpus: str) -> None:
    other = name("other")
    client.create_repo(other)
    branch = pfs.Branch(repo=repo(other), name="master")
    error = error_of(lambda: client.pfs.CreateBranch(pfs.CreateBranchRequest(branch=branch, head=commit(corpus))))
    assert error.details() == "branch and head commit must belong to the same repo"


def test_a_subscription_reports_each_job_once(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    first = client.create_pipeline(train, sh("test -e /pfs/in/b || sleep 600"), corpus)
    stream = client.pps.SubscribeJob(pps.SubscribeJobRequest(pipeline=pps.Pipeline(name=train)), timeout=60)
    assert next(stream).job.id == first
    client.pps.StopJob(pps.StopJobRequest(job=job(train, first)))
    client.put(corpus, {"/b": b"b"})
    assert next(stream).job.id == client.head(train)
    stream.cancel()


def test_a_subscription_reports_a_job_that_ended_before_it_looked(tmp_path: Path) -> None:
    class Listener:
        def add_callback(self, callback: Callable[[], None]) -> None:
            """Keep listening."""

        def is_active(self) -> bool:
            return True

    db = Database(tmp_path / "metadata.db")
    calls = JobCalls(SimpleNamespace(db=db))  # type: ignore[arg-type]  # it uses nothing else
    train = PipelineRef("train", "default")
    before, first, second = (JobRef(train, digit * 32) for digit in "123")

    def create(ref: JobRef, state: JobState) -> None:
        with db.write() as txn:
            jobs.create(txn, ref, 1, "master")
            jobs.set_state(txn, jobs.get(txn, ref), state)

    create(before, JobState.SUCCESS)
    create(first, JobState.RUNNING)
    stream = calls.SubscribeJob(pps.SubscribeJobRequest(pipeline=pps.Pipeline(name="train")), Listener())
    assert next(stream).job.id == first.id
    create(second, JobState.SUCCESS)
    assert next(stream).job.id == second.id


def test_the_worker_of_a_deleted_pipeline_takes_no_job_of_one_that_was_created_again(tmp_path: Path) -> None:
    server = Server(Settings(root=tmp_path / "root", listen="127.0.0.1:0"))  # not started: it has no workers of its own
    shared, train = server._master._shared, PipelineRef("train", "default")
    request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name="train"), input=pfs_input("corpus", "/", name="in"))
    request.transform.cmd.append("true")

    def create() -> Worker:
        with server.db.write() as txn:
            lifecycle.create(txn, shared.content, pps.CreatePipelineRequest.FromString(request.SerializeToString()))
        with server.db.read() as txn:
            pipeline = pipelines.find_latest(txn, train)
        assert pipeline is not None
        return Worker(shared, server._master._logs, pipeline, tmp_path)

    with server.db.write() as txn:
        repos.create(txn, RepoRef("default", "corpus"), "")
        branches.start_commit(txn, RepoRef("default", "corpus").branch("master"), None, "")
    before = create()
    assert before._next_job() is not None
    with server.db.write() as txn:
        lifecycle.delete(txn, shared.content, [train], keep_repo=False, force=False)
    after = create()
    assert before._next_job() is None
    assert after._next_job() is not None
    server.db.close()


def test_a_recreated_pipeline_has_no_old_results(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    for _ in range(2):
        uuid = client.create_pipeline(train, sh("echo once >> /pfs/out/x"), corpus)
        assert client.finished_job(train, uuid).data_processed == 1
        assert client.read(train, "/x") == b"once\n"
        client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=pps.Pipeline(name=train)))
    until(lambda: error_of(lambda: client.head(train)).code() == grpc.StatusCode.NOT_FOUND)
