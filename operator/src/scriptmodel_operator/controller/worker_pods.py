"""Finds out whether the pods of a waiting train job are gated by a queue, where the operator may list pods."""

import logging
from dataclasses import replace
from datetime import datetime

from scriptmodel_operator.engine.values import JobRef, PipelineRef
from scriptmodel_operator.kube.errors import KubeError
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.observe.view import ModelView

log = logging.getLogger(__name__)


class WorkerPods:
    """Lists the pods of train pipelines that have a queue and a job that no worker has taken."""

    def __init__(self, gateway: KubeGateway, namespace: str) -> None:
        """`namespace` is that of Pachyderm's pods, empty if they must not be listed."""
        self._gateway = gateway
        self._namespace = namespace
        self._released: dict[PipelineRef, tuple[JobRef, datetime]] = {}
        """When the pods of a job were first observed without gates."""
        self._reported = ""

    async def observed(self, view: ModelView) -> ModelView:
        """Return the view with what the pods say of its queue; the view itself if they cannot be listed."""
        train = view.train
        if train is None or not self._namespace:
            return view
        queue = train.queue
        if queue is None or train.newest is None:
            self._released.pop(train.info.ref, None)
            return view
        try:
            listed = await self._gateway.list_pods(self._namespace, _selector(train.info.ref, train.info.version))
        except KubeError as error:
            self._report(str(error))
            return view
        pods = [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]
        if any(pod["spec"].get("schedulingGates") for pod in pods):
            self._released.pop(train.info.ref, None)
            return replace(view, train=replace(train, queue=replace(queue, gated=True)))
        released = self._first_released(train.newest.ref, view.engine.time) if pods else None
        return replace(view, train=replace(train, queue=replace(queue, gated=False, released=released)))

    def _first_released(self, job: JobRef, now: datetime) -> datetime:
        known, since = self._released.get(job.pipeline, (None, None))
        if known != job or since is None:
            since = now
            self._released[job.pipeline] = (job, since)
        return since

    def _report(self, problem: str) -> None:
        """Log a problem once, until it is another one: each object with a queue meets it at each poll."""
        if problem != self._reported:
            log.warning("cannot list the pods of train jobs: %s", problem)
            self._reported = problem


def _selector(pipeline: PipelineRef, version: int) -> str:
    """Return a selector with the labels that Pachyderm gives the pods of a pipeline."""
    return f"pipelineProject={pipeline.project},pipelineName={pipeline.name},pipelineVersion={version}"
