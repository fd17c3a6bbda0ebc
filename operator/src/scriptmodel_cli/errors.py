"""Errors of the command with an exit status of their own; any other click.ClickException exits with 1."""

import click


class InputError(click.ClickException):
    """The command line, or a file that it names, is not valid."""

    exit_code = 2


class SuspendedError(click.ClickException):
    """The state that the user waits for will not come while the ScriptModel is suspended."""

    exit_code = 3
