"""The operator's configuration. Its settings are the options of `scriptmodel-operator run`, docstrings their help."""

from dataclasses import field
from pathlib import Path
from typing import Annotated

from click import Choice, FloatRange, IntRange
from pydantic.dataclasses import dataclass

from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.options import DOCUMENTED, Json, Option, Pair
from scriptmodel_operator.pachyderm.channel import PachdAddress

_PERIOD = FloatRange(min=0.1)
_QUANTITY = Pair(r"[0-9]+(\.[0-9]+)?(m|[kMGTP]|[KMGTP]i)?")


@dataclass(frozen=True, slots=True, config=DOCUMENTED)
class OperatorConfig:
    """The engine is a pachd, or Jobs and a bucket."""

    pachd: PachdAddress | None
    trainer_image: Annotated[str, Option("--trainer-image", "IMAGE")]
    """Trainer image for ScriptModels without spec.training.image."""
    checkpoint_claim: Annotated[str, Option("--checkpoint-claim", "NAME")] = ""
    """Keep checkpoints of trainings on this PersistentVolumeClaim in Pachyderm's namespace. [default: none, so a lost
    worker starts over]"""
    storage: StorageConfig | None = None
    kubeconfig: Path | None = None
    namespaces: Annotated[tuple[str, ...], Option("--namespace", "NS")] = ()
    """Watch this namespace only; may be repeated. [default: all]"""
    poll_interval: Annotated[float, Option("--poll-interval", "SECONDS", _PERIOD)] = 5.0
    """Time between two polls of the engine."""
    source_interval: Annotated[float, Option("--source-interval", "SECONDS", _PERIOD)] = 60.0
    """Time between two polls of a ConfigMap that a ScriptModel names."""
    workers: Annotated[int, Option("--workers", kind=IntRange(min=1, max=4096))] = 512
    """Number of objects that are reconciled at a time; most of them wait for a shared poll of the engine."""
    cluster_id: Annotated[str, Option("--cluster-id")] = ""
    """Distinguish clusters that share a pachd. [default: the uid of the namespace kube-system]"""
    run_requests: Annotated[tuple[str, ...], Option("--run-request", "NAME=QUANTITY", _QUANTITY)] = ()
    """What the Job of a run requests where its ScriptModel sets none, such as cpu=500m; may be repeated."""
    run_limits: Annotated[tuple[str, ...], Option("--run-limit", "NAME=QUANTITY", _QUANTITY)] = ()
    """Limit of the Job of a run where its ScriptModel sets none, such as memory=4Gi, or its request if that is larger;
    may be repeated."""
    operator_image: Annotated[str, Option("--operator-image", "IMAGE")] = ""
    """The operator's own image, whose Jobs fetch corpora by URL into the bucket. [default: fetch none]"""
    operator_pod: Annotated[
        str, Option("--operator-pod", "JSON", Json("an object", lambda found: isinstance(found, dict)))
    ] = "{}"
    """Object with the nodeSelector, the tolerations and the imagePullSecrets of the operator's own pod. Those that
    fetch corpora have them, too, unless their ScriptModel sets its own; pull secrets are added to its own."""
    run_labels: Annotated[tuple[str, ...], Option("--run-label", "NAME=VALUE", Pair())] = ()
    """Label of the Jobs and pods of runs; may be repeated."""
    download_timeout: Annotated[
        float, Option("--download-timeout", "SECONDS", FloatRange(min=0, min_open=True, max=1200))
    ] = 600.0
    """Longest time that the engine may take to fetch one file of a corpus by URL."""
    leader_elect: Annotated[bool, Option("--leader-elect/--no-leader-elect")] = False
    """Act only while holding the Lease scriptmodel-operator; required for more than one replica."""
    lease_namespace: Annotated[str, Option("--lease-namespace", "NS")] = ""
    """Namespace of that Lease. [default: the pod's own]"""
    health_listen: Annotated[str, Option("--health-listen", "[HOST]:PORT")] = ""
    """Serve /healthz, /readyz and /metrics on this address. [default: serve nothing]"""
    log_format: Annotated[str, Option("--log-format", kind=Choice(["text", "json"]))] = "text"
    """Form of a line of the log; in json it has the `object` that it is about."""
    log_level: Annotated[str, Option("--log-level", kind=Choice(["debug", "info", "warning", "error"]))] = "info"
    """Least level logged."""
    policy: Policy = field(default_factory=Policy)
