"""`spec.training`: where and how training runs."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.fields import (
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    MAX_LABEL_KEY,
    RESOURCE_NAME_PATTERN,
    ApiModel,
    Cpu,
    DnsName,
    Duration,
    Memory,
    OptionalDnsName,
    Rule,
    formatted,
    rules,
)

_HOST = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?"
_PATH = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
IMAGE_PATTERN = rf"^(({_HOST}/)?{_PATH}(/{_PATH})*(:{_TAG})?(@sha256:[a-f0-9]{{64}})?)?$"
ImageName = Annotated[
    str, formatted(IMAGE_PATTERN, "the name of an image such as registry.example.com/team/trainer:1.0", max_length=512)
]
LabelValue = Annotated[
    str,
    formatted(
        LABEL_VALUE_PATTERN,
        "the value of a label: at most 63 letters, digits, -, _ and ., with a letter or digit first and last",
        max_length=63,
    ),
]


def _at_most(amount: str) -> Rule:
    """Return the rule that a request is at most its limit; anything but a quantity is left to another rule."""
    cel = (
        "!has(self.requests) || !has(self.limits) || !has(self.requests.{0}) || !has(self.limits.{0}) || "
        "!isQuantity(string(self.requests.{0})) || !isQuantity(string(self.limits.{0})) || "
        "quantity(string(self.requests.{0})).compareTo(quantity(string(self.limits.{0}))) <= 0"
    )

    return cel.format(amount), f"requests.{amount} must not be more than limits.{amount}"


class Gpu(ApiModel):
    """A GPU for training; without this, training runs on CPUs."""

    resource: Annotated[
        str, formatted(RESOURCE_NAME_PATTERN, "the name of a resource such as nvidia.com/gpu", max_length=128)
    ] = "nvidia.com/gpu"
    """Resource name of the GPUs on the nodes."""
    required: bool = False
    """Fail instead of training on the CPU if TensorFlow finds no GPU."""


class ResourceList(ApiModel):
    """CPU and memory; Pachyderm decides what is not set."""

    cpu: Cpu | None = None
    """Cores, such as 2 or 500m."""
    memory: Memory | None = None
    """Memory, such as 4Gi."""


class Resources(ApiModel):
    """CPU and memory of the training container."""

    model_config = ConfigDict(json_schema_extra=rules(_at_most("cpu"), _at_most("memory")))

    requests: ResourceList = Field(default_factory=ResourceList)
    """Amounts that a node must have available."""
    limits: ResourceList = Field(default_factory=ResourceList)
    """Amounts that the container must not exceed."""


class Toleration(ApiModel):
    """A taint of nodes that training tolerates."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.key != '' || self.operator == 'Exists'", "without a key, operator must be Exists"),
            ("self.value == '' || self.operator == 'Equal'", "value goes with operator Equal only"),
            (
                "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
                "tolerationSeconds goes with effect NoExecute only",
            ),
        )
    )

    key: Annotated[
        str, formatted(f"^$|{LABEL_KEY_PATTERN}", "the key of a taint such as nvidia.com/gpu", max_length=MAX_LABEL_KEY)
    ] = ""
    """Key of the taint; empty with Exists matches all."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists or Equal."""
    value: LabelValue = ""
    """Value of the taint, with Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; all when absent."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long a NoExecute taint is tolerated."""


class PullSecret(ApiModel):
    """A Secret with the credentials of a registry."""

    name: DnsName
    """Name of a Secret in the namespace where Pachyderm runs its pods; the operator must allow it."""


class Checkpoints(ApiModel):
    """Where checkpoints of the training outlive its pod."""

    claim_name: OptionalDnsName = ""
    """PersistentVolumeClaim in the namespace where Pachyderm runs its pods; the operator must allow it. Empty: the
    operator's default, if it has one."""


class Training(ApiModel):
    """Where and how the training job runs."""

    image: ImageName = ""
    """Trainer image. Empty: the operator's default, resolved once, so that upgrading the operator never retrains."""
    image_pull_secrets: Annotated[list[PullSecret], Field(max_length=8)] = Field(default_factory=list)
    """Secrets to pull the image with; they are in the namespace where Pachyderm runs its pods."""
    gpu: Gpu | None = None
    """GPU to train on: `{}` for one NVIDIA GPU. Absent: training runs on CPUs."""
    resources: Resources = Field(default_factory=Resources)
    """CPU and memory of the training container."""
    node_selector: Annotated[
        dict[str, LabelValue],
        Field(
            max_length=32,
            json_schema_extra=rules(
                (
                    f"self.all(key, key.matches(r'{LABEL_KEY_PATTERN}'))",
                    "each key must be that of a label such as disk or cloud.example.com/gpu-type",
                )
            ),
        ),
    ] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(default_factory=list)
    """Taints that are tolerated."""
    priority_class_name: OptionalDnsName = ""
    """Priority class of the pods."""
    runtime_class_name: OptionalDnsName = ""
    """Runtime class of the pods."""
    pending_deadline: Duration = "30m"
    """Longest wait for a worker; it counts only while no older job of the pipeline runs."""
    active_deadline: Duration = "6h"
    """Longest run of a train or generate job; then the operator stops it."""
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    """Where checkpoints of the training outlive its pod, so that a restarted worker resumes."""
    backoff_limit: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a failed computation is retried within a job."""
    queue_name: Annotated[OptionalDnsName, Field(max_length=63)] = ""
    """Kueue's LocalQueue in the namespace of the train pods, which wait for its quota."""
    only_if_better: bool = False
    """Keep the last script where a retrained model is worse on the same validation text. Otherwise the script of each
    model replaces the last."""
