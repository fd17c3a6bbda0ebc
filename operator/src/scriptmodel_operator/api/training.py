"""`spec.training`: where and how training runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scriptmodel_operator.api.fields import ApiModel, DnsName, Duration, Quantity

ImageName = Annotated[str, Field(pattern=r"^$|^[a-z0-9][A-Za-z0-9._/:@-]*$", max_length=512)]
LabelKey = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
LabelValue = r"^$|^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"


class Gpu(ApiModel):
    """GPUs for training; without this, training runs on CPUs."""

    count: Annotated[int, Field(ge=1, le=16)] = 1
    """Number of GPUs."""
    resource: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[a-z0-9A-Z._-]+$", max_length=128)] = "nvidia.com/gpu"
    """Resource name under which the nodes offer them."""


class ResourceList(ApiModel):
    """Amounts of a kind; what is left out is up to Pachyderm."""

    cpu: Quantity | None = None
    """Cores, such as 2 or 500m."""
    memory: Quantity | None = None
    """Memory, such as 4Gi."""


class Resources(ApiModel):
    """What the training container asks for and may use."""

    requests: ResourceList = Field(default_factory=ResourceList)
    """What a node must have free."""
    limits: ResourceList = Field(default_factory=ResourceList)
    """What may not be exceeded."""


class TolerationOperator(StrEnum):
    """How a toleration matches a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """The effect of a taint."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A taint of nodes that training tolerates."""

    key: Annotated[str, Field(max_length=317)] = ""
    """Key of the taint; empty with Exists matches all."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """Exists or Equal."""
    value: Annotated[str, Field(max_length=63)] = ""
    """Value of the taint, with Equal."""
    effect: TaintEffect | None = None
    """Effect of the taint; all when absent."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long a NoExecute taint is tolerated."""


class Training(ApiModel):
    """Where and how the training job runs."""

    image: ImageName = ""
    """Trainer image. Empty: the operator's default, resolved once, so that upgrading the operator never retrains."""
    gpu: Gpu | None = None
    """GPUs to train on."""
    resources: Resources = Field(default_factory=Resources)
    """CPU and memory of the training container."""
    node_selector: Annotated[
        dict[str, Annotated[str, Field(pattern=LabelValue, max_length=63)]], Field(max_length=32)
    ] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(default_factory=list)
    """Taints that are tolerated."""
    priority_class_name: DnsName = ""
    """Priority class of the pods."""
    runtime_class_name: DnsName = ""
    """Runtime class of the pods."""
    pending_deadline: Duration = "30m"
    """Longest wait for a worker; counted only while no older job of the pipeline runs."""
    active_deadline: Duration = "6h"
    """Longest time that a training job may run; the operator stops it then."""
    backoff_limit: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a failed computation is repeated within a job."""
