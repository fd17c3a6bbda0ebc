"""The operator's configuration, as the command line and the environment give it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.ingest.addresses import Destinations
from scriptmodel_operator.pachyderm.channel import PachdAddress

DEFAULT_POLL_SECONDS = 5.0
DEFAULT_SOURCE_SECONDS = 60.0
DEFAULT_WORKERS = 512
DEFAULT_DOWNLOADS = 4


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """Immutable; everything that differs between two operators."""

    pachd: PachdAddress
    trainer_image: str
    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    """Empty for all."""
    poll_interval: float = DEFAULT_POLL_SECONDS
    source_interval: float = DEFAULT_SOURCE_SECONDS
    """Seconds between two looks at a ConfigMap that is a corpus."""
    workers: int = DEFAULT_WORKERS
    cluster_id: str = ""
    """Empty: the uid of the namespace kube-system."""
    health_listen: str = ""
    destinations: Destinations = field(default_factory=Destinations)
    """Where corpora may be downloaded from."""
    downloads: int = DEFAULT_DOWNLOADS
    """Corpora downloaded at a time; half of them, rounded down, for one namespace."""
    download_timeout: float = 0.0
    """Seconds that a download may take; 0: computed from the largest size."""
    leader_elect: bool = False
    lease_namespace: str = ""
    """Empty: the pod's own."""
    policy: Policy = field(default_factory=Policy)
