"""A bucket in memory, whose URLs say what they are for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError


@dataclass
class FakeBucket:
    """Implements `Bucket`; `fault` receives each call before it has an effect, `lost` each write after it had one."""

    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fault: Callable[[str], EngineError | None] = lambda _call: None
    lost: Callable[[str], EngineError | None] = lambda _call: None

    def get(self, key: str, limit: int) -> bytes:
        self._call(f"get {key}")
        if key not in self.objects:
            raise NotFoundError(f"reading {key}", "not found")
        if len(self.objects[key]) > limit:
            raise RefusedError(f"reading {key}", f"it has more than {limit} bytes")
        return self.objects[key]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self.get(key, 1 << 40)[start : start + length]

    def put(self, key: str, data: bytes | Iterable[bytes]) -> None:
        content = data if isinstance(data, bytes) else b"".join(data)
        self._call(f"put {key}")
        self.objects[key] = content
        self._ended(f"put {key}")

    def create(self, key: str, data: bytes, limit: int) -> bytes:
        self._call(f"create {key}")
        return self.objects.setdefault(key, data)[:limit]

    def sizes(self, prefix: str) -> Mapping[str, int]:
        self._call(f"list {prefix}")
        return {key: len(data) for key, data in list(self.objects.items()) if key.startswith(prefix.rstrip("/") + "/")}

    def copy(self, source: str, target: str) -> None:
        self.put(target, self.get(source, 1 << 40))

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._call(f"delete {key}")
            self.objects.pop(key, None)
            self._ended(f"delete {key}")

    def sign(self, method: str, keys: Sequence[str], seconds: float, *, public: bool = False) -> list[str]:
        self._call(f"sign {method} {len(keys)}")
        host = "public.example" if public else "s3.example"
        return [f"https://{host}/{key}?method={method}&seconds={seconds:g}" for key in keys]

    def _call(self, call: str) -> None:
        self.calls.append(call)
        _raise(self.fault(call))

    def _ended(self, call: str) -> None:
        _raise(self.lost(call))


def _raise(error: EngineError | None) -> None:
    if error is not None:
        raise error
