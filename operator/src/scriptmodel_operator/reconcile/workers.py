"""Puts into words why no worker starts, from the reason that Pachyderm reports and the claim for checkpoints. Pure."""

from __future__ import annotations

_LONGEST = 300


def cannot_start(reason: str, claim: str) -> str:
    """Return what to say of a job that no worker can take for a reason that Pachyderm reports.

    For a pod that no node takes, that reason is the scheduler's message. It does not always name the claim.
    """
    reason = reason.strip()[:_LONGEST] or "no reason given"
    problem = _of_claim(reason, claim)
    return f"{problem} ({reason})" if problem else reason


def things_to_check(claim: str) -> str:
    """Return what to check where no reason is known."""
    if not claim:
        return "check node capacity, GPUs and the image"
    return (
        f"check node capacity, GPUs, the image and the PersistentVolumeClaim {claim}, which must exist and be bound "
        "in the namespace of Pachyderm's pods"
    )


def _of_claim(reason: str, claim: str) -> str:
    """Return what is wrong with the claim and what to do; empty if the reason is another one."""
    if not claim or "persistentvolumeclaim" not in reason.lower():
        return ""
    subject = f"the PersistentVolumeClaim {claim}"
    if "not found" in reason:
        return f"{subject} does not exist: create it in the namespace of Pachyderm's pods, or name another one"
    state = "is not bound to a volume" if "unbound" in reason else "cannot be used"
    return f"{subject} {state}: see `kubectl describe pvc {claim}` in the namespace of Pachyderm's pods"
