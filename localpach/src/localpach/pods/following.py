"""The log of a command in a pod, followed into localpach's own store, without repeats after an interruption."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus

from kubernetes.client.exceptions import ApiException

from localpach.messages import SECOND
from localpach.pods.api import UNREACHABLE, KubernetesApi
from localpach.pods.manifest import COMMAND
from localpach.pods.progress import command_finished
from localpach.pods.watch import Watch
from localpach.pps.logs import Writer

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.5
MAX_LINE = 1024 * 1024


class LogFollower(threading.Thread):
    """Follows the log of an attempt's command. Lines have the kubelet's time, from which a new connection continues."""

    def __init__(self, api: KubernetesApi, watch: Watch, job: str, writer: Writer) -> None:
        super().__init__(name=f"log of {job}", daemon=True)
        self._api = api
        self._watch = watch
        self._job = job
        self._writer = writer
        self._last = writer.last_user_time()

    def finish(self, seconds: float) -> None:
        """Wait until the rest of the log has been read, but no longer than some seconds."""
        self.join(seconds)

    def run(self) -> None:
        """Copy lines until the command has ended and all of them have been read."""
        while (pod := self._watch.pod(self._job)) is not None:
            ended = command_finished(pod) is not None
            try:
                for line in self._api.follow_log(pod["metadata"]["name"], COMMAND, self._since()):
                    self._copy(line)
            except UNREACHABLE as error:
                if isinstance(error, ApiException) and error.status == HTTPStatus.NOT_FOUND:
                    return
                log.info("the log of %s is interrupted: %s", self._job, error)
            else:
                if ended:
                    return
            time.sleep(WAIT_SECONDS)

    def _since(self) -> str:
        """Return the second of the last line; it is the finest that the API server knows."""
        return datetime.fromtimestamp(self._last // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self._last else ""

    def _copy(self, line: bytes) -> None:
        stamp, _, text = line[:MAX_LINE].decode(errors="replace").partition(" ")
        moment = nanoseconds_of(stamp)
        if moment > self._last:
            self._last = moment
            self._writer.user(text, moment)


def nanoseconds_of(stamp: str) -> int:
    """Return a time in RFC 3339 as nanoseconds since the epoch; now for what is none."""
    whole, _, rest = stamp.removesuffix("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
        return seconds * SECOND + int(rest.ljust(9, "0")[:9] or 0)
    except ValueError:
        return time.time_ns()
