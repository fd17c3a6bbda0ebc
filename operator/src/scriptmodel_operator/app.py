"""The composition root: makes every part, runs them together, ends them in order."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator import handlers
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller import Controller
from scriptmodel_operator.health import Health, serving
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.fetch import Patience
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.framework import kopf
from scriptmodel_operator.kube.leader import Leader
from scriptmodel_operator.kube.login import LoginFailedError, login, own_namespace
from scriptmodel_operator.kube.pulse import listening
from scriptmodel_operator.kube.secrets import CorpusSecrets
from scriptmodel_operator.kube.sources import Sources
from scriptmodel_operator.kube.store import News, Store, key_of
from scriptmodel_operator.kube.telling import Teller
from scriptmodel_operator.kube.writer import ObjectWriter
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.source import SnapshotSource
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.clock import PachydClock
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.reconcile.queue import WorkQueue
from scriptmodel_operator.sweeper import Sweeper
from scriptmodel_operator.ticker import Ticker

CALL_THREADS = 12
PUT_RIGHT_SECONDS = 1.0
_WAIT_FOR_CRD_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass
class Inbox:
    """What the watch delivers goes to the store and the queue."""

    store: Store
    queue: WorkQueue

    def arrived(self, raw: Mapping[str, Any]) -> None:
        key = key_of(raw)
        news = self.store.put(raw)
        # What is written while the object is being reconciled is the echo of that; what is written at another
        # time was written by somebody else, and is put right; not at once, for it may be another operator that does so.
        if news is News.ASKED:
            self.queue.add(key)
        elif news is News.WRITTEN and not self.queue.busy(key):
            self.queue.add_after(key, PUT_RIGHT_SECONDS)

    def gone(self, raw: Mapping[str, Any]) -> None:
        if self.store.remove(raw):
            self.queue.forget(key_of(raw))


async def run(config: OperatorConfig) -> None:
    """Until SIGTERM or SIGINT.

    Raises LoginFailedError or KubeError where the cluster cannot be used at all, LeadershipLostError where another
    replica is to go on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    health = Health(Metrics(Store()))
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(serving(health, config.health_listen))
        leader = await parts.enter_async_context(_leader(config)) if config.leader_elect else None
        left = leader.left if leader else lambda: math.inf
        client = await parts.enter_async_context(_kube_client(config, left))
        if leader is not None:
            await _first_of(leader.acquire(health.beat, health.can_take_over), stop.wait())
        if not stop.is_set():
            # The lease is kept until nothing is under way any more.
            keep = [leader.keep()] if leader else []
            await _first_of(_work(config, client, health, left), stop.wait(), *keep)


async def _first_of(*parts: Coroutine[Any, Any, object]) -> None:
    """Run together until the first one ends; the others are cancelled one after another. Raises what it raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    ended: set[asyncio.Task[object]] = set()
    try:
        ended, _others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    for task in ended:
        task.result()


@asynccontextmanager
async def _kube_client(
    config: OperatorConfig, left: Callable[[], float] = lambda: math.inf
) -> AsyncIterator[KubeClient]:
    client = KubeClient(lambda: login(config.kubeconfig), left)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _leader(config: OperatorConfig) -> AsyncIterator[Leader]:
    """With connections of its own, so that renewals wait for nothing."""
    namespace = config.lease_namespace or own_namespace()
    if not namespace:
        raise LoginFailedError("not in a pod: name the namespace of the lease with --lease-namespace")
    async with _kube_client(config) as client:
        leader = Leader(client, namespace)
        try:
            yield leader
        finally:
            await leader.release()


async def _work(config: OperatorConfig, client: KubeClient, health: Health, left: Callable[[], float]) -> None:
    cluster = await _first_contact(client, config, health)
    await _serve(config, client, cluster, health, left)


async def _first_contact(client: KubeClient, config: OperatorConfig, health: Health) -> str:
    """The cluster's id, once the API server answers and serves ScriptModels."""
    told = ""
    while True:
        health.beat()
        try:
            if await client.serves_scriptmodels():
                return config.cluster_id or await client.namespace_uid("kube-system")
            problem = NOT_INSTALLED
        except KubeError as error:
            problem = str(error)
        if problem != told:
            log.warning("waiting: %s", problem)
            told = problem
        await asyncio.sleep(_WAIT_FOR_CRD_SECONDS)


async def _serve(
    config: OperatorConfig,
    client: KubeClient,
    cluster: str,
    health: Health,
    left: Callable[[], float],
) -> None:
    def connect() -> kopf.AiohttpSession:
        return listening(login(config.kubeconfig), health.pulse, health.metrics.store.echoes)

    # kopf waits at its end for tasks that began after it, so ours begin before.
    async with working(config, client, cluster, health, left) as inbox:
        log.info("watching %s; pachd at %s", ", ".join(config.namespaces) or "all namespaces", config.pachd.address)
        await kopf.operator(
            registry=handlers.registry(inbox, connect),
            settings=handlers.settings(),
            standalone=True,
            clusterwide=not config.namespaces,
            namespaces=config.namespaces,
        )


@asynccontextmanager
async def working(
    config: OperatorConfig,
    client: KubeClient,
    cluster: str,
    health: Health,
    left: Callable[[], float] = lambda: math.inf,
) -> AsyncIterator[Inbox]:
    """Everything but the watch: what is put into the inbox is reconciled until the end."""
    gateway = PachydermGateway(config.pachd, health.metrics.called, left)
    calls = Calls(CALL_THREADS)
    controller, inbox, ticker = compose(config, client, gateway, calls, cluster, health)
    sweeper = Sweeper(gateway, calls, cluster, controller.clock)
    health.ready = True
    background = [
        asyncio.create_task(inbox.queue.run(), name="queue"),
        asyncio.create_task(ticker.run(), name="ticker"),
        asyncio.create_task(sweeper.run(), name="sweeper"),
    ]
    await asyncio.gather(*(part.started.wait() for part in (inbox.queue, ticker, sweeper)))
    try:
        yield inbox
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        controller.observer.logs.close()
        controller.sources.close()
        gateway.close()
        controller.snapshots.close()
        calls.close()


def compose(
    config: OperatorConfig, client: KubeClient, gateway: Gateway, calls: Calls, cluster: str, health: Health
) -> tuple[Controller, Inbox, Ticker]:
    """All parts, wired."""
    store = health.metrics.store
    clock = PachydClock(gateway.server_time)
    observer = Observer(gateway, cluster, clock.now)
    snapshots = SnapshotSource(gateway, store.projects)
    patience, secrets = Patience(total=config.download_timeout), CorpusSecrets(client).read
    downloads = Downloads(gateway, config.destinations, config.downloads, health.metrics.downloaded, patience, secrets)
    controller = Controller(
        config=config,
        cluster=cluster,
        store=store,
        gateway=gateway,
        calls=calls,
        snapshots=snapshots,
        observer=observer,
        writer=ObjectWriter(client),
        teller=Teller(EventRecorder(client, health.metrics.event_left_out)),
        sources=Sources(client, downloads, config.source_interval),
        metrics=health.metrics,
        clock=clock,
    )
    queue = WorkQueue(controller.reconcile, config.workers, failed=health.metrics.retried)
    downloads.call_up = snapshots.call_up = controller.call_up = queue.add
    snapshots.at_work, snapshots.heard = lambda: queue.at_work, health.beat
    controller.failures = queue.failures
    health.metrics.depth = lambda: queue.depth
    health.metrics.skew = lambda: clock.skew
    ticker = Ticker(store, snapshots, queue, observer.logs, config.poll_interval, health.beat)
    controller.saw = ticker.saw
    return controller, Inbox(store, queue), ticker
