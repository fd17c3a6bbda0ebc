"""The composition root: creates the parts of the operator, runs them together and stops them in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

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
from scriptmodel_operator.kube import watch
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.kube.heartbeat import WatchHeartbeat
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.kopf_patches.endings import quiet_endings
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.kopf_patches.watch_session import watch_session
from scriptmodel_operator.kube.leader import Leader
from scriptmodel_operator.kube.login import LoginFailedError, login, own_namespace
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.leadership import UNLIMITED, Leadership
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.versions import ServerVersion, Support

if TYPE_CHECKING:
    from scriptmodel_operator.jobs.answers import Requests

CALL_THREADS = 12
_WAIT_FOR_CRD_SECONDS = 2.0
_LEVELS = {Support.CERTIFIED: logging.INFO, Support.TOO_OLD: logging.ERROR}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Process:
    """The parts that exist from the start, before this process leads and the API server answers."""

    echoes: EchoFilter
    store: Store
    metrics: Metrics
    queue: WorkQueue
    watches: WatchHeartbeat
    health: Health
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by SIGTERM and SIGINT."""

    @classmethod
    def create(cls, *, namespaced: bool = False) -> Process:
        """With `namespaced` the project of an object is its namespace."""
        echoes = EchoFilter()
        store = Store(echoes, namespaced=namespaced)
        metrics = Metrics(store)
        watches = WatchHeartbeat()
        return cls(echoes, store, metrics, WorkQueue(metrics), watches, Health(metrics, watches))

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
    quiet_endings(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(process.health, config.health_listen))
        leader = await stack.enter_async_context(_leader(config)) if config.leader_elect else None
        client = await stack.enter_async_context(KubeClient(partial(login, config.kubeconfig), leader or UNLIMITED))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        work = start(group, "watch", partial(_lead, group, config, client, process, leader))
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
    group: asyncio.TaskGroup, config: OperatorConfig, client: KubeClient, process: Process, leader: Leader | None
) -> None:
    """Work while this process leads. The lease is renewed until nothing is in progress any more."""
    if leader is None:
        await _work(group, config, client, process, UNLIMITED)
        return
    await leader.acquire(process.health.beat, process.health.mark_ready)
    keeping = start(group, "leader", leader.keep)
    try:
        await _work(group, config, client, process, leader)
    finally:
        keeping.cancel()


@asynccontextmanager
async def _leader(config: OperatorConfig) -> AsyncIterator[Leader]:
    """Create the leader with a client of its own, so that renewals never wait for other requests."""
    namespace = config.lease_namespace or own_namespace()
    if not namespace:
        raise LoginFailedError("not in a pod: name the namespace of the lease with --lease-namespace")
    async with KubeClient(partial(login, config.kubeconfig), UNLIMITED) as client:
        leader = Leader(client, namespace)
        try:
            yield leader
        finally:
            await leader.release()


async def _work(
    group: asyncio.TaskGroup, config: OperatorConfig, client: KubeClient, process: Process, leadership: Leadership
) -> None:
    cluster = await _first_contact(client, config, process.health)
    store, queue = process.store, process.queue

    def connect() -> kopf.AiohttpSession:
        return watch_session(login(config.kubeconfig), process.watches, process.echoes)

    # At its end, kopf waits for tasks that started after it, so the operator's own start before.
    gateway, where, requests = open_engine(config, client, process, leadership)
    async with working(group, config, client, gateway, cluster, process, requests):
        log.info("watching %s; %s", ", ".join(config.namespaces) or "all namespaces", where)
        before = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=watch.registry(partial(arrived, store, queue), partial(deleted, store, queue), connect),
            settings=watch.settings(),
            standalone=True,
            clusterwide=not config.namespaces,
            namespaces=config.namespaces,
        )
        process.stop_on_signals()  # kopf handles them by an end like any other
        await kopf.run_tasks(tasks, ignored=before)


async def _first_contact(client: KubeClient, config: OperatorConfig, health: Health) -> str:
    """Return the cluster's id once the API server answers and serves ScriptModels."""
    reported = ""
    while True:
        health.beat()
        try:
            if await client.serves_scriptmodels():
                return config.cluster_id or await client.namespace_uid("kube-system")
            problem = NOT_INSTALLED
        except KubeError as error:
            problem = str(error)
        if problem != reported:
            log.warning("waiting: %s", problem)
            reported = problem
        await asyncio.sleep(_WAIT_FOR_CRD_SECONDS)


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
    config: OperatorConfig, client: KubeClient, process: Process, leadership: Leadership
) -> tuple[Gateway, str, Requests | None]:
    """Return the engine of a configuration, where it is, for the log, and the requests that people make to it."""
    if config.storage is None:
        return *open_pachyderm(config, process, leadership), None
    # Its libraries take memory that an operator of a pachd need not have.
    from scriptmodel_operator.job_engine import open_jobs  # noqa: PLC0415 - see above

    cluster = KubeCluster(client, asyncio.get_running_loop(), partial(process.metrics.called, "kubernetes"))
    gateway, people = open_jobs(config, config.storage, cluster, process.metrics)
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
    snapshots = SnapshotPoller(gateway, store.projects, queue.add, lambda: queue.active, health.beat)
    ticker = Ticker(store, snapshots, queue, observer.logs, config.poll_interval, health.beat)
    events = EventRecorder(kube, metrics.events_left_out.inc)
    downloads = Downloads(gateway, config.download_timeout, queue.add)
    engines = RecordedEngines(gateway, calls, store, JOBS if config.storage else "")
    observing = Observing(config, cluster, kube, engines, snapshots, ticker, observer, downloads)
    reporter = Reporter(kube, store, queue, events, engines)
    reconciler = Reconciler(config, store, engines, observing, reporter, downloads, metrics)
    return Parts(reconciler, snapshots, ticker, observer, events, downloads)
