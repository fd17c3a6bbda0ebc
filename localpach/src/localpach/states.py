"""States of pipelines, jobs and datums, and origins of commits, with the numbers of the messages."""

from enum import IntEnum


class Origin(IntEnum):
    USER = 1
    AUTO = 2


class JobState(IntEnum):
    CREATED = 1
    STARTING = 2
    RUNNING = 3
    FAILURE = 4
    SUCCESS = 5
    KILLED = 6
    UNRUNNABLE = 9

    @property
    def final(self) -> bool:
        """Return whether a job never leaves this state."""
        return self in (JobState.SUCCESS, JobState.FAILURE, JobState.KILLED, JobState.UNRUNNABLE)


class PipelineState(IntEnum):
    STARTING = 1
    RUNNING = 2
    FAILURE = 4
    PAUSED = 5
    STANDBY = 6
