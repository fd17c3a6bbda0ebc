"""The serve command: OpenAI's own client writes with it, and nobody else takes more than a share."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from random_models import SCRIPT, network
from running import run_trainer
from serving import TOKEN, Server, openai, started

from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Draft, Writer
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.serving.batch import Batch, Job
from scriptmodel_trainer.serving.completions import CompletionRequest, Completions
from scriptmodel_trainer.serving.drafts import Continuation

SCENE = "OLD BEN: The lamp waits.\n\nANNA: Is it"
SCRIPTS, REQUEST = 64, 16  # that the server takes on, at once and of one request
SECONDS = 120


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(f"{TOKEN}\n")
    options = ["--port", "0", "--token-file", token, "--base-path", "/a", "--until-eof"]
    with started("serve", model, *options) as running:
        yield running


def test_a_completion_is_what_generate_continues_the_text_with(server: Server, model: Path) -> None:
    client = server.client()
    (entry,) = client.models.list().data
    done = client.completions.create(model=entry.id, prompt=SCENE, max_tokens=60, temperature=0.9, top_p=0.9, seed=5)
    options = ["--words", "60", "--temperature", "0.9", "--top-p", "0.9", "--seed", "5", "--only-new", "--takes", "1"]
    expected = run_trainer(["generate", model, "--continue-text", SCENE, *options]).stdout
    assert expected
    assert done.choices[0].text == f" {expected}"
    assert done.choices[0].finish_reason == "length"
    assert done.usage is not None
    assert done.usage.completion_tokens == len(expected.split()) <= 60


def test_a_streamed_completion_comes_in_pieces_that_make_the_same_text(server: Server) -> None:
    asked: dict[str, Any] = {"model": "", "prompt": "ANNA: The lamp.\n", "max_tokens": 1500, "seed": 1}
    whole = server.client().completions.create(**asked).choices[0].text
    pieces = [
        chunk.choices[0].text
        for chunk in server.client().completions.create(**asked, stream=True, stream_options={"include_usage": True})
        if chunk.choices
    ]
    assert len(whole.split()) > 1000
    assert "".join(pieces) == whole
    assert len(pieces) > 2


def test_a_script_that_ends_between_two_looks_is_returned_whole() -> None:
    writer = Writer(network(SCRIPT, 1), SCRIPT)
    written = writer.write(40, Sampling(), (1, 0), Opening())

    class Ending:
        """A job that is complete as soon as its draft is read."""

        error, left, script = None, False, None

        @property
        def draft(self) -> Draft:
            self.script = written
            return Draft()

    async def pieces() -> str:
        completions: Any = SimpleNamespace(_writer=writer)
        found = Completions._pieces(completions, CompletionRequest(), [cast("Job", Ending())])
        return "".join([piece async for _, piece, _ in found])

    assert asyncio.run(pieces()) == Continuation(writer, "").rest(written) != ""


def test_no_part_of_a_stop_is_returned_while_the_script_is_written() -> None:
    net = network(SCRIPT, 1)
    writer = Writer(net, SCRIPT)

    def pieces(stops: Sequence[str]) -> Iterator[str]:
        draft, text, reader = Draft(), Continuation(writer, "", stops), Reader(net, 0.8)
        stream = writer.stream(60, Sampling(), (1,), Opening(), draft)
        tokens = next(stream)
        while not text.stopped:
            try:
                tokens = stream.send(reader.read(*tokens))
            except StopIteration as ended:
                yield text.rest(ended.value)
                return
            yield text.more(draft)

    whole = "".join(pieces([]))
    for stop in [whole[start : start + length] for start in (1, 7, 30) for length in (1, 6, 20)]:
        assert "".join(pieces([stop])) == whole[: whole.index(stop)]


@pytest.mark.parametrize(("cue", "before"), [("ANNA:", " "), ("ANNA: ", ""), ("ANNA", "\n"), ("ANNA\n", "")])
def test_words_of_a_name_at_the_end_are_beside_its_mark_or_below_it(cue: str, before: str) -> None:
    writer, given = Writer(network(SCRIPT, 2), SCRIPT), f"ANNA: The lamp.\n\nBEN: No.\n\n{cue}"
    written = writer.write(40, Sampling(), (1, 0), Opening(text=given))
    text = Continuation(writer, given).rest(written)
    assert text.startswith(before)
    assert text.removeprefix(before).split(" ")[0] == writer.text(written.tokens[written.given :]).split(" ")[0]


def test_stops_choices_and_casts(server: Server) -> None:
    create = server.client().completions.create
    text = create(model="", prompt="", seed=2, extra_body={"cast": ["ANNA"]}).choices[0].text
    assert {line.split("]")[0] for line in text.splitlines() if line.startswith("[")} == {"[ ANNA "}
    stop = text.split()[-2]
    for stream in (False, True):
        asked = create(model="", prompt="", seed=2, stop=["never", stop], stream=stream, extra_body={"cast": ["ANNA"]})
        chunks = list(asked) if isinstance(asked, openai().Stream) else [asked]
        assert "".join(chunk.choices[0].text for chunk in chunks) == text[: text.index(stop)]
        assert chunks[-1].choices[0].finish_reason == "stop"
    choices = create(model="", prompt=SCENE, max_tokens=30, n=3, seed=2).choices
    assert [choice.index for choice in choices] == [0, 1, 2]
    assert len({choice.text for choice in choices}) > 1


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"max_tokens": 100_000}, "max_tokens"),
        ({"max_tokens": 1}, "max_tokens"),
        ({"prompt": "A: b. " * 20_000}, "prompt"),
        ({"temperature": 11}, "temperature"),
        ({"n": 17}, "n"),
        ({"echo": True}, "echo"),
        ({"extra_body": {"cast": ["?"]}}, "cast"),
        ({"extra_body": {"top_p": "much"}}, "top_p"),
    ],
)
def test_what_cannot_be_is_refused_with_its_parameter(
    server: Server, asked: dict[str, Any], parameter: str | None
) -> None:
    with pytest.raises(openai().BadRequestError) as refused:
        server.client().completions.create(**{"model": "", "prompt": "", **asked})
    assert refused.value.param == parameter
    assert "--" not in refused.value.message


def test_only_those_with_the_token_may_ask(server: Server) -> None:
    with pytest.raises(openai().AuthenticationError):
        server.client("0123456789abcdeg").models.list()
    for headers in ({}, {"Authorization": "Bearer \xff"}, {"Authorization": "Basic eDp5"}):
        found, answer = server.json("/a/v1/models", token="", headers=headers)
        assert (found, answer["error"]["type"]) == (401, "authentication_error")
        assert "--token-file" in answer["error"]["message"]
    assert server.json("/a/healthz", token="") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("body", "headers", "status", "problem"),
    [
        (b" " * 300_000, {}, 413, "the request is too large"),
        (b"{}", {"Content-Encoding": "gzip"}, 400, "the request is not valid"),
        (json.dumps({"scene": "A lamp. " * 25_000}).encode(), {}, 400, "does not fit; ask for more max_tokens"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(
    body: bytes, headers: dict[str, str], status: int, problem: str, server: Server
) -> None:
    found, answer = server.json("/a/v1/completions", body, headers=headers)
    assert (found, answer["error"]["type"]) == (status, "invalid_request_error")
    assert problem in answer["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("chat/completions", b"{}", "this model does not chat"),
        ("completions", None, "this address does not answer this method"),
        ("x", None, "there is nothing at this address"),
    ],
)
def test_an_address_that_does_not_answer_names_those_that_do(
    path: str, body: bytes | None, problem: str, server: Server
) -> None:
    status, answer = server.json(f"/a/v1/{path}", body)
    assert (status in (404, 405), answer["error"]["type"]) == (True, "invalid_request_error")
    there = "POST v1/completions continues the scene that is its `prompt`, GET v1/models names the model"
    assert answer["error"]["message"] == f"{problem}: {there}"


def test_a_client_that_leaves_makes_room_for_others(server: Server) -> None:
    create = server.client().completions.create
    asked: dict[str, Any] = {"model": "", "prompt": "", "n": REQUEST}
    deadline = time.monotonic() + SECONDS
    refused = None
    while refused is None:  # the scripts may have ended before the last client asks
        assert time.monotonic() < deadline
        try:
            with contextlib.ExitStack() as streams:
                for _ in range(SCRIPTS // REQUEST):
                    next(iter(streams.enter_context(create(**asked, max_tokens=2000, stream=True))))
                create(model="", prompt="")
        except openai().RateLimitError as error:
            refused = error
    assert refused.response.headers["Retry-After"]
    choices = None
    while choices is None:
        try:
            choices = create(**asked, max_tokens=20).choices
        except openai().RateLimitError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert len(choices) == REQUEST


def test_a_script_joins_those_in_progress_and_is_what_it_is_alone() -> None:
    net = network(SCRIPT, 1)
    writer = Writer(net, SCRIPT)

    def job(seed: int, words: int) -> Job:
        draft = Draft()
        return Job(writer.stream(words, Sampling(), (seed,), Opening(), draft), draft, Reader(net, 0.8))

    async def write() -> None:
        batch, long, short = Batch(), [job(seed, 100_000) for seed in range(4)], job(9, 200)
        batch.submit(long)
        await asyncio.sleep(0)
        batch.submit([short])
        while short.in_progress:
            await asyncio.sleep(0.01)
        assert short.script == writer.write(200, Sampling(), (9,), Opening())
        assert all(each.in_progress for each in long)
        for each in long:
            each.left = True

    asyncio.run(write())


def test_a_signal_ends_the_server(model: Path) -> None:
    with started("serve", model, "--port", "0") as running:
        assert running.get("/v1/models")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets others in; give a token with --token-file FILE"),  # noqa: S104
        (["--token-file", "/dev/null"], "/dev/null is not a regular file"),
        (["--port", "70000"], "--port 70000"),
        (["--base-path", "a"], "--base-path a"),
    ],
)
def test_options_that_cannot_be_are_refused(model: Path, options: list[str], message: str) -> None:
    done = run_trainer(["serve", model, *options])
    assert done.returncode == 2
    assert message in done.stderr
