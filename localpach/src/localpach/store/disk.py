"""A full disk: an error of the machine, which is reported in one line instead of a traceback."""

import errno
import logging
import sqlite3

FULL = "the disk of localpach is full: free some space on the disk of its --root folder, then retry"
_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Return whether an error means that the disk is full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in _FULL_ERRORS)


def log_error(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log an unexpected error with its traceback, or a full disk in one line."""
    if is_full(error):
        log.error("%s: %s", what, FULL)  # the traceback of a full disk says nothing
    else:
        log.error(what, exc_info=error)
