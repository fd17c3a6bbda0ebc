"""Load: many clients and many files; calls stay independent."""

from concurrent.futures import ThreadPoolExecutor

from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.server import THREADS
from tests.contract.serving import Localpach
from tests.unit.localpach.client import Client, Name, commit, job, repo

CLIENTS = 64
MANY = 3_000


def test_thousands_of_small_files_are_one_commit(client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    client.put(corpus, {f"/{number % 100}/{number}": str(number).encode() for number in range(MANY)})
    assert len(client.paths(corpus)) == MANY
    info = client.pfs.InspectCommit(pfs.InspectCommitRequest(commit=commit(corpus)))
    assert info.details.size_bytes == sum(len(str(number)) for number in range(MANY))


def test_sixty_four_clients_write_at_once(server: Localpach, client: Client, name: Name) -> None:
    names = [name(f"corpus{number}") for number in range(CLIENTS)]

    def work(own: str) -> int:
        mine = Client(server.address)
        mine.create_repo(own)
        for number in range(5):
            mine.put(own, {f"/{number}": b"x"})
        found = len(mine.paths(own))
        mine.channel.close()
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(work, names)) == [5] * CLIENTS


def test_waiting_calls_do_not_block_other_calls(server: Localpach, client: Client, name: Name) -> None:
    corpus, train = name("corpus"), name("train")
    client.create_repo(corpus)
    client.put(corpus, {"/a": b"a"})
    uuid = client.create_pipeline(train, ["sleep", "600"], corpus)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    waiting, followed = [], []
    for _ in range(CLIENTS):
        waiting.append(client.pps.InspectJob.future(pps.InspectJobRequest(job=job(train, uuid), wait=True)))
        waiting.append(
            client.pfs.InspectCommit.future(
                pfs.InspectCommitRequest(commit=commit(train), wait=pfs.CommitState.FINISHED)
            )
        )
        followed.append(client.pps.GetLogs(pps.GetLogsRequest(pipeline=job(train, uuid).pipeline, follow=True)))
    request = pfs.InspectBranchRequest(branch=pfs.Branch(repo=repo(corpus), name="master"))
    for _ in range(20):
        client.pfs.InspectBranch(request, timeout=60)  # the others wait for ten minutes
    client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid)))
    assert all(call.result(timeout=60) for call in waiting)
    for call in followed:
        call.cancel()


def test_a_cancelled_call_frees_its_thread(server: Localpach, client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    branch = pfs.Branch(repo=repo(corpus), name="master")
    opened = client.pfs.StartCommit(pfs.StartCommitRequest(branch=branch))
    request = pfs.InspectCommitRequest(commit=opened, wait=pfs.CommitState.FINISHED)
    head = pfs.InspectBranchRequest(branch=branch)
    for _ in range(2 * THREADS // CLIENTS):
        calls = [client.pfs.InspectCommit.future(request) for _ in range(CLIENTS)]
        client.pfs.InspectBranch(head, timeout=60)  # those before it have begun
        for call in calls:
            call.cancel()
    # Twice as many calls were cancelled as there are threads, so none would be left for another call.
    client.pfs.InspectBranch(head, timeout=60)
