"""Opens the engine of Jobs and a bucket."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptmodel_operator.engine.counting import Called
from scriptmodel_operator.engine.values import ResourceAmounts
from scriptmodel_operator.jobs.answers import Requests
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.fetches import Fetches
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.planning import MayRead
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
    image: str,
    pod: Mapping[str, Any],
    hosts: Sequence[str],
    called: Called,
    count: Callable[[str], None],
) -> tuple[JobsGateway, Requests]:
    """Return the engine of some namespaces, or of all, and the requests of people there.

    `requests` and `labels` are for Jobs; `image`, `pod` and `hosts` for those that fetch corpora. `close` ends calls to
    the API server, `called` receives those to the bucket, `count` the states of attempts.
    """
    bucket, records = open_bucket(storage, called), Records(cluster, namespaces)
    versions = Versions(bucket)
    settings = JobSettings(
        min(storage.url_lifetime, bucket.longest), requests, labels, json.loads(storage.storage_egress), pod
    )
    attempts = Attempts(cluster, bucket, settings, count)
    fetches = Fetches(bucket, records, versions, attempts, settings, image, hosts) if image else None
    gateway = JobsGateway(records, bucket, versions, attempts, may_read, close, fetches)
    return gateway, Requests(cluster, bucket, records, versions, gateway.put_version, may_read, namespaces)
