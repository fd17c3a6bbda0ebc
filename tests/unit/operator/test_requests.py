"""Requests of people for the bytes of versions: what is answered, what is refused, and what a kill leaves."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scriptmodel_operator.api.marks import Mark, Owner, naming
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.engine.values import BranchRef
from scriptmodel_operator.jobs.answers import MOST_REQUESTS
from scriptmodel_operator.jobs.requests import NAME_PREFIX
from tests.unit.operator.people import NAME, PLAYS, People

WRITE = {"write": "plays", "branch": "master"}
LOG = "v1/ml/runs/00ff/2/log.jsonl"
SHA = "0" * 64


@pytest.fixture
def people() -> People:
    return People()


def keys_of(answer: dict[str, Any]) -> list[str]:
    return sorted(answer["urls"])


def stored(people: People) -> str:
    """Return the newest version once it is known to have what was pushed."""
    head = people.gateway.branch_head(BranchRef(people.repo_ref, "master"))
    assert head is not None
    assert people.gateway.read_file(people.repo_ref, head.id, "/lear.txt", 100) == PLAYS["/lear.txt"]
    return head.id


# --- reading


def test_a_version_is_answered_with_urls_of_its_manifest_and_packs_alone(people: People) -> None:
    repo = people.repo()
    people.put(people.repo("other"), {"/secret.txt": b"SECRET"})
    version = people.put(repo)
    uid = people.ask({"read": f"ml@{version}"})
    people.requests.answer()
    answer = people.answer()
    manifest = f"v1/ml/manifests/{version}.json"
    packs = [each["key"] for each in json.loads(people.bucket.objects[manifest])["packs"]]
    assert keys_of(answer) == sorted([manifest, *packs])
    assert answer["urls"][manifest] == f"https://public.example/{manifest}?method=GET&seconds=3600"
    secret = people.cluster.objects["secrets", "ml", NAME]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": NAME, "uid": uid}
    assert (secret["metadata"]["ownerReferences"], secret["immutable"]) == ([owner], True), "it is deleted with it"


@pytest.mark.parametrize(
    ("policy", "description", "allowed"),
    [
        (Policy(), "", False),
        (Policy(repos={"ml": ("web/plays",)}), "", True),
        (Policy(repos={"*": ("web/pl*",)}), "", True),
        (Policy(repos={"ml": ("web/other",)}), "", False),
        (Policy(), naming("ml"), True),
        (Policy(), naming("ml2"), False),
    ],
)
def test_another_namespace_is_read_as_policy_or_the_description_says(
    people: People, policy: Policy, description: str, *, allowed: bool
) -> None:
    people.policy = policy
    version = people.put(people.repo(namespace="web", description=description))
    answer = people.answered({"read": f"web@{version}"})
    if allowed:
        assert f"v1/web/manifests/{version}.json" in keys_of(answer)
    else:
        assert "namespace 'ml' may not: have the operator run with --allow-repo ml=web/plays" in answer["error"]
        assert people.bucket.calls[-1] != "sign GET 2"


def test_a_forged_record_does_not_open_the_version_of_another_namespace(people: People) -> None:
    """Who may write ConfigMaps may write records, so only the bucket says which namespace a version is of."""
    secret = people.put(people.repo(namespace="web"), {"/secret.txt": b"SECRET"})
    people.put(people.repo())
    people.cluster.set("configmaps", "ml", "scriptmodel-repo-plays", data=_forged(people, secret))
    assert "error" in people.answered({"read": f"ml@{secret}"})


def _forged(people: People, version: str) -> dict[str, str]:
    record = people.data("scriptmodel-repo-plays")["record"]
    own = json.loads(record)["branches"]["master"][0]["manifest"]
    return {"record": record.replace(own, version)}


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        (LOG, True),
        ("v1/engine.json", True),
        (LOG.replace("ml", "web"), False),
        ("v1/ml/runs/00ff/2/checkpoint-a", False),
        ("v1/ml/runs/../../web/runs/00ff/2/log.jsonl", False),
        ("v1/web/manifests/x.json", False),
    ],
)
def test_one_object_is_the_id_of_the_engine_or_a_log_of_the_namespace(
    people: People, key: str, *, allowed: bool
) -> None:
    answer = people.answered({"object": key})
    assert (keys_of(answer) == [key]) if allowed else ("error" in answer)


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        "null",
        json.dumps({"read": f"ml@{SHA}", "write": "plays"}),
        json.dumps({"read": f"../web@{SHA}"}),
        json.dumps({"read": f"ml@{SHA}/../../../web/x"}),
        json.dumps({"read": [f"ml@{SHA}"]}),
        json.dumps({**WRITE, "write": "../../web/plays"}),
        json.dumps({**WRITE, "branch": "a\nb"}),
        json.dumps({**WRITE, "replace": "yes"}),
        json.dumps({**WRITE, "packs": 1_000_000}),
        json.dumps({**WRITE, "write": "x" * 5000}),
        "[" * 4000,
        " " * 900_000,
    ],
)
def test_a_request_that_is_not_valid_gets_no_url(people: People, request_text: str) -> None:
    people.repo()
    answer = people.answered(request_text)
    assert answer["error"].endswith("data.request is not valid")
    assert not [call for call in people.bucket.calls if call.startswith("sign")]


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        (f"{NAME_PREFIX}a", True),
        ("db-password", False),
        ("scriptmodel-request-UP", False),
        (f"{NAME_PREFIX}{'x' * 41}", False),
    ],
)
def test_a_secret_is_made_by_the_name_of_a_request_alone(people: People, name: str, *, answered: bool) -> None:
    people.ask({"object": LOG}, name=name)
    people.requests.answer()
    assert [each["metadata"]["name"] for each in people.cluster.of("secrets")] == ([name] if answered else [])


def test_a_secret_that_exists_is_not_replaced(people: People) -> None:
    people.cluster.set("secrets", "ml", NAME, data={"answer": "e30="})
    people.ask({"object": LOG})
    people.requests.answer()
    assert people.answer() == {}


# --- writing


def test_what_a_person_stored_becomes_a_version(people: People) -> None:
    people.repo()
    uid = people.ask(WRITE)
    people.requests.answer()
    assert all(key.startswith(f"v1/ml/uploads/{uid}/") for key in keys_of(people.answer()))
    assert all("?method=PUT&" in url for url in people.answer()["urls"].values())
    people.store(uid)
    people.bucket.put(f"v1/ml/uploads/{uid}/pack-0007", b"not in the manifest")
    finished = people.finish()
    assert finished["version"] == stored(people)
    assert people.packs() == [f"v1/ml/uploads/{uid}/kept.json", f"v1/ml/uploads/{uid}/pack-0000"]


def test_files_are_added_to_those_of_the_branch_or_replace_them(people: People) -> None:
    repo = people.repo()
    people.put(repo, {"/old.txt": b"OLD"})
    people.store(people.ask(WRITE))
    people.requests.answer()
    assert _paths(people) == ["/hamlet.txt", "/lear.txt", "/old.txt"]
    del people.cluster.objects["configmaps", "ml", NAME]
    people.store(people.ask({**WRITE, "replace": True}), {"/new.txt": b"NEW"})
    people.requests.answer()
    assert _paths(people) == ["/new.txt"]


def _paths(people: People) -> list[str]:
    version = people.versions(people.repo_ref)[0]
    files = json.loads(people.bucket.objects[f"v1/ml/manifests/{version}.json"])["files"]
    return [each["path"] for each in files]


@pytest.mark.parametrize(
    ("description", "write", "text"),
    [
        ("", {**WRITE, "write": "palys"}, "ml/palys: it does not exist: add --create"),
        (Mark(Owner("cluster-1", "ml", "thrones", "1")).to_json(), WRITE, "a ScriptModel fills it"),
    ],
)
def test_a_repo_that_people_may_not_push_to_gets_no_url(
    people: People, description: str, write: dict[str, str], text: str
) -> None:
    people.repo(description=description)
    assert text in people.answered(write)["error"]


def _pack(**changes: Any) -> dict[str, Any]:
    return {"name": "pack-0000", "size": 47, "sha256": SHA, **changes}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"files": [{"path": "/../../etc/passwd", "size": 5, "sha256": SHA, "pack": 0, "offset": 0}]},
            "is not the path of a file",
        ),
        ({"files": []}, "it has no files"),
        ({"packs": [_pack(size=48)]}, "has 47 bytes, not 48"),
        ({"packs": [_pack(), _pack(name="pack-0001")]}, "pack-0001 is missing"),
        ({"packs": [_pack(name="../../../web/uploads/1/pack-0000")]}, "invalid"),
        ({"packs": [{"key": "v1/web/uploads/1/pack-0000", "size": 47, "sha256": SHA}]}, "invalid"),
        ({"made_from": [["web/secret", "1"]]}, "invalid"),
    ],
)
def test_an_upload_that_is_not_as_its_manifest_says_is_refused_and_deleted(
    people: People, changes: dict[str, Any], text: str
) -> None:
    repo = people.repo()
    people.store(people.ask(WRITE), **changes)
    assert text in people.finish()["error"]
    assert people.versions(repo) == []
    assert people.packs() == []


@pytest.mark.parametrize(
    ("more", "text"), [(1, "another SHA-256 than data.stored"), (16 << 20, "more than 16777216 bytes")]
)
def test_a_manifest_that_was_changed_since_or_is_too_large_is_refused(people: People, more: int, text: str) -> None:
    repo, uid = people.repo(), people.ask(WRITE)
    people.store(uid)
    people.bucket.objects[f"v1/ml/uploads/{uid}/manifest.json"] += b" " * more
    people.requests.answer()
    assert text in people.data()["error"]
    assert people.versions(repo) == []


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        (json.dumps({"write": "own", "branch": "master"}), "a ScriptModel fills it"),
        (json.dumps({"object": LOG}), "no request to write"),
        ("{}", "not valid"),
    ],
)
def test_a_request_is_checked_again_once_the_bytes_are_stored(people: People, replaced: str, text: str) -> None:
    """Its content may have been replaced after the answer."""
    repo = people.repo()
    people.repo("own", description=Mark(Owner("cluster-1", "ml", "thrones", "1")).to_json())
    uid = people.ask(WRITE)
    people.requests.answer()
    people.store(uid)
    people.change(request=replaced)
    people.requests.answer()
    assert text in people.data()["error"]
    assert people.versions(repo) == []


def test_a_request_of_the_same_name_gets_nothing_of_the_one_before(people: People) -> None:
    repo = people.repo()
    people.store(people.ask(WRITE))

    def replace(call: str, after: bool) -> EngineError | None:
        if call == f"POST secrets {NAME}" and after:
            del people.cluster.objects["configmaps", "ml", NAME]
            people.cluster.fault = lambda _call, _after: None
            people.ask(WRITE)
        return None

    people.cluster.fault = replace
    people.requests.answer()
    assert "version" not in people.data()
    assert len(people.versions(repo)) == 1


# --- what is left


def test_nobody_has_the_packs_of_a_version_deleted(people: People) -> None:
    people.repo()
    uid = people.ask(WRITE)
    people.store(uid)
    people.requests.answer()
    people.cluster.set("configmaps", "ml", NAME, data={"request": json.dumps(WRITE), "done": "true"})
    people.requests.answer()
    stored(people)


@pytest.mark.parametrize(
    ("request_content", "age", "kept"),
    [
        ({"object": LOG}, timedelta(minutes=59), True),
        ({"object": LOG}, timedelta(minutes=61), False),
        (WRITE, timedelta(hours=11), True),
        (WRITE, timedelta(hours=13), False),
    ],
)
def test_a_request_lives_as_long_as_its_urls(
    people: People, request_content: object, age: timedelta, *, kept: bool
) -> None:
    people.repo()
    uid = people.ask(request_content)
    if request_content is WRITE:
        people.bucket.put(f"v1/ml/uploads/{uid}/pack-0000", b"half")
    people.requests.answer()
    people.clock += age.total_seconds()
    people.requests.answer()
    assert (("configmaps", "ml", NAME) in people.cluster.objects) is kept
    assert bool(people.packs()) is (kept and request_content is WRITE)


def test_of_a_flood_of_requests_the_newest_are_deleted(people: People) -> None:
    for number in range(MOST_REQUESTS + 3):
        people.ask({"object": LOG}, name=f"{NAME_PREFIX}{number:08}")
    people.ask({"object": "v1/engine.json"}, namespace="web")
    people.requests.answer()
    assert len(people.cluster.of("secrets")) == MOST_REQUESTS + 1
    assert "urls" in people.answer(namespace="web")


def test_a_request_that_cannot_be_answered_keeps_no_other_waiting_and_is_logged_once(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    people.ask({"read": f"ml@{people.put(people.repo())}"})
    people.ask({"object": LOG}, namespace="web", name=f"{NAME_PREFIX}99999999")
    people.ask({"object": LOG.replace("ml", "web")}, namespace="web")
    people.requests = people.operator()
    away = UnavailableError("reading it", "the bucket is away")
    people.bucket.fault = lambda call: away if call.startswith("get") else None
    with caplog.at_level(logging.WARNING):
        people.requests.answer()
        people.requests.answer()
    assert "urls" in people.answer(namespace="web")
    assert [each.message for each in caplog.records].count(
        f"cannot answer request ml/{NAME}, retrying: reading it: the bucket is away"
    ) == 1
    assert people.data()["waits"] == "reading it: the bucket is away"
    people.bucket.fault = lambda _call: None
    people.requests.answer()
    assert "urls" in people.answer()


def test_what_people_wrote_never_ends_the_operator(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise ZeroDivisionError

    people.ask({"read": f"ml@{SHA}"})
    people.ask({"object": LOG.replace("ml", "web")}, namespace="web")
    monkeypatch.setattr(people.requests.versions, "load", fails)
    people.requests.answer()
    assert "urls" in people.answer(namespace="web")


# --- killed, and two at once


class KilledError(BaseException):
    """The operator ends here."""


def kill_at(people: People, number: int) -> None:
    """End the operator before or after its call with that number, to the API server or the bucket."""
    count = 0

    def step(*_call: object) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise KilledError

    people.cluster.fault, people.bucket.fault = step, step


def restart(people: People) -> None:
    people.cluster.fault, people.bucket.fault = lambda _call, _after: None, lambda _call: None
    people.requests = people.operator()


def _push(people: People, first: str) -> None:
    people.put(people.repo(), {"/first.txt": first.encode()})
    people.store(people.ask(WRITE))


def _give_up(people: People, _first: str) -> None:
    people.repo()
    people.store(people.ask(WRITE, done="true"))


def _finish_push(people: People, first: str) -> None:
    _push(people, first)
    people.requests.answer()
    people.change(done="true")


@pytest.mark.parametrize("start", [_push, _give_up, _finish_push])
def test_an_operator_killed_between_any_two_calls_is_continued_by_the_next(
    start: Callable[[People, str], None],
) -> None:
    kills = 0
    while True:
        people = People()
        start(people, "FIRST")
        kill_at(people, kills + 1)
        try:
            people.requests.answer()
            break
        except KilledError:
            kills += 1
        restart(people)
        people.requests.answer()
        if start is _push:
            assert "version" in people.finish()
        assert ("configmaps", "ml", NAME) not in people.cluster.objects
        if start is _give_up:
            assert people.packs() == []
        else:
            stored(people)
            assert len(people.versions(people.repo_ref)) == 2
            assert [key.rpartition("/")[2] for key in people.packs()] == ["kept.json", "pack-0000"]
    assert kills > (20 if start is _push else 5)


def test_two_operators_at_once_make_one_version(people: People) -> None:
    repo = people.repo()
    people.store(people.ask(WRITE))
    other = people.operator()

    def meanwhile(call: str, after: bool) -> EngineError | None:
        if call.startswith("PATCH") and not after:
            people.cluster.fault = lambda _call, _after: None
            other.answer()
        return None

    people.cluster.fault = meanwhile
    people.requests.answer()
    people.requests.answer()
    assert people.data()["version"] == stored(people)
    assert len(people.versions(repo)) == 1
