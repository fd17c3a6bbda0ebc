"""The bucket as people reach it: by URLs of requests, which are renewed, refused, and leave nothing behind."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from scriptmodel_cli import requested
from scriptmodel_cli.requested import RequestedBucket
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs.store import MOST_PACKS, Versions
from tests.unit.operator.people import PLAYS, People, answering, bucket_of, left

WRITE = {"write": "plays", "branch": "master"}


@pytest.fixture
def people() -> People:
    return answering()


def requests_made(people: People) -> int:
    return len([call for call in people.cluster.calls if call.startswith("POST configmaps scriptmodel-request-")])


def test_a_version_is_read_by_one_request_which_leaves_nothing(people: People) -> None:
    version = people.put(people.repo())
    versions = Versions(bucket_of(people))
    for path, text in PLAYS.items():
        assert versions.read_file(versions.load("ml", version), path, 100) == text
    assert requests_made(people) == 1
    assert left(people) == []


def test_bytes_that_were_changed_in_the_bucket_are_found(people: People) -> None:
    version = people.put(people.repo())
    for key, content in people.bucket.objects.items():
        if "/pack-" in key:
            people.bucket.objects[key] = content.replace(b"HAMLET", b"OTHELL")
    versions = Versions(bucket_of(people))
    with pytest.raises(RefusedError, match="its SHA-256 is not that of its manifest"):
        versions.read_file(versions.load("ml", version), "/hamlet.txt", 100)


def test_a_url_that_has_expired_is_replaced(people: People) -> None:
    version = people.put(people.repo())
    bucket, refusals = bucket_of(people), [AccessError("reading it", "the bucket answered HTTP 403")]

    def refuse_once(call: str) -> EngineError | None:
        return refusals.pop() if call.startswith("get") and requests_made(people) == 1 and refusals else None

    manifest = bucket.get(f"v1/ml/manifests/{version}.json", 10_000)
    people.bucket.fault = refuse_once
    assert bucket.get(f"v1/ml/manifests/{version}.json", 10_000) == manifest
    assert requests_made(people) == 2


def test_the_log_of_an_ended_attempt_is_read(people: People) -> None:
    people.bucket.put("v1/ml/runs/00ff/1/log.jsonl", b"{}\n")
    bucket = bucket_of(people)
    assert bucket.get("v1/ml/runs/00ff/1/log.jsonl", 100) == b"{}\n"
    with pytest.raises(NotFoundError):
        bucket.get("v1/ml/runs/00ff/2/log.jsonl", 100)


def test_a_refusal_says_why(people: People) -> None:
    version = people.put(people.repo(namespace="web"))
    with pytest.raises(RefusedError, match=r"^the operator refused: reading v1/ml/manifests/.*: not found"):
        bucket_of(people).get(f"v1/ml/manifests/{version}.json", 10_000)
    assert left(people) == []


@pytest.mark.parametrize("content", ["bm90IEpTT04=", "e30=", "W10=", "bnVsbA==", "!"])
def test_an_answer_that_makes_no_sense_is_an_error(people: People, content: str) -> None:
    """Whoever may write Secrets in the namespace may have written it."""

    def forge(call: str, after: bool) -> EngineError | None:
        if call.startswith("POST configmaps") and after:
            people.cluster.set("secrets", "ml", call.rpartition(" ")[2], data={"answer": content})
        return None

    people.cluster.fault = forge
    with pytest.raises(RefusedError, match="has no valid answer"):
        bucket_of(people).get("v1/engine.json", 100)


def test_an_operator_that_does_not_answer_is_named(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people.cluster.fault = lambda _call, _after: None
    monkeypatch.setattr(requested, "_ANSWER_SECONDS", 0.0)
    with pytest.raises(UnavailableError, match=r"does it run, and does it watch namespace ml\?"):
        bucket_of(people).get("v1/engine.json", 100)
    assert left(people) == []


def push(bucket: RequestedBucket, version: str) -> None:
    with bucket.writing("ml", WRITE) as answered:
        bucket.finish(answered, version)


def read(bucket: RequestedBucket, version: str) -> None:
    bucket.get(f"v1/ml/manifests/{version}.json", 10_000)


@pytest.mark.parametrize("does", [push, read])
def test_a_bucket_that_the_operator_does_not_reach_is_named_soon(
    does: Callable[[RequestedBucket, str], None], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = people.put(people.repo())
    monkeypatch.setattr(requested, "_ANSWER_SECONDS", 0.3)
    people.requests = people.operator()  # which has no manifest in memory
    away = UnavailableError("reading v1/ml in s3://plays", "connection refused")
    people.bucket.fault = lambda call: away if call.startswith(("list", "get")) else None
    with pytest.raises(UnavailableError, match="s3://plays: connection refused"):
        does(bucket_of(people), version)


def test_an_upload_that_is_interrupted_leaves_nothing(people: People) -> None:
    people.repo()
    bucket = bucket_of(people)
    with suppress(KeyboardInterrupt), bucket.writing("ml", WRITE) as answered:
        bucket.put(f"v1/ml/uploads/{answered.uid}/pack-0000", [b"half"])
        raise KeyboardInterrupt
    people.requests.answer()
    assert people.packs() == []
    assert left(people) == []


def test_an_upload_of_too_many_packs_says_what_to_do(people: People) -> None:
    people.repo()
    bucket = bucket_of(people)
    with bucket.writing("ml", WRITE) as answered:
        bucket.put(f"v1/ml/uploads/{answered.uid}/pack-{MOST_PACKS - 1:04}", b"")
        with pytest.raises(RefusedError, match="more than 64 packs of 256 MiB: push a part at a time"):
            bucket.put(f"v1/ml/uploads/{answered.uid}/pack-{MOST_PACKS:04}", b"")
