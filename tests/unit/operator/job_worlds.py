"""The engine of Jobs in memory: an API server, a bucket, and a Job controller with trainers that write results.

A trainer reads the document in its Secret and knows nothing else, as in a pod.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scriptmodel_operator.api.urls import file_name
from scriptmodel_operator.desired.policy import Policy, run_refusal
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.fetcher import FetchDocument, Source
from scriptmodel_operator.jobs.fetches import KEY, Fetches
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.job_manifest import ATTEMPT, FETCHER, PIPELINE, STAGE
from scriptmodel_operator.jobs.manifest import File, Manifest, Pack, encode_own
from scriptmodel_operator.jobs.planning import MayRead
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.store import Versions
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.fake_cluster import FakeCluster
from tests.unit.operator.pachyderm_state import METRICS, SCRIPT

ANYTHING = Policy(**dict.fromkeys(("images", "queues", "priority_classes", "runtime_classes", "pull_secrets"), ("*",)))
NOW = "2026-01-01T00:00:00Z"


@dataclass
class JobWorld:
    """What outlives an operator, and what runs in the cluster besides it."""

    cluster: FakeCluster = field(default_factory=FakeCluster)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    ran: list[str] = field(default_factory=list)
    """Stage and number of each attempt that was run, in order."""
    metrics: dict[str, Any] = field(default_factory=lambda: dict(METRICS))
    web: dict[str, bytes | str] = field(default_factory=dict)
    """What web servers have by URL, or the error of a file; by its name a bucket of a user has the same."""
    etag: str = ""
    """What changes the listing of that bucket."""
    operator_pod: dict[str, Any] = field(default_factory=dict)
    policy: Policy = ANYTHING
    limits: dict[str, str] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    """The states of attempts that metrics count, in order."""

    def gateway(
        self, may_read: MayRead = lambda _namespace, repo: repo.project == "library", *, fetching: bool = True
    ) -> JobsGateway:
        """Return the gateway of a new operator, which knows its image unless it is not `fetching`."""
        records, versions, settings = (
            Records(self.cluster),
            Versions(self.bucket),
            JobSettings(limits=self.limits, operator_pod=self.operator_pod, refusal=partial(run_refusal, self.policy)),
        )
        attempts = Attempts(self.cluster, self.bucket, settings, self.counted.append)
        fetches = Fetches(self.bucket, records, versions, attempts, settings, "operator:1", ["example.com"])
        return JobsGateway(records, self.bucket, versions, attempts, may_read, fetches=fetches if fetching else None)

    def put(self, branch: BranchRef, files: Mapping[str, bytes]) -> None:
        """Somebody puts a corpus or a model, in place of what was there."""
        gateway = self.gateway()
        if branch.repo not in {repo.ref for repo in gateway.list_repos([branch.repo.project])}:
            gateway.create_repo(branch.repo, "")
        gateway.replace_files(branch, [(path, [content]) for path, content in files.items()], ["/"], 30)

    @property
    def unfinished(self) -> list[dict[str, Any]]:
        """The Jobs without an end."""
        return [job for job in self.cluster.of("jobs") if not job.get("status", {}).get("conditions")]

    def news(self) -> list[str]:
        """Return what was run since the last call of this method."""
        ran, self.ran = self.ran, []
        return ran

    def start(self) -> None:
        """A pod of each unfinished Job runs."""
        for job in self.unfinished:
            self._pod(job, {"state": {"running": {"startedAt": NOW}}}, "Running")

    def run(self, outcomes: Mapping[str, float | str] | None = None) -> int:
        """Run all unfinished Jobs to a good end; return how many there were."""
        jobs = self.unfinished
        for job in jobs:
            labels = job["metadata"]["labels"]
            if labels[STAGE] == FETCHER:
                self.end(job, self._fetch(job), "a file cannot be fetched")
                continue
            self.ran.append(f"{labels[PIPELINE].rpartition('-')[2]} {labels[ATTEMPT]}")
            Trainer(self._get, self._put, self.metrics).run(self._document(job), outcomes)
            self.end(job, 0)
        return len(jobs)

    def _fetch(self, job: Mapping[str, Any]) -> int:
        """Store what the pod of a download would; return its exit code."""
        document = FetchDocument.parse(self._text(job, KEY))
        sources = document.files
        if document.bucket:
            source = document.bucket
            rows = [[f"/{file_name(url)}", len(data), f"{self.etag}{hash(data)}"] for url, data in self.web.items()]
            listing = json.dumps(rows).encode()
            self._put(source.listing, listing)
            if hashlib.sha256(listing).hexdigest() == source.known:
                return 0
            text = self.bucket.objects.get(_key(source.before), b"")
            known = json.loads(text) if hashlib.sha256(text).hexdigest() == source.known else []
            changed = [url for url, row in zip(self.web, rows, strict=True) if row not in known]
            packs = zip(changed, source.packs, strict=False)
            sources = [Source(f"/{file_name(url)}", url, pack) for url, pack in packs]
        answers = {each.path: self.web[each.url] for each in sources}
        if errors := {path: answer for path, answer in answers.items() if isinstance(answer, str)}:
            self._put(document.errors, json.dumps(errors).encode())
            return 1
        packs, files = [], []
        for number, source in enumerate(sources):
            data = self.web[source.url]
            assert isinstance(data, bytes)
            found = len(data), hashlib.sha256(data).hexdigest()
            self._put(source.pack, data)
            packs.append(Pack(f"pack-{number:04}", *found))
            files.append(File(source.path, *found, number, 0))
        manifest = Manifest(tuple(packs), tuple(sorted(files, key=lambda each: each.path)))
        self._put(document.manifest, encode_own(manifest))
        return 0

    def end(
        self, job: Mapping[str, Any], code: int, message: str = "", *, disrupted: bool = False, **terminated: Any
    ) -> None:
        """The process of a Job ends with an exit code and a termination message, or because its pod is disrupted."""
        ended = {"exitCode": code, "message": message, "startedAt": NOW, "finishedAt": NOW, **terminated}
        why = [{"type": "DisruptionTarget", "status": "True", "message": "drained"}] if disrupted else []
        self._pod(job, {"state": {"terminated": ended}}, "Failed" if code else "Succeeded", why)
        condition = {"type": "Failed" if code else "Complete", "status": "True", "lastTransitionTime": NOW}
        metadata = job["metadata"]
        self.cluster.set("jobs", metadata["namespace"], metadata["name"], status={"conditions": [condition]})

    def block(self, job: Mapping[str, Any], why: str) -> None:
        """No node takes the pod of a Job."""
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
        self._pod(job, {}, "Pending", [condition])

    def delete(self, job: Mapping[str, Any]) -> None:
        """Somebody deletes a Job."""
        metadata = job["metadata"]
        path = f"/apis/batch/v1/namespaces/{metadata['namespace']}/jobs/{metadata['name']}"
        self.cluster.request("DELETE", path, "deleting")

    def _pod(
        self,
        job: Mapping[str, Any],
        container: Mapping[str, Any],
        phase: str,
        conditions: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        template = job["spec"]["template"]
        self.cluster.set(
            "pods",
            namespace,
            f"{name}-0",
            metadata={
                "labels": {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name},
                "ownerReferences": [{"uid": job["metadata"]["uid"]}],
            },
            spec={**template["spec"], "nodeName": "node-1"},
            status={
                "phase": phase,
                "conditions": list(conditions),
                "containerStatuses": [{"name": template["spec"]["containers"][0]["name"], **container}]
                if container
                else [],
            },
        )

    def _document(self, job: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._text(job, "job.json"))
        return found

    def _text(self, job: Mapping[str, Any], key: str) -> str:
        secret = self.cluster.objects["secrets", job["metadata"]["namespace"], job["metadata"]["name"]]
        return base64.b64decode(secret["data"][key]).decode()

    def _get(self, url: str) -> bytes:
        return self.bucket.objects[_key(url)]

    def _put(self, url: str, data: bytes) -> None:
        self.bucket.objects[_key(url)] = data


@dataclass(frozen=True)
class Trainer:
    """Writes at once what a trainer would; it knows nothing but the document and its URLs."""

    get: Callable[[str], bytes]
    put: Callable[[str, bytes], object]
    metrics: Mapping[str, Any] = field(default_factory=lambda: METRICS)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What it writes, too."""
    log: bytes = b""

    def run(self, document: Mapping[str, Any], outcomes: Mapping[str, float | str] | None = None) -> None:
        files = {**self._outputs(document, outcomes or {}), **self.files}
        data, entries = b"", []
        for path, content in sorted(files.items()):
            entry = {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            entries.append({**entry, "pack": 0, "offset": len(data)})
            data += content
        pack = {"name": "pack-0000", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest = {"schema": 1, "packs": [pack] if files else [], "files": entries}
        output = document["output"]
        self.put(output["packs"][0], data)
        self.put(output["log"], self.log)
        self.put(output["manifest"], json.dumps(manifest).encode())

    def _outputs(self, document: Mapping[str, Any], outcomes: Mapping[str, float | str]) -> dict[str, bytes]:
        inputs = {each["name"]: self._read(each) for each in document["inputs"]}
        command = document["command"]
        if "generate" in command:
            return {"/new_script.txt": SCRIPT, "/generation.json": generated(best_run(inputs["model"]))}
        if "trial" in command:
            name = next(iter(inputs["trial"])).split("/")[1]
            return trained_trial(name, inputs["trial"], outcomes.get(name, float(name[:4])))
        words = b"".join(inputs["corpus"].values()) + b"".join(inputs.get("base", {}).values())
        return {"/metrics.json": json.dumps(self.metrics).encode(), "/model.json": words}

    def _read(self, source: Mapping[str, Any]) -> dict[str, bytes]:
        manifest = json.loads(self.get(source["manifest"]["url"]))
        found = {}
        for file in manifest["files"]:
            if file["path"].startswith(source["folder"]):
                pack = self.get(source["packs"][file["pack"]])
                found[file["path"]] = pack[file["offset"] : file["offset"] + file["size"]]
        return found


def best_run(files: Mapping[str, bytes]) -> str:
    """Return the folder of the run with the least value; empty if none is complete."""
    records = {path.split("/")[1]: json.loads(text) for path, text in files.items() if path.endswith("/trial.json")}
    values = {name: record["value"] for name, record in records.items() if record["state"] == "complete"}
    return min(values, key=values.__getitem__, default="")


def generated(run: str) -> bytes:
    """Return the generation.json of a script that the best run of a search wrote, or without one the only model."""
    model = {"run": run} if run else {}
    return json.dumps({"schema": 1, "samples": [{"file": "new_script.txt", "words": 5}], "model": model}).encode()


def _key(url: str) -> str:
    return url.removeprefix("https://s3.example/").partition("?")[0]


PLAYS_BRANCH = BranchRef(RepoRef("ml", "plays"), "master")


def trained_trial(name: str, inputs: dict[str, bytes], outcome: float | str) -> dict[str, bytes]:
    """Return what a run of many writes: its value, or why it failed."""
    given = json.loads(inputs[f"/{name}/trial.json"])
    record: dict[str, Any] = {**given, "schema": 1, "epochs": 3, "seconds": 10.0, "gpu_seconds": 8.0}
    folder: dict[str, bytes] = {}
    if isinstance(outcome, str):
        record |= {"state": "failed", "reason": outcome, "message": f"training {outcome} in epoch 3"}
    else:
        record |= {"state": "complete", "value": outcome, "perplexity": 10 * outcome}
        metrics = {
            "schema": 1,
            "epochs": [],
            "perplexity": {"valid": 10 * outcome, "test": 10 * outcome + 1},
            "validation": {"digest": "one text", "nats_per_character": outcome},
        }
        folder = {"model.json": name.encode(), "metrics.json": json.dumps(metrics).encode()}
    folder["trial.json"] = json.dumps(record).encode()
    return {f"/{name}/{file}": text for file, text in folder.items()}
