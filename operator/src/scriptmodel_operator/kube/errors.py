"""The errors of the API server, by what the caller can do about them."""

NOT_INSTALLED = "the ScriptModel CRD is not installed: kubectl apply -f manifests/crd.yaml"


class KubeError(Exception):
    """A request failed; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"{what}: {message}" + (f" (HTTP {status})" if status else ""))
        self.status = status
        self.detail = message


class KubeUnavailableError(KubeError):
    """The API server did not answer, or answered that the request has to be retried."""


class KubeNotFoundError(KubeError):
    """The object does not exist."""


class KubeConflictError(KubeError):
    """The object has changed, or exists already."""


class KubeForbiddenError(KubeError):
    """The role of the operator's account does not allow the request."""
