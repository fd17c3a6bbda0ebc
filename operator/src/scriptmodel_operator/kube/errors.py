"""What the API server may answer, by what one can do about it."""

from __future__ import annotations

NOT_INSTALLED = "the ScriptModel CRD is not installed: kubectl apply -f manifests/crd.yaml"


class KubeError(Exception):
    """A request failed; `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"{what}: {message}" + (f" (HTTP {status})" if status else ""))
        self.status = status


class KubeUnavailableError(KubeError):
    """No answer, or one that says to try again."""


class KubeNotFoundError(KubeError):
    """The object is gone."""


class KubeConflictError(KubeError):
    """The object has changed, has another uid, or exists already."""


class KubeForbiddenError(KubeError):
    """The operator's account may not do this: its role does not fit."""
