"""What people read and write by requests and URLs, with their own rights, also where the bucket fails for a moment."""

import io
from collections.abc import Iterator

import click
import pytest

from scriptmodel_cli import transfer
from scriptmodel_cli.access import EngineAccess
from scriptmodel_cli.requested import PersonalGateway
from scriptmodel_cli.session import Session
from scriptmodel_cli.transfer import Transfer
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs.store import MOST_PACKS, Versions
from tests.unit.operator.people import PLAYS, People, answering, bucket_of, left
from tests.web import Answer, Handler, WebServer, content, status

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
    for key, stored in people.bucket.objects.items():
        if "/pack-" in key:
            people.bucket.objects[key] = stored.replace(b"HAMLET", b"OTHELL")
    versions = Versions(bucket_of(people))
    with pytest.raises(RefusedError, match="its SHA-256 is not that of its manifest"):
        versions.read_file(versions.load("ml", version), "/hamlet.txt", 100)


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


def gateway_of(people: People) -> PersonalGateway:
    return PersonalGateway(people.cluster, bucket_of(people), ["ml"])


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
    monkeypatch.setattr(EngineAccess, "uses_jobs", True)
    monkeypatch.setattr(EngineAccess, "release", None)
    people.cluster.fault = lambda _call, _after: AccessError("creating a request", detail, "403", denied=True)
    with pytest.raises(click.ClickException) as refused, session.engine("the repo") as gateway:
        gateway.list_repos(["ml"])
    assert refused.value.message == f"creating a request: {detail}{advice}"


PACK = "/scriptmodel/v1/ml/uploads/1/pack-0000"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PAUSES", (0.0, 0.0))


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


def direct() -> Transfer:
    return Transfer(lambda: "")


def file_of(data: bytes) -> io.BytesIO:
    file = io.BytesIO()
    file.write(data)
    return file


def in_turn(*answers: Answer) -> Answer:
    rest = iter(answers)

    def answer(handler: Handler) -> None:
        next(rest)(handler)

    return answer


def received(into: list[bytes], then: Answer) -> Answer:
    def answer(handler: Handler) -> None:
        into.append(handler.http.rfile.read(int(handler.http.headers["Content-Length"])))
        then(handler)

    return answer


def test_an_object_is_read_where_every_other_answer_is_503(server: WebServer) -> None:
    server.answers[PACK] = in_turn(status(503), content(b"HAMLET"), status(503), content(b"ML"))
    assert direct().get(server.url(PACK), "reading it", 6) == b"HAMLET"
    assert direct().get_range(server.url(PACK), "reading it", 2, 2) == b"ML"


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (status(404), NotFoundError, "the bucket answered HTTP 404"),
        (status(403), AccessError, "the bucket answered HTTP 403"),
        (status(400), RefusedError, "the bucket answered HTTP 400"),
        (status(503), UnavailableError, "the bucket answered HTTP 503"),
        (content(b"1234567"), RefusedError, "it has more than 6 bytes"),
        (
            lambda to: (to.start(200, {"Content-Length": "6"}), to.write(b"half"))[0],
            UnavailableError,
            "2 more expected",
        ),
    ],
)
def test_what_the_bucket_answers_is_an_error_of_the_engine(
    server: WebServer, answer: Answer, kind: type[EngineError], text: str
) -> None:
    server.answers[PACK] = answer
    with pytest.raises(kind, match=f"^reading it: .*{text}"):
        direct().get(server.url(PACK), "reading it", 6)


def test_an_upload_that_fails_is_sent_again_as_a_whole(server: WebServer) -> None:
    bodies: list[bytes] = []
    server.answers[PACK] = in_turn(received(bodies, status(503)), received(bodies, status(200)))
    data = b"x" * 600_000
    direct().put(server.url(PACK), "writing it", file_of(data))
    assert bodies == [data, data]


def test_over_a_port_forward_the_server_receives_the_host_that_was_signed(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    hosts: list[str | None] = []

    def answer(handler: Handler) -> None:
        hosts.append(handler.http.headers["Host"])
        content(b"HAMLET")(handler)

    server.answers[PACK] = answer
    forwarded = Transfer(lambda: f"127.0.0.1:{server.port}")
    assert forwarded.get(f"http://s3.scriptmodel.svc:7070{PACK}?X-Amz-Signature=1", "reading it", 6) == b"HAMLET"
    assert hosts == ["s3.scriptmodel.svc:7070"]
    assert server.requested == [f"{PACK}?X-Amz-Signature=1"]


def test_a_server_that_refuses_before_it_has_read_the_body_is_not_away(server: WebServer) -> None:
    server.answers[PACK] = status(413)
    data = b"x" * (20 << 20)
    with pytest.raises(RefusedError, match="the bucket answered HTTP 413"):
        direct().put(server.url(PACK), "writing it", file_of(data))


def test_an_upload_of_too_many_packs_says_what_to_do(people: People) -> None:
    people.repo()
    bucket = bucket_of(people)
    with bucket.writing("ml", WRITE) as answered:
        bucket.put(f"v1/ml/uploads/{answered.uid}/pack-{MOST_PACKS - 1:04}", b"")
        with pytest.raises(RefusedError, match="more than 64 packs of 256 MiB: push a part at a time"):
            bucket.put(f"v1/ml/uploads/{answered.uid}/pack-{MOST_PACKS:04}", b"")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/x", "/etc/passwd"])
def test_no_url_leads_to_a_file(url: str) -> None:
    with pytest.raises(RefusedError, match="no web address"):
        direct().get(url, "reading it", 6)
