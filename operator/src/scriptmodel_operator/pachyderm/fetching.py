"""Has Pachyderm fetch the files of a corpus one after the other."""

from collections.abc import Callable, Mapping
from typing import Protocol

from scriptmodel_operator.engine.errors import TIMED_OUT, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import Fetched


class FetchFile(Protocol):
    def __call__(self, path: str, url: str, file_set: str, seconds: float, cancelled: Callable[[], bool]) -> str:
        """Fetch a file; return a file set with it and the files of `file_set`."""


def fetch_each(fetch: FetchFile, urls: Mapping[str, str], seconds: float, cancelled: Callable[[], bool]) -> Fetched:
    """Return a file set with all files, by path. An error that is not that of one file ends it."""
    file_set, errors = "", dict[str, EngineError]()
    for path, url in urls.items():
        if cancelled():
            raise UnavailableError("fetching files", "cancelled", "CANCELLED")
        try:
            file_set = fetch(path, url, file_set, seconds, cancelled)
        except EngineError as error:
            if cancelled() or (error.code != TIMED_OUT and not isinstance(error, RefusedError | NotFoundError)):
                raise
            errors[url] = error
    return Fetched(file_set, errors)
