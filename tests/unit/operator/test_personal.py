"""The engine with the rights of a person: uploads become versions by requests, and a missing right is named."""

from collections.abc import Iterator

import click
import pytest

from scriptmodel_cli.pachd import PachdAccess
from scriptmodel_cli.requested import PersonalGateway
from scriptmodel_cli.session import Session
from scriptmodel_operator.engine.errors import AccessError, RefusedError
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, RepoRef, Upload
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
    ("detail", "advice"),
    [
        (
            'configmaps is forbidden: User "u" cannot create resource "configmaps" in the namespace "ml"',
            "; ask an administrator for `kubectl -n ml create rolebinding edit-YOU --clusterrole=edit --user=YOU`",
        ),
        ('configmaps "x" is forbidden: exceeded quota: few, used: configmaps=1', ""),
    ],
)
def test_a_missing_right_is_named_with_the_command_that_grants_it(
    detail: str, advice: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session()
    monkeypatch.setattr(Session, "_jobs", lambda *_: gateway_of(people))
    monkeypatch.setattr(PachdAccess, "uses_jobs", True)
    monkeypatch.setattr(PachdAccess, "_published", None)
    people.cluster.fault = lambda _call, _after: AccessError("creating a request", detail, "403", denied=True)
    with pytest.raises(click.ClickException) as refused, session.engine("the repo") as gateway:
        gateway.list_repos(["ml"])
    assert refused.value.message == f"creating a request: {detail}{advice}"
