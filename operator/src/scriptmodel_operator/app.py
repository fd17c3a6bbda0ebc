"""The composition root: creates the parts of the operator, runs them together and stops them in order."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from scriptmodel_operator.api.durations import backoff
from scriptmodel_operator.api.identity import JOBS
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import InvalidSpecError, ScriptModel, parse_object
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.engines import RecordedEngines
from scriptmodel_operator.controller.observing import Observing
from scriptmodel_operator.controller.queue import WorkQueue, arrived, deleted
from scriptmodel_operator.controller.reconciler import Reconciler
from scriptmodel_operator.controller.reporter import Reporter
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.health import Health, serving
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.gateway import KubeGateway, ThreadedKube
from scriptmodel_operator.kube.leader import Leader
from scriptmodel_operator.kube.login import Credentials, LoginFailedError, login, own_namespace
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.kube.watch import Watch, readable
from scriptmodel_operator.leadership import UNLIMITED, Ending, Leadership
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.versions import ServerVersion, Support

if TYPE_CHECKING:
    from scriptmodel_operator.jobs.answers import Requests

CALL_THREADS = 12
KUBE_THREADS = 16
"""With more, the requests of thousands of objects would wait at the API server until their deadlines pass."""
_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 120.0
_LEVELS = {Support.CERTIFIED: logging.INFO, Support.TOO_OLD: logging.ERROR}

T = TypeVar("T")
Renewals = tuple[Leader, Calls]
"""The leader, and the thread in which it renews its lease."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Process:
    """The parts that exist from the start, before this process leads and the API server answers."""

    store: Store
    metrics: Metrics
    queue: WorkQueue
    health: Health
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by SIGTERM and SIGINT."""

    @classmethod
    def create(cls, *, namespaced: bool = False) -> Process:
        """With `namespaced` the project of an object is its namespace."""
        store = Store(namespaced=namespaced)
        metrics = Metrics(store)
        return cls(store, metrics, WorkQueue(metrics), Health(metrics))

    def stop_on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop.set)


@dataclass(frozen=True)
class Parts:
    """What runs beside the watch, or is closed at the end."""

    reconciler: Reconciler
    snapshots: SnapshotPoller
    ticker: Ticker
    observer: Observer
    events: EventRecorder
    downloads: Downloads


async def run(config: OperatorConfig) -> None:
    """Run the operator until SIGTERM or SIGINT.

    All tasks are in one group, so an error of any ends the others. Raises an ExceptionGroup then, of LoginFailedError
    or KubeError if the cluster cannot be used at all, of LeadershipLostError if another replica takes over.
    """
    process = Process.create(namespaced=config.policy.namespaced)
    process.stop_on_signals()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(process.health, config.health_listen))
        credentials = await asyncio.to_thread(Credentials, partial(login, config.kubeconfig))
        leader = await stack.enter_async_context(_leader(config, credentials)) if config.leader_elect else None
        group = await stack.enter_async_context(asyncio.TaskGroup())
        work = start(group, "work", partial(_lead, group, config, credentials, process, leader))
        await process.stop.wait()
        work.cancel()


def start(group: asyncio.TaskGroup, name: str, part: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
    """Run a part of the operator in a task that ends only when it is cancelled: its return is an error, too."""

    async def endless() -> None:
        await part()
        if not task.cancelling():  # some parts return when they are cancelled
            raise RuntimeError(f"the task {name!r} has ended")

    task = group.create_task(endless(), name=name)
    return task


async def _lead(
    group: asyncio.TaskGroup,
    config: OperatorConfig,
    credentials: Credentials,
    process: Process,
    renewals: Renewals | None,
) -> None:
    """Work while this process leads. The lease is renewed until nothing is in progress any more."""
    if renewals is None:
        await _work(group, config, credentials, process, UNLIMITED)
        return
    leader, thread = renewals
    await thread.run(leader.acquire, process.health.beat, process.health.mark_ready)
    keeping = start(group, "leader", partial(thread.run, leader.keep))
    try:
        await _work(group, config, credentials, process, leader)
    finally:
        keeping.cancel()


@asynccontextmanager
async def _leader(config: OperatorConfig, credentials: Credentials) -> AsyncIterator[Renewals]:
    """Create the leader and its thread, in which no other request delays a renewal; release the lease at the end."""
    namespace = config.lease_namespace or own_namespace()
    if not namespace:
        raise LoginFailedError("not in a pod: name the namespace of the lease with --lease-namespace")
    leader, thread = Leader(KubeClient(credentials), namespace), Calls(1)
    try:
        yield leader, thread
    finally:
        leader.stopped.set()
        await thread.run(leader.release)
        thread.close()


async def _work(
    group: asyncio.TaskGroup, config: OperatorConfig, credentials: Credentials, process: Process, leadership: Leadership
) -> None:
    client, threads = KubeClient(credentials, leadership), Calls(KUBE_THREADS)
    try:
        cluster = config.cluster_id or await _answered(
            partial(threads.run, client.namespace_uid, "kube-system"), process
        )
        await _answered(partial(threads.run, _served, client), process)
        gateway, where, requests = open_engine(config, credentials, process, leadership)
        async with working(group, config, ThreadedKube(client, threads), gateway, cluster, process, requests):
            log.info("watching %s; %s", ", ".join(config.namespaces) or "all namespaces", where)
            await _watch(config, credentials, process, client, threads)
    finally:
        await asyncio.to_thread(threads.close)


async def _watch(
    config: OperatorConfig, credentials: Credentials, process: Process, client: KubeClient, requests: Calls
) -> None:
    """Fill store and queue. kopf ends if the CRD is deleted or any namespace refuses: it starts again with the others.

    The waits before it starts again grow, also those until a namespace that refuses is asked again.
    """
    wanted: Sequence[str | None] = config.namespaces or [None]
    thread, failures = Calls(1), 0
    try:
        while True:
            await _answered(partial(requests.run, _served, client), process)
            allowed = await _answered(partial(requests.run, readable, client, wanted), process)
            process.health.mark_ready(bool(allowed))
            started, failures = time.monotonic(), failures + 1
            wait = backoff(failures, _RETRY_SECONDS, _LONGEST_RETRY_SECONDS, random.random())
            with suppress(TimeoutError):
                async with asyncio.timeout(None if len(allowed) == len(wanted) else wait):
                    if allowed:
                        await _deliver(credentials, [each for each in allowed if each], process, thread)
            lasted = time.monotonic() - started
            if lasted > _LONGEST_RETRY_SECONDS:
                failures = 0
            await asyncio.sleep(wait - lasted)
    finally:
        await asyncio.to_thread(thread.close)


async def _deliver(credentials: Credentials, namespaces: Sequence[str], process: Process, thread: Calls) -> None:
    """Deliver what kopf receives until it ends, or this is cancelled."""
    loop, store, queue = asyncio.get_running_loop(), process.store, process.queue

    def deliver(receive: Callable[..., None], *event: Any, **listed: Any) -> None:
        loop.call_soon_threadsafe(partial(receive, store, queue, *event, **listed))

    watch = Watch(credentials, namespaces, partial(deliver, arrived), partial(deliver, deleted))
    try:
        await thread.run(watch.run)
    except Exception as error:  # any of kopf's: there is no other way to watch
        log.warning(
            "the watch of ScriptModels ended and starts again: %s", " ".join(str(error).split()) or type(error).__name__
        )
    finally:
        watch.stop()


def _served(client: KubeClient) -> None:
    if not client.serves_scriptmodels():
        raise KubeError("waiting for ScriptModels", 0, NOT_INSTALLED)


async def _answered(request: Callable[[], Awaitable[T]], process: Process) -> T:
    """Return the answer to a request once there is one; log why there is none yet."""
    reported = ""
    while True:
        process.health.beat()
        try:
            return await request()
        except KubeError as error:
            process.health.mark_ready(False)
            if reported != (reported := str(error)):
                log.warning("%s", reported)
        await asyncio.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def working(
    group: asyncio.TaskGroup,
    config: OperatorConfig,
    kube: KubeGateway,
    gateway: Gateway,
    cluster: str,
    process: Process,
    requests: Requests | None = None,
) -> AsyncIterator[None]:
    """Run everything but the watch in `group`: the operator reconciles each object that the queue receives.

    With `requests` it answers those of people.

    The gateway is closed at the end.
    """
    calls = Calls(CALL_THREADS)
    parts = compose(config, kube, gateway, calls, cluster, process)
    parts.snapshots.create_task = group.create_task
    queue, ticker = process.queue, parts.ticker

    process.health.mark_ready()
    background = [
        start(group, "queue", partial(queue.run, parts.reconciler.reconcile, config.workers)),
        start(group, "ticker", ticker.run),
        *([start(group, "requests", partial(requests.run, calls))] if requests else []),
    ]
    sending = start(group, "events", parts.events.run)
    try:
        await asyncio.gather(queue.started.wait(), ticker.started.wait())
        yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        if not sending.cancelling():  # as after an error in the group
            await parts.events.drain()
        sending.cancel()
        await asyncio.wait([sending])
        parts.observer.logs.close()
        parts.downloads.close()
        gateway.close()
        await parts.snapshots.close()
        await asyncio.to_thread(calls.close)


def open_engine(
    config: OperatorConfig, credentials: Credentials, process: Process, leadership: Leadership
) -> tuple[Gateway, str, Requests | None]:
    """Return the engine of a configuration, where it is, for the log, and the requests that people make to it."""
    if config.storage is None:
        return *open_pachyderm(config, process, leadership), None
    # Its libraries take memory that an operator of a pachd need not have.
    from scriptmodel_operator.job_engine import open_jobs  # noqa: PLC0415 - see above

    acting = Ending(leadership)
    cluster = KubeCluster(KubeClient(credentials, acting), partial(process.metrics.called, "kubernetes"))
    gateway, people = open_jobs(config, config.storage, cluster, process.metrics, acting)
    return gateway, f"Jobs and the bucket {config.storage.storage}", people


def open_pachyderm(config: OperatorConfig, process: Process, leadership: Leadership) -> tuple[Gateway, str]:
    if config.pachd is None:
        raise ValueError("neither a pachd nor a bucket")
    metrics = process.metrics
    gateway = PachydermGateway(
        config.pachd, leadership, partial(metrics.called, "pachyderm"), version_reporter(metrics)
    )
    return gateway, f"pachd at {config.pachd.address}"


def version_reporter(metrics: Metrics) -> Callable[[ServerVersion], None]:
    """Return a function that receives the version of pachd each time that the gateway reads it, in any thread.

    It logs a changed version, and sets the metric.
    """
    reported: ServerVersion | None = None

    def report(version: ServerVersion) -> None:
        nonlocal reported
        if version == reported:
            return
        reported = version
        log.log(_LEVELS.get(version.support, logging.WARNING), "%s", version.verdict)
        metrics.pachyderm_version("localpach" if version.localpach else "pachd", str(version), version.support.value)

    return report


def compose(
    config: OperatorConfig, kube: KubeGateway, gateway: Gateway, calls: Calls, cluster: str, process: Process
) -> Parts:
    """Create the parts, each after those that it uses."""
    store, queue, metrics, health = process.store, process.queue, process.metrics, process.health

    def find(key: Key) -> ScriptModel | None:
        stored = store.get(key)
        with suppress(InvalidSpecError):
            return parse_object(stored.raw) if stored else None
        return None

    observer = Observer(gateway, cluster, lambda: len(store), find)
    snapshots = SnapshotPoller(gateway, store.projects, queue.add, health.beat)
    ticker = Ticker(store, snapshots, queue, observer.logs, config.poll_interval, health.beat)
    events = EventRecorder(kube, metrics.events_left_out.inc)
    downloads = Downloads(gateway, config.download_timeout, queue.add)
    engines = RecordedEngines(gateway, calls, store, JOBS if config.storage else "")
    observing = Observing(config, cluster, kube, engines, snapshots, ticker, observer, downloads)
    reporter = Reporter(kube, store, queue, events, engines)
    reconciler = Reconciler(config, store, engines, observing, reporter, downloads, metrics)
    return Parts(reconciler, snapshots, ticker, observer, events, downloads)
