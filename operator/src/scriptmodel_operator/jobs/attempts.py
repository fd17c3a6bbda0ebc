"""Attempts at runs: one Job and one Secret each."""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from scriptmodel_operator.api.identity import API_VERSION, PLURAL
from scriptmodel_operator.api.marks import Mark, mark_of
from scriptmodel_operator.engine.errors import ConflictError, EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.jobs import logs, pods
from scriptmodel_operator.jobs.document import (
    CHECKPOINTS,
    LOG,
    MANIFEST,
    attempt_prefix,
    job_document,
    manifest_key,
    prefix,
)
from scriptmodel_operator.jobs.job_manifest import (
    ATTEMPT,
    DONE,
    MANAGED_BY,
    MANAGER,
    PIPELINE,
    RUN,
    job_manifest,
    job_name,
    network_policy,
    passed_on,
    secret_manifest,
)
from scriptmodel_operator.jobs.manifest import MAX_MANIFEST_BYTES, Manifest, parse
from scriptmodel_operator.jobs.ports import MERGE_PATCH, Bucket, Cluster
from scriptmodel_operator.jobs.records import RunRecord, RunState
from scriptmodel_operator.jobs.refusals import Refusals
from scriptmodel_operator.jobs.runs import Attempt, AttemptState, JobSettings, Run
from scriptmodel_operator.jobs.store import Versions

KEPT_SECONDS = 24 * 3600
"""How long Kubernetes keeps a Job whose end is recorded."""
_MOST_EARLIER = 8
_LONGEST_SELECTOR = 4000
_JOB_NAME = "batch.kubernetes.io/job-name"
_OURS = f"{MANAGED_BY}={MANAGER},{PIPELINE},{RUN},{ATTEMPT}"
_HASH, _NUMBER = re.compile(r"[0-9a-f]{56}"), re.compile(r"[1-9][0-9]{0,8}")

log = logging.getLogger(__name__)


class Attempts:
    """Starts, observes and ends attempts. Each call may be repeated, also after a kill in the middle of one."""

    def __init__(
        self,
        cluster: Cluster,
        bucket: Bucket,
        settings: JobSettings,
        count: Callable[[str], None] = lambda _state: None,
    ) -> None:
        """`count` receives "started", or how an attempt ended, once that is recorded."""
        self.count = count
        self._cluster = cluster
        self._bucket = bucket
        self._settings = settings
        self._signed: dict[tuple[str, str], float] = {}
        """When the URLs in a Secret were signed, on the monotonic clock; unknown of those of another process."""
        self._refusals = Refusals(cluster)

    def listed(self, namespace: str) -> Sequence[Attempt]:
        """Return the attempts of a namespace that have a Job, but for those that `end` has marked as done.

        One whose Job somebody deleted is missing, too: it is lost.
        """
        query = urlencode({"labelSelector": f"{_OURS},!{DONE}"})
        what = f"listing Jobs in namespace {namespace}"
        jobs = self._cluster.request("GET", f"{_jobs(namespace)}?{query}", what)["items"]
        found = self._pods(namespace, _pods_of(jobs)) if jobs else []
        newest = {_job_of(pod): pod for pod in sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])}
        now = datetime.now(UTC)
        return [
            pods.attempt_of(job, pod, now, self._refusals.of(job, pod, now))
            for job in jobs
            if _valid(job)
            for pod in [newest.get(job["metadata"]["name"])]
        ]

    def start(self, run: Run, number: int, owner: Mapping[str, Any]) -> None:
        """Create the Secret and the Job of an attempt; `owner` is the ownerReference of both.

        Existing ones are not an error. Raises RefusedError if policy or Kubernetes refuses them.
        """
        if refused := self._settings.refusal(run.spec):
            raise RefusedError(f"starting {job_name(run, number)}", refused)
        for each in run.inputs:
            if each.of_folder:
                self._bucket.put(manifest_key(run, each), each.part.encode())
        self._write_secret(run, number, [owner])
        owner_now = self.owner(run.namespace, mark_of(run.spec.annotations))
        settings = replace(self._settings, labels={**self._settings.labels, **passed_on(owner_now)})
        if settings.egress:
            self.put("networkpolicies", network_policy(run, settings, owner), "spec")
        job = job_manifest(run, number, settings, owner)
        with suppress(ConflictError):  # an operator that was killed has created it
            self.create(job)

    def take(self, run: Run, number: int) -> Manifest:
        """Return the manifest of a succeeded attempt, without what it was made from.

        Raises RefusedError if there is none, it is not valid, or its packs are not there.
        """
        own, what = prefix(run, number), f"reading the result of {job_name(run, number)}"
        try:
            manifest = parse(self._bucket.get(own + MANIFEST, MAX_MANIFEST_BYTES), prefix=own)
        except NotFoundError:
            raise RefusedError(
                what, f"it stored none: is {run.spec.image} an image of scriptmodel's trainer?"
            ) from None
        Versions(self._bucket).check_sizes(manifest)
        return manifest

    def end(self, namespace: str, name: str, *, done: bool = False) -> None:
        """Clean up an attempt that ended: store its log unless the trainer did, delete its Secret, and have Kubernetes
        delete its Job after a day, or now if its pod never ended. A missing Job is not an error.

        It is listed no more if it is `done`: the result of its run is stored.
        """
        job = self._job(namespace, name)
        pod = self._pod(namespace, f"{_JOB_NAME}={name}") if job else None
        if job is None or not pods.has_ended(job, pod):
            self.stop(namespace, name)
            return
        if pod and _valid(job):
            self._keep_log(job, pod)
        self._forget_secret(namespace, name)
        ttl: dict[str, Any] = {"spec": {"ttlSecondsAfterFinished": KEPT_SECONDS}}
        if done:
            ttl["metadata"] = {"labels": {DONE: "true"}}
        self._cluster.request("PATCH", f"{_jobs(namespace)}/{name}", f"ending Job {name}", ttl, MERGE_PATCH)

    def stop(self, namespace: str, name: str) -> None:
        """Delete Job, pod and Secret of an attempt. Missing ones are not an error."""
        self._delete(_jobs(namespace), name, "Job")
        self._forget_secret(namespace, name)

    def renew(self, run: Run, number: int) -> None:
        """Sign the URLs of an attempt again once half of their life is over, or if it is not known.

        A missing Job is not an error.
        """
        name = job_name(run, number)
        signed = self._signed.get((run.namespace, name))
        if signed is not None and time.monotonic() - signed < self._settings.url_seconds / 2:
            return
        job = self._job(run.namespace, name)
        if job is not None:
            self._write_secret(run, number, job["metadata"].get("ownerReferences") or [])

    def log(self, namespace: str, run: RunRecord, *, follow: bool, seconds: float) -> LogStream:
        """Return the log of an attempt for at most `seconds`: of its pod while that exists, else from the bucket.

        Raises NotFoundError if there is neither, or the pod has not started.
        """
        pod = self._pod(namespace, f"{RUN}={run.hash},{ATTEMPT}={run.attempt}")
        if pod is None or not pods.has_started(pod):
            return self._stored_log(namespace, run)
        try:
            return logs.PodLog(self._cluster, pod, follow=follow, seconds=seconds)
        except EngineError as error:  # a pod may outlive its node, which has the log
            try:
                return self._stored_log(namespace, run)
            except NotFoundError:
                raise error from None

    def owner(self, namespace: str, mark: Mark | None) -> Mapping[str, Any]:
        """Return the ScriptModel that a mark names, as it is now; empty if it is gone.

        A list needs no right that the operator does not have for its watch. People may edit the mark, so only this
        namespace is read.
        """
        if mark is None:
            return {}
        query = urlencode({"fieldSelector": f"metadata.name={mark.owner.name}"})
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}?{query}"
        return next(iter(self._cluster.request("GET", path, f"reading ScriptModel {mark.owner}")["items"]), {})

    def _write_secret(self, run: Run, number: int, owners: Sequence[Mapping[str, Any]]) -> None:
        name = job_name(run, number)
        signed = time.monotonic()
        seconds = self._settings.url_seconds
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        sign = partial(self._bucket.sign, seconds=seconds)
        document = job_document(run, number, self._earlier(run, number), sign, expires)
        self.put("secrets", secret_manifest(run, number, document, self._settings.labels, owners), "data")
        self._signed[run.namespace, name] = signed

    def put(self, resource: str, wanted: Mapping[str, Any], field: str) -> None:
        """Create an object, or update this field of the one of its name."""
        what, metadata = f"{wanted['kind']} {wanted['metadata']['name']}", wanted["metadata"]
        version = wanted["apiVersion"]
        api = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = f"{api}/namespaces/{metadata['namespace']}/{resource}"
        try:
            self._cluster.request("POST", path, f"creating {what}", wanted)
        except ConflictError:
            patch = {field: wanted[field]}
            self._cluster.request("PATCH", f"{path}/{metadata['name']}", f"updating {what}", patch, MERGE_PATCH)

    def create(self, job: Mapping[str, Any]) -> None:
        """Create a Job. Raises ConflictError if there is one of its name."""
        path = _jobs(job["metadata"]["namespace"])
        self._cluster.request("POST", path, f"creating Job {job['metadata']['name']}", job)

    def found(self, namespace: str, name: str) -> Attempt | None:
        """Return the attempt of a Job; None without one, or if somebody changed its labels."""
        job = self._job(namespace, name)
        if job is None or not _valid(job):
            return None
        pod, now = self._pod(namespace, f"{_JOB_NAME}={name}"), datetime.now(UTC)
        return pods.attempt_of(job, pod, now, self._refusals.of(job, pod, now))

    def _earlier(self, run: Run, number: int) -> list[int]:
        """Return the earlier attempts that may have a checkpoint, newest first. The one before may still store it."""
        if number == 1:
            return []
        found = {number - 1}
        for key in self._bucket.sizes(prefix(run, 0).removesuffix("0/")):
            *_folders, attempt, name = key.split("/")
            if name in CHECKPOINTS and attempt.isdecimal() and int(attempt) < number:
                found.add(int(attempt))
        return sorted(found, reverse=True)[:_MOST_EARLIER]

    def _job(self, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return self._cluster.request("GET", f"{_jobs(namespace)}/{name}", f"reading Job {name}")
        except NotFoundError:
            return None

    def _pod(self, namespace: str, selector: str) -> dict[str, Any] | None:
        """Return the newest pod with these labels."""
        found = self._pods(namespace, selector)
        return max(found, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)

    def _pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        path = f"{_core(namespace, 'pods')}?{urlencode({'labelSelector': selector})}"
        return list(self._cluster.request("GET", path, f"listing pods in namespace {namespace}")["items"])

    def _keep_log(self, job: dict[str, Any], pod: dict[str, Any]) -> None:
        """Store the newest lines of a pod that failed, if they are more than what the trainer stored."""
        labels, name = job["metadata"]["labels"], job["metadata"]["name"]
        ended = pods.ending(pod)
        if ended is None or ended.state is AttemptState.SUCCEEDED:
            return
        try:
            found = logs.tail(self._cluster, pod)
        except EngineError as error:  # the log is on a node that may never answer again
            log.warning("the end of the log of Job %s is lost: %s", name, error)
            return
        own = attempt_prefix(job["metadata"]["namespace"], labels[RUN], int(labels[ATTEMPT]))
        if len(found) > self._bucket.sizes(own).get(own + LOG, 0):
            self._bucket.put(own + LOG, found)

    def _stored_log(self, namespace: str, run: RunRecord) -> logs.StoredLog:
        key = attempt_prefix(namespace, run.hash, run.attempt) + LOG
        failure = run.reason if run.state is RunState.FAILED else ""
        return logs.StoredLog(self._bucket.get(key, logs.MAX_STORED_BYTES), failure)

    def _forget_secret(self, namespace: str, name: str) -> None:
        self._signed.pop((namespace, name), None)
        self._delete(_core(namespace, "secrets"), name, "Secret")

    def _delete(self, path: str, name: str, kind: str) -> None:
        with suppress(NotFoundError):
            background = {"propagationPolicy": "Background"}
            self._cluster.request("DELETE", f"{path}/{name}", f"deleting {kind} {name}", background)


def _jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def _core(namespace: str, kind: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{kind}"


def _pods_of(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return the selector of the pods of Jobs; of all ours if it would be too long for a URL."""
    names = ",".join(job["metadata"]["name"] for job in jobs)
    return f"{_JOB_NAME} in ({names})" if len(names) <= _LONGEST_SELECTOR else _OURS


def _job_of(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get(_JOB_NAME))


def _valid(job: Mapping[str, Any]) -> bool:
    """Return whether the labels that name a run are as the operator wrote them: others may write Jobs, too."""
    labels = job["metadata"]["labels"]
    written = _HASH.fullmatch(labels.get(RUN, "")) and _NUMBER.fullmatch(labels.get(ATTEMPT, ""))
    return bool(written and labels.get(PIPELINE))
