"""The folder on a claim that keeps a training's state beyond its pod. Pure."""

from __future__ import annotations

from scriptmodel_operator.desired.pod_patch import Part, added, environment
from scriptmodel_operator.pachyderm.values import PipelineRef

VOLUME = "scriptmodel-state"
MOUNT_PATH = "/scriptmodel-state"
VARIABLE = "SCRIPTMODEL_STATE_DIR"
TRAINERS_GROUP = 65532
"""The trainer's group. The kubelet creates the folder as root; fsGroup lets this group write there."""


def state_folder(claim: str, pipeline: PipelineRef) -> Part:
    """Return the part that mounts the pipeline's own folder of the claim; nothing without a claim.

    Pachyderm's pod spec has no security context of the pod, so there is none to merge with.
    """
    if not claim:
        return ()
    mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "subPath": f"{pipeline.project}/{pipeline.name}"}
    return (
        added("/securityContext", {"fsGroup": TRAINERS_GROUP}),
        added("/volumes/-", {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim}}),
        added("/containers/0/volumeMounts/-", mount),
        *environment({VARIABLE: MOUNT_PATH}),
    )
