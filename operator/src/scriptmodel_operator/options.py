"""Options of the operator's commands: those that several share, and those that are fields of a configuration."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import click
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as documented
from pydantic.fields import FieldInfo

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX = "SCRIPTMODEL"
"""Prefix of the environment variables of all options."""

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
kubeconfig_option = click.option(
    "--kubeconfig",
    envvar=f"{PREFIX}_KUBECONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Kubeconfig file. [default: the pod's service account, else KUBECONFIG]",
)


DOCUMENTED = ConfigDict(use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Option:
    """Marks a field of a configuration as an option, whose help is the docstring of the field.

    A tuple takes the option repeatedly; so does a mapping, whose values are NAMESPACE=NAME.
    """

    name: str
    metavar: str | None = None
    kind: click.ParamType[Any] | None = None

    def of(self, field: str, info: FieldInfo) -> Callable[[Command], Command]:
        """Return click's option; an environment variable of its name sets it, too."""
        variable = self.name.partition("/")[0].removeprefix("--").replace("-", "_").upper()
        default: Any = info.get_default(call_default_factory=True)
        settings: dict[str, Any] = {"default": default, "show_default": default != ""}
        if info.is_required():
            settings = {"required": True}
        elif isinstance(default, tuple | dict):
            settings = {"multiple": True, "callback": _by_namespace if isinstance(default, dict) else None}
        settings |= {"metavar": self.metavar, "type": self.kind, "help": " ".join((info.description or "").split())}
        return click.option(self.name, field, envvar=f"{PREFIX}_{variable}", **settings)


class Json(click.ParamType[str]):
    """JSON of a form that `is_valid` accepts and `what` names."""

    name = "json"

    def __init__(self, what: str, is_valid: Callable[[Any], bool]) -> None:
        self._what, self._is_valid = what, is_valid

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if not self._is_valid(found):
            self.fail(f"{value!r} is not {self._what} as JSON", param, ctx)
        return str(value)


class Pair(click.ParamType[str]):
    """NAME=VALUE, as of a label; with `form` a pattern of the value."""

    name = "pair"

    def __init__(self, form: str = ".*") -> None:
        self._form = re.compile(rf"[^=\s]+={form}")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._form.fullmatch(value):
            self.fail(f"{value!r} is not {param.metavar if param else 'NAME=VALUE'}", param, ctx)
        return str(value)


def options_of(kind: Any) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of a configuration, in the order of its fields."""

    def add(command: Command) -> Command:
        for name, info in reversed(kind.__pydantic_fields__.items()):
            for option in (each for each in info.metadata if isinstance(each, Option)):
                command = option.of(name, info)(command)
        return command

    return add


@documented(frozen=True, slots=True, config=DOCUMENTED)
class PachdOptions:
    pachd: Annotated[str | None, Option("--pachd", "HOST:PORT")] = None
    """Address of pachd. [required without --storage]"""
    pachd_token_file: Annotated[Path | None, Option("--pachd-token-file", kind=_FILE)] = None
    """Read the token for pachd from this file, again at each call."""
    pachd_ca_file: Annotated[Path | None, Option("--pachd-ca-file", kind=_FILE)] = None
    """Trust the certificates in this file, and use TLS. A changed file is read again."""


def engine_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of pachd and of a bucket, of which a command gets a PachdAddress or a StorageConfig."""
    from scriptmodel_operator.jobs.storage import StorageConfig  # noqa: PLC0415 - its options are declared with Option

    @wraps(function)
    def command(pachd: str | None, pachd_token_file: Path | None, pachd_ca_file: Path | None, **others: Any) -> None:
        from scriptmodel_operator.pachyderm.channel import PachdAddress  # noqa: PLC0415 - gRPC takes time

        storage = StorageConfig(**{each.name: others.pop(each.name) for each in fields(StorageConfig)})
        if (pachd is not None) == bool(storage.storage):
            raise click.UsageError("give exactly one of --pachd HOST:PORT and --storage s3://BUCKET/PATH")
        try:
            target = None if pachd is None else PachdAddress(pachd, pachd_token_file, pachd_ca_file)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        function(pachd=target, storage=None if target else storage, **others)

    return options_of(PachdOptions)(options_of(StorageConfig)(command))


def _by_namespace(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> Any:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        namespace, _, name = pair.partition("=")
        if not namespace or not name:
            raise click.BadParameter(f"{pair!r} is not NAMESPACE=NAME")
        found[namespace] = (*found.get(namespace, ()), name)
    return found
