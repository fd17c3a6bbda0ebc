"""Times `scriptmodel-trainer serve`: how long until the first words, and words a second, for one client and for 16.

    python -m dev.bench.trainer.serving [MODEL_DIR]

Without a model directory: random weights of the size of `small`. All clients ask at once, each for a script of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from dev.bench.trainer.writing import random_model

_CLIENTS = (1, 16)
_WORDS = 200
_ROUNDS = 3
_PROMPT = "ANNA: The lamp waits for the last train.\n\nBEN: It is late, and nobody has"


def main() -> None:
    """Print a line for each number of clients."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(sys.argv[1]) if len(sys.argv) > 1 else random_model(Path(folder, "model"))
        command = [Path(sys.executable).with_name("scriptmodel-trainer"), "serve", model, "--port", "0", "--until-eof"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdin is not None
            url = f"{server.stdout.readline().strip()}v1/completions"
            for clients in _CLIENTS:
                rounds = [asyncio.run(clients_at_once(url, clients)) for _ in range(_ROUNDS)]
                first, speed = min(each[0] for each in rounds), max(each[1] for each in rounds)
                print(f"{clients:2} clients: first words after {first * 1e3:,.0f} ms, {speed:,.0f} words/s together")
            server.stdin.close()


async def clients_at_once(url: str, clients: int) -> tuple[float, float]:
    """Return the median seconds until the first words, and the words a second of all clients together."""
    async with aiohttp.ClientSession() as session:
        started = time.perf_counter()
        found = await asyncio.gather(*(one_client(session, url, seed) for seed in range(clients)))
        seconds = time.perf_counter() - started
    firsts = sorted(first for first, _ in found)
    return firsts[len(firsts) // 2], sum(words for _, words in found) / seconds


async def one_client(session: aiohttp.ClientSession, url: str, seed: int) -> tuple[float, int]:
    """Return the seconds until the first words of a completion, and its number of words."""
    started, first, text = time.perf_counter(), 0.0, ""
    body = {"prompt": _PROMPT, "max_tokens": _WORDS, "seed": seed, "stream": True}
    async with session.post(url, json=body) as answer:
        async for line in answer.content:
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["text"]
                first = first or time.perf_counter() - started
    return first, len(text.split())


if __name__ == "__main__":
    main()
