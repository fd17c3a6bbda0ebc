"""Opens the engine of Jobs and a bucket."""

import json
from collections.abc import Iterable
from functools import partial

from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.desired.policy import run_refusal
from scriptmodel_operator.jobs.answers import Requests
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.fetches import Fetches
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import Versions
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.leadership import Ending
from scriptmodel_operator.metrics import Metrics


def open_jobs(
    config: OperatorConfig, storage: StorageConfig, cluster: KubeCluster, metrics: Metrics, acting: Ending
) -> tuple[JobsGateway, Requests]:
    """Return the engine of a configuration, and the requests of people in its namespaces."""
    bucket = open_bucket(storage, partial(metrics.called, "bucket"), acting)
    records = Records(cluster, config.namespaces)
    versions, may_read, image = Versions(bucket), config.policy.lists, config.operator_image
    settings = JobSettings(
        min(storage.url_lifetime, bucket.longest),
        _named(config.run_requests),
        _named(config.run_limits),
        _named(config.run_labels),
        json.loads(storage.storage_egress),
        json.loads(config.operator_pod),
        partial(run_refusal, config.policy),
    )
    attempts, hosts = Attempts(cluster, bucket, settings, metrics.attempt), [*map(str.lower, config.policy.downloads)]
    fetches = Fetches(bucket, records, versions, attempts, settings, image, hosts) if image else None
    gateway = JobsGateway(records, bucket, versions, attempts, may_read, acting.end, fetches)
    return gateway, Requests(cluster, bucket, records, versions, gateway.put_version, may_read, config.namespaces)


def _named(pairs: Iterable[str]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in pairs)
