"""Downloads of corpora by Jobs: what they commit, what is left of them, and what a pod may not do."""

import base64
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from scriptmodel_operator.api.corpus import CorpusBucket, CorpusHttp, CorpusSecret
from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.values import BranchRef, CommitInfo, RepoRef
from scriptmodel_operator.ingest import fetch
from scriptmodel_operator.ingest.fetch import CancelledDownloadError, SourceError
from scriptmodel_operator.jobs import fetches
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.store import Versions
from tests.unit.operator.job_lives import Killed, arm
from tests.unit.operator.job_worlds import JobWorld

BRANCH = BranchRef(RepoRef("ml", "thrones-0a1b-corpus"), "master")
HAMLET, LEAR = "https://example.com/hamlet.txt?token=canary", "https://example.com/lear.txt"
NAME = "thrones-0a1b-corpus-fetch"
LATER = "2100-01-01T00:00:00+00:00"
"""A result of the fake Job controller is never old."""


@dataclass
class Downloading:
    """Web servers, a repo, and an operator; while it waits, the Job controller does its work, or what a test says."""

    world: JobWorld = field(default_factory=lambda: JobWorld(web={HAMLET: b"HAMLET: To be.\n", LEAR: b"LEAR: Howl!\n"}))
    cancelled: threading.Event = field(default_factory=threading.Event)
    now: float = 0.0
    meanwhile: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.meanwhile = self.world.run
        self.gateway = self.world.gateway()
        mark = Mark(Owner("cluster", "ml", "thrones", "uid"))
        self.gateway.create_repo(BRANCH.repo, mark.to_json())

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    def download(self, *urls: str, gateway: JobsGateway | None = None) -> tuple[CommitInfo | None, bool]:
        made = fetch.Fetch(gateway or self.gateway, BRANCH, 600.0, self.cancelled, "a Job")
        taken = made.run(CorpusHttp(urls=list(urls or (HAMLET, LEAR))))
        return taken.head, taken.new

    def bucket(self, known: str = "") -> fetch.Taken:
        made = fetch.Fetch(self.gateway, BRANCH, 600.0, self.cancelled, "a Job")
        return made.run(CorpusBucket(url="s3://plays/shaw", secret_ref=CorpusSecret(name="plays")), known)

    def begin(self, ask: Callable[[], object] | None = None) -> None:
        """Ask for a download, whose pod does not start."""
        self.meanwhile = lambda: None
        with pytest.raises(SourceError):
            (ask or self.download)()

    @property
    def head(self) -> CommitInfo:
        head = self.gateway.branch_head(BRANCH)
        assert head
        return head

    @property
    def files(self) -> dict[str, bytes]:
        paths = self.gateway.walk_files(BRANCH.repo, self.head.id)
        return {path: self.gateway.read_file(BRANCH.repo, self.head.id, path, 99) for path in paths}

    @property
    def left(self) -> list[str]:
        """What is left besides versions: Jobs, Secrets, pods, and objects of downloads that no version has."""
        repo, versions = Records(self.world.cluster).repo(BRANCH.repo), Versions(self.world.bucket)
        manifests = [each.manifest for kept in (repo.record.branches.values() if repo else ()) for each in kept]
        used = {pack.key for each in manifests for pack in versions.load("ml", each).packs}
        keys = {key for key in self.world.bucket.objects if "/runs/" in key and key.count("/") > 4} - used
        kinds = [kind for kind, *_place in self.world.cluster.objects if kind != "configmaps"]
        return sorted([*kinds, *keys])


@pytest.fixture
def downloading(monkeypatch: pytest.MonkeyPatch) -> Downloading:
    made = Downloading()
    monkeypatch.setattr(fetches, "time", SimpleNamespace(sleep=made.wait, monotonic=lambda: made.now))
    monkeypatch.setattr("tests.unit.operator.job_worlds.NOW", LATER)
    return made


def test_one_job_makes_a_version_and_equal_files_make_none(downloading: Downloading) -> None:
    first, new = downloading.download()
    assert new
    assert downloading.files == {"/hamlet.txt": b"HAMLET: To be.\n", "/lear.txt": b"LEAR: Howl!\n"}
    assert downloading.world.cluster.calls.count(f"POST jobs {NAME}") == 1
    assert downloading.left == []
    assert downloading.download() == (first, False)
    assert downloading.left == []
    downloading.world.web[LEAR] = b"LEAR: Never!\n"
    second, new = downloading.download()
    assert (new, downloading.files["/lear.txt"]) == (True, b"LEAR: Never!\n")
    assert second
    assert second.provenance == ()
    assert downloading.left == []
    downloading.download(LEAR)
    assert set(downloading.files) == {"/lear.txt"}


def test_the_pod_has_what_the_operators_own_pods_need_where_its_object_sets_nothing(downloading: Downloading) -> None:
    downloading.world.operator_pod = {
        "nodeSelector": {"arch": "amd64"},
        "tolerations": [{"operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
    }
    training = {"nodeSelector": {"pool": "cpu"}, "imagePullSecrets": [{"name": "team"}]}
    downloading.world.cluster.set("scriptmodels", "ml", "thrones", spec={"training": training})
    downloading.begin(lambda: downloading.download(gateway=downloading.world.gateway()))
    (job,) = downloading.world.cluster.of("jobs")
    pod = job["spec"]["template"]["spec"]
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"pool": "cpu"}, [{"operator": "Exists"}])
    assert pod["imagePullSecrets"] == [{"name": "team"}, {"name": "registry"}]


def test_the_job_is_one_restricted_pod_that_can_only_store_its_result(downloading: Downloading) -> None:
    downloading.begin()
    (job,), (secret,) = (downloading.world.cluster.of(kind) for kind in ("jobs", "secrets"))
    (repo,) = downloading.world.cluster.of("configmaps")
    for each in (job, secret):
        assert each["metadata"]["name"] == NAME
        assert [owner["uid"] for owner in each["metadata"]["ownerReferences"]] == [repo["metadata"]["uid"]]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["scriptmodel.dev/name"], labels["scriptmodel.dev/stage"]) == ("thrones", "fetch")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["image"], container["args"]) == ("operator:1", ["fetch", "/scriptmodel/fetch.json"])
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]
    assert job["spec"]["activeDeadlineSeconds"] == 2 * 2 * 600 + 600
    document = json.loads(base64.b64decode(secret["data"]["fetch.json"]))
    assert (document["hosts"], document["seconds"]) == (["example.com"], 600.0)
    signed = [document["manifest"], document["errors"], *(each["pack"] for each in document["files"])]
    assert all("?method=PUT" in url and "/v1/ml/runs/" in url for url in signed)


def test_a_bucket_is_fetched_again_only_if_its_listing_has_changed(downloading: Downloading) -> None:
    first = downloading.bucket()
    assert first.new
    assert downloading.files == {"/hamlet.txt": b"HAMLET: To be.\n", "/lear.txt": b"LEAR: Howl!\n"}
    assert downloading.bucket(first.listing).head is None
    assert downloading.left == []
    downloading.world.etag = "uploaded in parts"
    second = downloading.bucket(first.listing)
    assert (second.head, second.new) == (first.head, False), "equal bytes are the same version"
    assert second.listing not in ("", first.listing)


def test_of_a_bucket_only_what_changed_is_fetched(downloading: Downloading) -> None:
    world, macbeth = downloading.world, "https://example.com/macbeth.txt"
    first = downloading.bucket()
    del world.web[HAMLET]
    world.web |= {macbeth: b"MACBETH: Is this"}
    stored = downloading.world.bucket.objects.keys() - {""}
    second = downloading.bucket(first.listing)
    packs = {key for key in world.bucket.objects.keys() - stored if "/pack-" in key}
    assert [world.bucket.objects[key] for key in packs] == [b"MACBETH: Is this"]
    assert downloading.files == {"/lear.txt": b"LEAR: Howl!\n", "/macbeth.txt": b"MACBETH: Is this"}
    assert downloading.left == []
    del world.web[macbeth]
    assert downloading.bucket(second.listing).new
    assert downloading.files == {"/lear.txt": b"LEAR: Howl!\n"}


def test_only_the_pod_of_a_bucket_reads_the_secret_of_the_namespace(downloading: Downloading) -> None:
    downloading.begin(downloading.bucket)
    (job,), (secret,) = (downloading.world.cluster.of(kind) for kind in ("jobs", "secrets"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    named = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"]}
    assert {each["name"] for each in named.values()} == {"plays"}
    assert {name for name, each in named.items() if not each["optional"]} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert not [call for call in downloading.world.cluster.calls if "secrets plays" in call]
    document = json.loads(base64.b64decode(secret["data"]["fetch.json"]))
    assert (document["files"], len(document["bucket"]["packs"])) == ([], 64)


@pytest.mark.parametrize("listing", [b"\xff", b"A" * 64, b"0", b"[1]", b"[" * 9999, None])
def test_what_a_hostile_pod_lists_is_not_recorded(downloading: Downloading, listing: bytes | None) -> None:
    objects = downloading.world.bucket.objects

    def spoiled() -> None:
        downloading.world.run()
        (key,) = (key for key in objects if key.endswith("/listing"))
        if listing is None:
            del objects[key]
        else:
            objects[key] = listing

    downloading.meanwhile = spoiled
    assert downloading.bucket("known").listing == ""
    assert downloading.left == []


def test_the_error_of_a_file_is_reported_as_it_is_and_nothing_is_left(downloading: Downloading) -> None:
    downloading.world.web[HAMLET] = "404 Not Found"
    with pytest.raises(SourceError) as caught:
        downloading.download()
    assert str(caught.value).startswith("a Job could not fetch https://example.com/hamlet.txt: 404 Not Found. Check")
    assert downloading.left == []


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda world, job: world.end(job, 1, "Error: the bucket does not take an object"), "does not take an object"),
        (lambda world, job: world.end(job, 143, disrupted=True), "its pod was disrupted: drained; trying again"),
        (lambda world, job: world.delete(job), "somebody deleted its Job"),
    ],
)
def test_a_pod_that_stores_nothing_says_why_it_ended_and_is_replaced_by_the_next_try(
    downloading: Downloading, end: Callable[[JobWorld, object], None], words: str
) -> None:
    world = downloading.world
    world.cluster.now = (datetime.now(UTC) - timedelta(seconds=6)).isoformat()
    downloading.meanwhile = lambda: end(world, world.unfinished[0])
    with pytest.raises(SourceError, match=words):
        downloading.download()
    assert downloading.now < fetches.WAIT_SECONDS
    downloading.meanwhile = world.run
    downloading.download()
    assert downloading.left == []


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("manifest.json", b"{}", "invalid"),
        ("manifest.json", None, "not found"),
        ("manifest.json", b'{"schema": 1, "packs": [], "files": []}', "its pod stored other files"),
        ("pack-0000", b"", "has 0 bytes"),
        ("pack-0001", None, "is missing"),
        ("errors.json", b"[]", ""),
        ("errors.json", b"no json", ""),
        ("errors.json", b'{"/other": "text"}', ""),
    ],
)
def test_what_a_hostile_pod_stores_is_no_version(
    downloading: Downloading, name: str, data: bytes | None, words: str
) -> None:
    objects = downloading.world.bucket.objects

    def spoiled() -> None:
        downloading.world.run()
        (prefix,) = {key.rpartition("/")[0] for key in objects if "/runs/" in key}
        if data is None:
            objects.pop(f"{prefix}/{name}")
        else:
            objects[f"{prefix}/{name}"] = data

    downloading.meanwhile = spoiled
    if words:
        with pytest.raises(SourceError, match=words):
            downloading.download()
    else:
        assert downloading.download()[1]
    assert downloading.left == []


def test_a_download_whose_pod_does_not_start_says_why_and_is_waited_for_again(downloading: Downloading) -> None:
    world = downloading.world
    downloading.meanwhile = lambda: world.block(world.unfinished[0], "0/3 nodes are available")
    with pytest.raises(SourceError, match=f"Job {NAME} waits for its pod to start: Unschedulable: 0/3 nodes"):
        downloading.download()
    world.run()
    downloading.download(gateway=world.gateway())
    assert world.cluster.calls.count(f"POST jobs {NAME}") == 1
    assert downloading.left == []


def test_a_download_that_is_cancelled_leaves_nothing(downloading: Downloading) -> None:
    downloading.meanwhile = downloading.cancelled.set
    with pytest.raises(CancelledDownloadError):
        downloading.download()
    assert downloading.left == []


def test_all_that_was_fetched_goes_with_the_repo(downloading: Downloading) -> None:
    downloading.download()
    downloading.begin(lambda: downloading.download(LEAR))
    downloading.world.run()
    downloading.gateway.delete_repo(BRANCH.repo)
    assert not [key for key in downloading.world.bucket.objects if "/runs/" in key or "/manifests/" in key]
    assert downloading.world.cluster.objects == {}


def test_without_an_image_or_a_repo_nothing_is_fetched(downloading: Downloading) -> None:
    downloading.gateway = downloading.world.gateway(fetching=False)
    with pytest.raises(RefusedError, match="--operator-image"):
        downloading.download()
    downloading.gateway = downloading.world.gateway()
    downloading.gateway.delete_repo(BRANCH.repo)
    with pytest.raises(NotFoundError):
        downloading.download()


@pytest.mark.parametrize("after", [False, True])
def test_an_operator_killed_at_any_call_leaves_what_the_next_one_uses_or_deletes(
    downloading: Downloading, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calls(world: JobWorld) -> int:
        return len(world.cluster.calls) + len(world.bucket.calls)

    before = calls(downloading.world)
    downloading.download()
    number = calls(downloading.world) - before
    for at in range(number):
        made = Downloading()
        monkeypatch.setattr(fetches, "time", SimpleNamespace(sleep=made.wait, monotonic=lambda made=made: made.now))
        kill = Killed(at, after)
        arm(made.world, kill)

        def alive(made: Downloading = made, kill: Killed = kill) -> None:
            arm(made.world, None)
            made.world.run()
            arm(made.world, kill)

        made.meanwhile = alive
        with suppress(EngineError, SourceError):
            made.download()
        if not kill.dead:  # most calls are reads, which have no effect to be killed after
            assert after
            assert at > 12
            break
        arm(made.world, None)
        made.gateway, made.meanwhile = made.world.gateway(), made.world.run
        with suppress(SourceError):  # it finds that the result is deleted already
            made.download()
        made.download()
        assert made.files == downloading.files, f"killed at call {at}"
        assert made.left == [], f"killed at call {at}"
        (repo,) = made.world.cluster.of("configmaps")
        assert repo["data"]["record"].count('"manifest"') == 1, f"killed at call {at}: one version"
