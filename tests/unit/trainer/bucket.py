"""A bucket on loopback that answers presigned URLs as S3 does, with faults on demand, and the jobs that use it."""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

from tests.web import Loopback

Fault = int | Literal["cut", "drop", "whole"] | None
"""A status to answer with; or the connection is cut in the middle of an answer, or dropped before it; or no range."""
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Bucket(Loopback):
    """Objects in a folder. `fault` decides for each request, by method and key, whether it fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str]] = []
        self.sent = 0
        self.fault: Callable[[str, str], Fault] = lambda *_: None
        self.stored: Callable[[str], object] = lambda _: None
        self.epoch = 0  # URLs of an earlier one have expired
        self.expired = 403, "AccessDenied"
        super().__init__(self._answer)

    def signed(self, method: str, key: str) -> str:
        return self.url(f"/{key}?X-Amz-Signature={self.signature(method, key)}")

    def signature(self, method: str, key: str) -> str:
        return hashlib.sha256(f"{self.epoch} {method} {key}".encode()).hexdigest()

    def names(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def put(self, key: str, content: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()

    def json(self, key: str) -> Any:
        return json.loads(self.read(key))

    def puts(self) -> list[str]:
        """Return the keys of what was put, in order."""
        return [key for method, key in self.requests if method == "PUT"]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        method, key = request.command, path[1:]
        self.requests.append((method, key))
        fault = self.fault(method, key)
        if fault == "drop":
            request.close_connection = True
        elif isinstance(fault, int):
            _refuse(request, fault, "SlowDown")
        elif query != f"X-Amz-Signature={self.signature(method, key)}":
            _refuse(request, *self.expired)
        elif method == "PUT":
            self._take(request, key)
        else:
            self._send(request, key, fault)

    def _send(self, request: BaseHTTPRequestHandler, key: str, fault: Fault) -> None:
        path = self.folder / key
        if not path.is_file():
            _refuse(request, 404, "NoSuchKey")
            return
        size, match = path.stat().st_size, _RANGE.fullmatch(request.headers.get("Range", ""))
        match = None if fault == "whole" else match
        start, end = (int(match[1]), min(int(match[2]) + 1, size)) if match else (0, size)
        if start >= size:
            _refuse(request, 416, "InvalidRange")
            return
        request.send_response(206 if match else 200)
        request.send_header("Content-Length", str(end - start))
        if match:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        request.end_headers()
        left = (end - start) // 2 if fault == "cut" else end - start
        with path.open("rb") as file:
            file.seek(start)
            while left:
                chunk = file.read(min(left, 1 << 16))
                request.wfile.write(chunk)
                self.sent += len(chunk)
                left -= len(chunk)
        request.close_connection = fault == "cut"

    def _take(self, request: BaseHTTPRequestHandler, key: str) -> None:
        path, left = self.folder / key, int(request.headers["Content-Length"])
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            while left and (chunk := request.rfile.read(min(left, 1 << 16))):
                file.write(chunk)
                left -= len(chunk)
        if left:
            part.unlink()
            return
        part.replace(path)
        self.stored(key)
        request.send_response(200)
        request.send_header("Content-Length", "0")
        request.end_headers()


def _refuse(request: BaseHTTPRequestHandler, status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.send_header("Connection", "close")
    request.send_header("Location", request.path)
    request.end_headers()
    request.wfile.write(body)
    request.close_connection = True


class Job:
    """A job document whose URLs are those of a bucket. Keys of attempt N begin with `runs/N`."""

    def __init__(self, bucket: Bucket, root: Path, command: Sequence[str], attempt: int = 1) -> None:
        self.bucket = bucket
        self.path = root / "job.json"
        self.command = ["scriptmodel-trainer", *command]
        self.attempt = attempt
        self.inputs: list[dict[str, Any]] = []
        self.room = 4

    def add(self, name: str, manifest: bytes, packs: Sequence[bytes], folder: str = "/") -> None:
        """Put a version as an input."""
        keys = [f"{name}/pack-{number}" for number in range(len(packs))]
        for key, content in zip([*keys, f"{name}/manifest"], [*packs, manifest], strict=True):
            self.bucket.put(key, content)
        digest = hashlib.sha256(manifest).hexdigest()
        self.inputs.append({"name": name, "folder": folder, "packs": keys, "sha256": digest, "size": len(manifest)})

    def add_files(self, name: str, files: Mapping[str, bytes], folder: str = "/") -> None:
        self.add(name, *version(files), folder)

    def key(self, name: str) -> str:
        return f"runs/{self.attempt}/{name}"

    def document(self) -> dict[str, Any]:
        get, put = (lambda key, method=method: self.bucket.signed(method, key) for method in ("GET", "PUT"))
        inputs = [
            {
                "name": each["name"],
                "folder": each["folder"],
                "packs": [get(key) for key in each["packs"]],
                "manifest": {"url": get(f"{each['name']}/manifest"), "sha256": each["sha256"], "size": each["size"]},
            }
            for each in self.inputs
        ]
        earlier = [[get(f"runs/{n}/checkpoint-{side}") for side in "ab"] for n in range(self.attempt, 0, -1)]
        return {
            "schema": 1,
            "command": self.command,
            "inputs": inputs,
            "output": {
                "packs": [put(self.key(f"pack-{number:04}")) for number in range(self.room)],
                "manifest": put(self.key("manifest.json")),
                "log": put(self.key("log.jsonl")),
            },
            "checkpoints": {"read": earlier, "write": [put(self.key(f"checkpoint-{side}")) for side in "ab"]},
            "expires": "2036-12-02T03:04:05Z",
        }

    def write(self, **changes: Any) -> Path:
        """Write the document, as the kubelet does: whole."""
        part = self.path.with_name("job.json.part")
        part.write_text(json.dumps(self.document() | changes))
        part.replace(self.path)
        return self.path

    def events(self) -> list[dict[str, Any]]:
        """Return the events in the log that was stored."""
        lines = self.bucket.read(self.key("log.jsonl")).decode().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def warnings(self) -> list[str]:
        return [event["code"] for event in self.events() if event["event"] == "warning"]


def version(files: Mapping[str, bytes], *, gap: bytes = b"") -> tuple[bytes, list[bytes]]:
    """Return the manifest of a version in one pack, in which `gap` follows each file, and its pack."""
    pack, records = bytearray(), []
    for path, content in sorted(files.items()):
        place = {"offset": len(pack), "pack": 0, "path": path}
        records.append({**place, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)})
        pack += content + gap
    return manifest(records, [bytes(pack)]), [bytes(pack)]


def manifest(files: Sequence[Mapping[str, Any]], packs: Sequence[bytes]) -> bytes:
    listed = [{"key": "k", "sha256": hashlib.sha256(pack).hexdigest(), "size": len(pack)} for pack in packs]
    return json.dumps({"schema": 1, "packs": listed, "files": list(files), "made_from": []}).encode()


def every(number: int, fault: Fault) -> Callable[[str, str], Fault]:
    """Return what lets each request of that number fail."""
    requests = itertools.count(1)
    return lambda *_: fault if next(requests) % number == 0 else None


def first(faults: Iterator[Fault]) -> Callable[[str, str], Fault]:
    """Return what lets the first requests fail, each in its way."""
    return lambda *_: next(faults, None)
