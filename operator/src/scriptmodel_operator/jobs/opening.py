"""Opens the engine of Jobs and a bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from scriptmodel_operator.engine.values import ResourceAmounts
from scriptmodel_operator.jobs.advance import MayRead
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.ports import Cluster
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import Versions


def open_jobs(
    storage: StorageConfig,
    cluster: Cluster,
    namespaces: Sequence[str],
    requests: ResourceAmounts,
    labels: Mapping[str, str],
    may_read: MayRead,
    close: Callable[[], None],
) -> JobsGateway:
    """Return the engine of some namespaces, or of all. `requests` and `labels` are for Jobs, `close` ends requests."""
    bucket = open_bucket(storage)
    settings = JobSettings(storage.url_lifetime, requests, labels)
    attempts = Attempts(cluster, bucket, settings)
    return JobsGateway(Records(cluster, namespaces), bucket, Versions(bucket), attempts, may_read, close)
