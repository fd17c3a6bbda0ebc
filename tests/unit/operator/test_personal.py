"""The engine with the rights of a person: uploads become versions by requests, and a missing right is named."""

from collections.abc import Callable, Iterator

import pytest

from scriptmodel_cli.personal import PersonalCluster, PersonalGateway
from scriptmodel_operator.engine.errors import AccessError, EngineError, RefusedError
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, RepoRef, Upload
from tests.unit.operator.fake_cluster import FakeCluster
from tests.unit.operator.people import PLAYS, People, answering, bucket_of, left

BRANCH = BranchRef(RepoRef("ml", "plays"), "master")


@pytest.fixture
def people() -> People:
    return answering()


def gateway_of(people: People) -> PersonalGateway:
    return PersonalGateway(people.cluster, bucket_of(people), ["ml"])


def uploads(files: dict[str, bytes]) -> list[Upload]:
    return [(path, [text]) for path, text in files.items()]


def test_what_a_person_pushes_is_what_the_operator_reads(people: People) -> None:
    gateway = gateway_of(people)
    gateway.create_repo(BRANCH.repo, "")
    gateway.replace_files(BRANCH, uploads(PLAYS), [], 60)
    head = people.gateway.branch_head(BRANCH)
    assert head is not None
    assert {path: people.gateway.read_file(BRANCH.repo, head.id, path, 100) for path in PLAYS} == PLAYS
    assert gateway.branch_head(BRANCH) == head


def test_equal_files_are_the_same_version_and_other_files_replace_them(people: People) -> None:
    gateway = gateway_of(people)
    gateway.create_repo(BRANCH.repo, "")
    gateway.replace_files(BRANCH, uploads(PLAYS), [], 60)
    first = gateway.branch_head(BRANCH)
    gateway.replace_files(BRANCH, uploads(PLAYS), [EVERYTHING], 60)
    assert gateway.branch_head(BRANCH) == first
    gateway.replace_files(BRANCH, uploads({"/new.txt": b"NEW"}), [EVERYTHING], 60)
    head = gateway.branch_head(BRANCH)
    assert head is not None
    assert list(gateway.walk_files(BRANCH.repo, head.id)) == ["/new.txt"]


def test_an_interrupted_push_leaves_the_branch_and_nothing_else(people: People) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    gateway = gateway_of(people)
    gateway.create_repo(BRANCH.repo, "")
    with pytest.raises(KeyboardInterrupt):
        gateway.replace_files(BRANCH, [*uploads(PLAYS), ("/z.txt", interrupted())], [], 60)
    people.requests.answer()
    assert people.versions(BRANCH.repo) == []
    assert people.packs() == []
    assert left(people) == []


def test_a_push_to_a_repo_that_a_person_must_not_fill_is_refused_before_anything_is_sent(people: People) -> None:
    with pytest.raises(RefusedError, match="it does not exist: add --create"):
        gateway_of(people).replace_files(BRANCH, uploads(PLAYS), [], 60)
    assert people.bucket.objects == {}


def test_the_engine_is_that_of_the_operator(people: People) -> None:
    engine = people.gateway.engine()
    assert gateway_of(people).engine() == engine


@pytest.mark.parametrize(
    ("user", "granted"),
    [
        ("alice@example.com", "people-alice@example.com --clusterrole=people --user=alice@example.com"),
        ("system:serviceaccount:ml:bot", "people-bot --clusterrole=people --serviceaccount=ml:bot"),
    ],
)
def test_a_missing_right_is_named_with_the_command_that_grants_it(user: str, granted: str) -> None:
    text = f'configmaps is forbidden: User "{user}" cannot create resource "configmaps"'
    cluster = FakeCluster(fault=refusing(AccessError("creating a request", text, "403", denied=True)))
    with pytest.raises(AccessError) as refused:
        PersonalCluster(cluster, "people").request("GET", "/api/v1/namespaces/ml/configmaps", "creating a request")
    assert str(refused.value).startswith(f"creating a request: {text}; ask an administrator of the namespace for ")
    assert str(refused.value).endswith(f"`kubectl -n ml create rolebinding {granted}`")


def test_a_quota_is_no_missing_right() -> None:
    error = AccessError("creating a request", "exceeded quota: few, used: configmaps=1", "403", denied=True)
    with pytest.raises(AccessError) as refused:
        PersonalCluster(FakeCluster(fault=refusing(error)), "people").request(
            "GET", "/api/v1/namespaces/ml/configmaps", "creating a request"
        )
    assert refused.value is error


def refusing(error: EngineError) -> Callable[[str, bool], EngineError]:
    return lambda _call, _after: error
