"""States of pipelines, jobs and datums, with the numbers of the messages."""

from enum import IntEnum


class JobState(IntEnum):
    CREATED = 1
    STARTING = 2
    RUNNING = 3
    FAILURE = 4
    SUCCESS = 5
    KILLED = 6
    EGRESSING = 7
    FINISHING = 8
    UNRUNNABLE = 9

    @property
    def final(self) -> bool:
        """Return whether a job never leaves this state."""
        return self in (JobState.SUCCESS, JobState.FAILURE, JobState.KILLED, JobState.UNRUNNABLE)


FINAL_JOB_STATES = tuple(int(state) for state in JobState if state.final)


class PipelineState(IntEnum):
    UNKNOWN = 0
    STARTING = 1
    RUNNING = 2
    RESTARTING = 3
    FAILURE = 4
    PAUSED = 5
    STANDBY = 6
    CRASHING = 7


class DatumState(IntEnum):
    UNKNOWN = 0
    FAILED = 1
    SUCCESS = 2
    SKIPPED = 3
    STARTING = 4
