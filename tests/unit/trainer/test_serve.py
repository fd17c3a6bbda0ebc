"""The serve command: OpenAI's own client writes with it, and nobody else takes more than a share."""

import asyncio
import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from random_models import SCRIPT, network
from running import run_trainer
from serving import Server, openai, started

from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.serving.batch import Batch, Job
from scriptmodel_trainer.serving.completions import continuation

SCENE = "OLD BEN: The lamp waits.\n\nANNA: Is it"
SCRIPTS, REQUEST = 64, 16  # that the server takes on, at once and of one request
SECONDS = 120


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Server]:
    with started("serve", model, "--port", "0") as running:
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


def test_a_streamed_completion_is_the_same_text_as_an_event_for_each_choice(server: Server) -> None:
    asked: dict[str, Any] = {"model": "", "prompt": "ANNA: The lamp.\n", "max_tokens": 60, "seed": 1, "n": 2}
    whole = server.client().completions.create(**asked)
    events = list(server.client().completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert [event.choices[0].text for event in events[:-1]] == [choice.text for choice in whole.choices]
    assert events[-1].usage == whole.usage


@pytest.mark.parametrize(("cue", "before"), [("ANNA:", " "), ("ANNA: ", ""), ("ANNA", "\n"), ("ANNA\n", "")])
def test_words_of_a_name_at_the_end_are_beside_its_mark_or_below_it(cue: str, before: str) -> None:
    writer, given = Writer(network(SCRIPT, 2), SCRIPT), f"ANNA: The lamp.\n\nBEN: No.\n\n{cue}"
    written = writer.write(40, Sampling(), (1, 0), Opening(text=given))
    text = continuation(writer, given, written)
    assert text.startswith(before)
    assert text.removeprefix(before).split(" ")[0] == writer.text(written.tokens[written.given :]).split(" ")[0]


def test_stops_choices_and_casts(server: Server) -> None:
    create = server.client().completions.create
    text = create(model="", prompt="", seed=2, extra_body={"cast": ["ANNA"]}).choices[0].text
    assert {line.split("]")[0] for line in text.splitlines() if line.startswith("[")} == {"[ ANNA "}
    stop = text.split()[-2]
    (stopped,) = create(model="", prompt="", seed=2, stop=["never", stop], extra_body={"cast": ["ANNA"]}).choices
    assert (stopped.text, stopped.finish_reason) == (text[: text.index(stop)], "stop")
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
    found, answer = server.json("/v1/completions", body, headers=headers)
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
    status, answer = server.json(f"/v1/{path}", body)
    assert (status in (404, 405), answer["error"]["type"]) == (True, "invalid_request_error")
    there = "POST v1/completions continues the scene that is its `prompt`, GET v1/models names the model"
    assert answer["error"]["message"] == f"{problem}: {there}"


def test_a_client_that_leaves_makes_room_for_others(server: Server) -> None:
    create = server.client().completions.create
    asked: dict[str, Any] = {"model": "", "prompt": "", "n": REQUEST}
    body, address = json.dumps({**asked, "max_tokens": 2000}), server.url.removeprefix("http://").rstrip("/")
    deadline = time.monotonic() + SECONDS
    refused = None
    while refused is None:  # the scripts may have ended before the last client asks
        assert time.monotonic() < deadline
        with contextlib.ExitStack() as clients:
            for _ in range(SCRIPTS // REQUEST):
                clients.enter_context(contextlib.closing(http.client.HTTPConnection(address))).request(
                    "POST", "/v1/completions", body
                )
            try:
                create(model="", prompt="", max_tokens=20)
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
        return Job(writer.stream(words, Sampling(), (seed,), Opening()), Reader(net, 0.8))

    async def write() -> None:
        batch, long = Batch(), [job(seed, 100_000) for seed in range(4)]
        others = asyncio.create_task(batch.write(long))
        await asyncio.sleep(0)
        assert await batch.write([job(9, 200)]) == [writer.write(200, Sampling(), (9,), Opening())]
        assert all(each.in_progress for each in long)
        others.cancel()
        with pytest.raises(asyncio.CancelledError):
            await others
        assert all(each.left for each in long)

    asyncio.run(write())


def test_a_port_that_cannot_be_is_refused(model: Path) -> None:
    done = run_trainer(["serve", model, "--port", "70000"])
    assert (done.returncode, "--port 70000" in done.stderr) == (2, True)
