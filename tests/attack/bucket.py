"""Hostile records, requests and manifests: what somebody may write who has all rights in a namespace, or a pod there.

Each case builds the namespaces `ml`, where the attacker is, and `web`. It damages records and requests in `ml` and what
pods and people stored there, and has the operator poll, answer, read and delete. Nothing but an EngineError may come
out of that, and no object of `web` may be signed, read, copied, changed or deleted.
"""

import copy
import hashlib
import json
import logging
import random
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import (
    BranchRef,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    RepoRef,
)
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.manifest import Manifest
from tests.attack.runner import FindingError, main
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.people import People

TRAIN, GENERATE = PipelineRef("ml", "thrones-train"), PipelineRef("ml", "thrones-generate")
CORPUS, MODEL = (
    PipelineInput("corpus", PLAYS_BRANCH, "/"),
    PipelineInput("model", BranchRef(TRAIN.output, "master"), "/"),
)
TRAINING = PipelineSpec(TRAIN, "trainer:1", ("scriptmodel-trainer", "train"), CORPUS)
WRITING = PipelineSpec(GENERATE, "trainer:1", ("scriptmodel-trainer", "generate"), MODEL)
_THEIRS = "v1/web/"
_PACK = "v1/web/uploads/secret/pack-0000"
_NAMES = ["", "ml", "web", "plays", "thrones-train", "..", "../web", "ml/../web", "/", "\0", "\ud800", "x" * 300, "%2e"]
_KEYS = [_PACK, "v1/ml/../web/uploads/secret/pack-0000", "v1/web/manifests/", "../web/pack-0000", "v1/engine.json"]
_NUMBERS = [0, -1, 1, 2**31, 2**63, 10**400, 0.5, float("inf"), float("nan")]
_ODD: list[Any] = [
    None,
    True,
    [],
    {},
    [[]],
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    *_NAMES,
    *_KEYS,
    *_NUMBERS,
]
_REQUESTS: list[dict[str, Any]] = [
    {"read": "web@{web}"},
    {"read": "ml@{web}"},
    {"read": "ml@{ml}"},
    {"read": "../web@{web}"},
    {"object": _PACK},
    {"object": "v1/ml/runs/00/1/log.jsonl"},
    {"object": "v1/web/runs/00/1/log.jsonl"},
    {"write": "plays", "branch": "master"},
    {"write": "../web/plays", "branch": "master", "replace": True},
]


@dataclass
class _Watched(FakeBucket):
    """Notes each call of the operator that is about an object of the other namespace."""

    armed = False
    noted: list[str] = field(default_factory=list)

    def _call(self, call: str) -> None:
        if self.armed and _THEIRS in call:
            self.noted.append(call)
        super()._call(call)

    def sign(self, method: str, keys: Any, seconds: float, *, public: bool = False) -> list[str]:
        for key in keys if self.armed else ():
            if not key.startswith("v1/ml/") and key != "v1/engine.json":
                self.noted.append(f"sign {method} {key}")
        return super().sign(method, keys, seconds, public=public)


def attack(number: int, chance: random.Random) -> str:
    """Damage what belongs to one namespace, and have the operator work."""
    del number
    people = _made()
    world, bucket = JobWorld(people.cluster, people.bucket), people.bucket
    theirs = {key: data for key, data in bucket.objects.items() if key.startswith(_THEIRS)}
    ids = {name: people.versions(RepoRef(name, "plays"))[0] for name in ("ml", "web")}
    assert isinstance(bucket, _Watched)
    bucket.armed = True
    outcomes = []
    for damage in chance.choices(_DAMAGES, k=chance.randint(1, 3)):
        damage(chance, people, ids)
        outcomes.append(damage.__name__[1:])
    gateway, errors = world.gateway(lambda *_: False), 0
    for step in (_settle, _settle, _read, _answer, _delete):
        try:
            step(gateway, people)
        except EngineError as error:
            errors += 1
            if not str(error):
                raise FindingError("an error that says nothing") from error
    if bucket.noted:
        raise FindingError(f"the operator calls the bucket: {bucket.noted[0][:300]}")
    _check_jobs(people)
    bucket.armed = False
    if theirs != {key: data for key, data in bucket.objects.items() if key.startswith(_THEIRS)}:
        raise FindingError("objects of the other namespace were changed")
    return f"{', '.join(sorted(set(outcomes)))}: {'refused' if errors else 'done'}"


def _made() -> People:
    people = People(bucket=_Watched())
    world, gateway = JobWorld(people.cluster, people.bucket), people.gateway
    for namespace in ("ml", "web"):
        people.put(people.repo(namespace=namespace))
    gateway.apply_pipelines([PipelineApply(TRAINING), PipelineApply(WRITING)])
    gateway.settle(["ml"])
    world.run()
    people.bucket.put(_PACK, b"SECRET")
    gateway.settle(["ml"])
    return people


def _settle(gateway: JobsGateway, people: People) -> None:
    gateway.settle(["ml", "web"]).list_jobs("ml", 100)
    with suppress(KeyError):  # a document whose Secret somebody replaced
        JobWorld(people.cluster, people.bucket).start()


def _answer(_gateway: JobsGateway, people: People) -> None:
    people.requests.answer()
    people.clock += 13 * 3600
    people.requests.answer()


def _read(gateway: JobsGateway, _people: People) -> None:
    for repo in (RepoRef("ml", "plays"), TRAINING.ref.output, WRITING.ref.output):
        with suppress(EngineError):
            for job in gateway.list_pipeline_jobs(PipelineRef("ml", repo.name), 5):
                gateway.read_files(repo, job.ref.id, "/*", 1 << 20)
                gateway.read_log(job.ref, follow=False, seconds=1)


def _delete(gateway: JobsGateway, _people: People) -> None:
    for name in ("thrones-generate", "thrones-train"):
        with suppress(EngineError):
            gateway.delete_pipeline(PipelineRef("ml", name), keep_repo=False)
    gateway.delete_repo(RepoRef("ml", "plays"))


def _check_jobs(people: People) -> None:
    for kind in ("jobs", "secrets", "pods"):
        if any(place[1] != "ml" for place in people.cluster.objects if place[0] == kind):
            raise FindingError(f"{kind} in another namespace")


# --- damages


def _record(chance: random.Random, people: People, ids: dict[str, str]) -> None:
    """Change values of a record, or all of it."""
    names = [
        place for place in people.cluster.objects if place[:2] == ("configmaps", "ml") and "request" not in place[2]
    ]
    place = chance.choice(names)
    try:
        record = dict(json.loads(people.cluster.objects[place]["data"]["record"]))
    except (ValueError, TypeError, RecursionError):  # damaged before
        return
    for _ in range(chance.randint(0, 4)):
        _change(chance, record, ids)
    text = json.dumps(record)
    if chance.random() < 0.3:  # reads what is in the other namespace, in a new job or an old one
        jobs = chance.choice([[], record.get("jobs", [])])
        reads = json.dumps({**record, "jobs": jobs}).replace(ids["ml"], ids["web"])
        text = reads.replace('"project": "ml", "name": "plays"', '"project": "web", "name": "plays"')
    if chance.random() < 0.1:
        text = chance.choice(["", "[" * 100_000, "null", text[: chance.randrange(len(text))], '{"schema": 1e999}'])
    people.cluster.set(*place, data={"record": text})


def _change(chance: random.Random, value: Any, ids: dict[str, str]) -> None:
    """Change something in a nested value: mostly to what another place of its kind could have."""
    inner = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    if not inner:
        return
    key, found = chance.choice(inner)
    if isinstance(found, dict | list) and found and chance.random() < 0.9:
        _change(chance, found, ids)
    elif isinstance(found, list) and chance.random() < 0.5:
        value[key] = found * chance.choice([0, 2, 300])
    else:
        likely = [ids["web"], ids["ml"], *(["web"] if found == "ml" else [])]
        value[key] = chance.choice([chance.choice(likely), chance.choice(_ODD), copy.deepcopy(found)])


def _request(chance: random.Random, people: People, ids: dict[str, str]) -> None:
    """Make requests, of which some are no requests at all."""
    for number in range(chance.choice([1, 1, 1, 60])):
        request = {
            key: value.format(**ids) if isinstance(value, str) else value
            for key, value in chance.choice(_REQUESTS).items()
        }
        if chance.random() < 0.3:
            _change(chance, request, ids)
        data = chance.choice([{}, {}, {"stored": ids["web"]}, {"version": "x"}, {"done": ""}])
        with suppress(EngineError):
            people.ask(json.dumps(request), name=f"scriptmodel-request-{number:08}", **data)


def _upload(chance: random.Random, people: People, ids: dict[str, str]) -> None:
    """Store an upload whose manifest is hostile."""
    with suppress(EngineError):
        uid = people.ask({"write": "plays", "branch": "master", "replace": chance.random() < 0.5})
        people.store(uid)
        key = f"v1/ml/uploads/{uid}/manifest.json"
        data = _manifest(chance, people.bucket.objects[key], ids)
        people.bucket.objects[key] = data
        people.change(stored=hashlib.sha256(data).hexdigest())


def _attempt(chance: random.Random, people: People, ids: dict[str, str]) -> None:
    """Have the next attempt store what is hostile."""
    gateway = people.gateway
    with suppress(EngineError):
        changed = replace(TRAINING, image=f"trainer:{chance.randint(2, 4)}")
        gateway.apply_pipelines([PipelineApply(changed, update=True)])
        gateway.settle(["ml"])
        JobWorld(people.cluster, people.bucket).run()
    for key in [each for each in people.bucket.objects if each.startswith("v1/ml/runs/")]:
        if key.endswith(("manifest.json", "result.json", "log.jsonl")):
            people.bucket.objects[key] = _manifest(chance, people.bucket.objects[key], ids)


def _manifest(chance: random.Random, data: bytes, ids: dict[str, str]) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data + b"\xff\0"
    for _ in range(chance.randint(1, 3)):
        _change(chance, document, ids)
    encoded = json.dumps(document).encode()
    more = [encoded, encoded, encoded, b"", b"[" * 1_000_000, b"[" + b"0," * 8_000_000 + b"0]", Manifest().encode()]
    return chance.choice(more)


_DAMAGES: tuple[Callable[[random.Random, People, dict[str, str]], None], ...] = (_record, _request, _upload, _attempt)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))  # too much memory is a finding
    sys.exit(main(attack))
