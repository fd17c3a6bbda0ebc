"""Errors as gRPC raises them, with Pachyderm's own texts."""

import grpc


class Refusal(grpc.RpcError):
    """Return the error as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


REFUSED_BY_STORAGE = (
    'blob (key "chunk/bdf3.0000000000000336") (code=Unknown): open /pach/chunk/bdf3.0000000000000336.18eb.tmp: '
    "permission denied"
)
"""As pachd 2.12 reported it when its workers could not write into its storage."""
