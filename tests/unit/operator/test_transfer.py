"""Objects are read and written by URLs, also over a port-forward and where the bucket fails for a moment."""

import io
from collections.abc import Iterator

import pytest

from scriptmodel_cli import transfer
from scriptmodel_cli.transfer import Transfer
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from tests.web import Answer, Handler, WebServer, content, silence, status

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


@pytest.mark.parametrize("body", [b"1", b"123"])
def test_a_part_of_another_length_is_refused(server: WebServer, body: bytes) -> None:
    server.answers[PACK] = content(body)
    with pytest.raises(RefusedError, match=f"{len(body)} bytes came, not 2"):
        direct().get_range(server.url(PACK), "reading it", 0, 2)


def test_an_upload_that_fails_is_sent_again_as_a_whole(server: WebServer) -> None:
    bodies: list[bytes] = []
    server.answers[PACK] = in_turn(received(bodies, status(503)), received(bodies, status(200)))
    data = b"x" * 600_000
    direct().put(server.url(PACK), "writing it", file_of(data))
    assert bodies == [data, data]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/x", "/etc/passwd"])
def test_no_url_leads_to_a_file(url: str) -> None:
    with pytest.raises(RefusedError, match="no web address"):
        direct().get(url, "reading it", 6)


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


def test_a_server_that_is_away_is_named() -> None:
    with WebServer() as gone:
        address = f"127.0.0.1:{gone.port}"
    with pytest.raises(UnavailableError, match=f"^reading it: the bucket at {address} does not answer: .*refused"):
        direct().get(f"http://{address}/x", "reading it", 6)


def test_a_server_that_never_answers_is_tried_once(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_SILENCE_SECONDS", 0.2)
    server.answers[PACK] = silence
    with pytest.raises(UnavailableError, match=r"the bucket at \S+ does not answer: .*timed out"):
        direct().get(server.url(PACK), "reading it", 6)
    assert server.requested == [PACK]


def test_a_server_that_refuses_before_it_has_read_the_body_is_not_away(server: WebServer) -> None:
    server.answers[PACK] = status(413)
    data = b"x" * (20 << 20)
    with pytest.raises(RefusedError, match="the bucket answered HTTP 413"):
        direct().put(server.url(PACK), "writing it", file_of(data))
