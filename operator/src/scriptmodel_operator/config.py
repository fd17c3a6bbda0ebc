"""The operator's configuration, from the command line and the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.pachyderm.channel import PachdAddress


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """The settings of one operator, immutable."""

    pachd: PachdAddress
    trainer_image: str
    checkpoint_claim: str = ""
    """PersistentVolumeClaim for checkpoints of objects that name none; empty for none."""
    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty for all."""
    poll_interval: float = 5.0
    source_interval: float = 60.0
    """Seconds between two polls of a ConfigMap that a ScriptModel names."""
    workers: int = 512
    cluster_id: str = ""
    """Id of the cluster; empty for the uid of the namespace kube-system."""
    health_listen: str = ""
    download_timeout: float = 600.0
    """Seconds that Pachyderm may take to fetch one file of a corpus by URL."""
    leader_elect: bool = False
    lease_namespace: str = ""
    """Namespace of the lease; empty for the pod's own."""
    worker_namespace: str = ""
    """Namespace where Pachyderm runs its pods, which the operator may list; empty if it may not."""
    policy: Policy = field(default_factory=Policy)
