"""Expected failures, each with its exit code and a hint at what to do."""

import enum
import os


class ExitCode(enum.IntEnum):
    """The process exit codes that pipelines and scripts rely on."""

    DONE = 0
    BAD_INPUT = 2
    WRITE_FAILED = 3
    DIVERGED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class Reported(BaseException):
    """An expected end of a command: `message` says what happened to which thing, `hint` what to do next.

    `parameter` is the setting or option at fault, in snake_case and without dashes, where there is one. Callers that
    name it differently (an object's `learningRate`) map it.
    """

    code: ExitCode = ExitCode.BAD_INPUT

    def __init__(self, message: str, hint: str = "", *, parameter: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.parameter = parameter

    def line(self) -> str:
        """Return message and hint as one line of text."""
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return one_line(text)


def program_name() -> str:
    """Return how this program is spelled: the operator's command, which has the writer's ones, names itself."""
    return os.environ.get("SCRIPTMODEL_PROGRAM") or "scriptmodel-trainer"


class TrainerError(Reported, Exception):
    """An expected failure."""


_LONGEST_LINE = 1000
"""Characters; a damaged file must not fill a terminal."""


def one_line(text: str) -> str:
    """Return text as one line of bounded length, with the characters that a terminal would obey shown escaped."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_LINE:
        line = line[: _LONGEST_LINE - 1] + "…"
    return printable(line)


def printable(text: str) -> str:
    """Return text with the characters other than line ends that a terminal would obey shown escaped."""
    return "".join(
        char if char.isprintable() or char == "\n" or "\ud800" <= char <= "\udfff" else ascii(char)[1:-1]
        for char in text
    )


class BadInputError(TrainerError):
    """Paths, files or options that cannot work: repeating the same command will not help."""

    code = ExitCode.BAD_INPUT


class ReaderError(BadInputError):
    """A file that the trainer fails to read, which is a defect of the trainer."""


class WriteError(TrainerError):
    """The result could not be stored (full disk, read-only folder, missing permission)."""

    code = ExitCode.WRITE_FAILED


class DivergedError(TrainerError):
    """The loss became NaN or infinite; no model is stored."""

    code = ExitCode.DIVERGED


class StoppedError(Reported):
    """SIGINT or SIGTERM arrived; the state was saved if there was any.

    As KeyboardInterrupt, it is no Exception: it is raised wherever the command is, and a library that handles all
    exceptions, such as TensorFlow while it traces a function, must not take it for one of its own.
    """

    def __init__(self, code: ExitCode, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
