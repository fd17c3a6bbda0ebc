"""The connection options: which cluster and which Pachyderm. They are accepted before and after a command's name."""

import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from scriptmodel_cli.session import Session

PREFIX = "SCRIPTMODEL"
_META = "scriptmodel.connection"
_SESSION = "scriptmodel.session"

P = ParamSpec("P")
R = TypeVar("R")


class ObjectName(click.ParamType[str]):
    name = "name"
    _form = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._form.fullmatch(value) and (value or isinstance(param, click.Argument)):
            self.fail(f"{value!r} is not a valid object name: use lower case letters, digits, . and -", param, ctx)
        return value


def _record(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Record the value of an option: the last flag wins, and flags override environment variables."""
    values = context.meta.setdefault(_META, {})
    explicit = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    if value is not None and (explicit or option.name not in values):
        values[option.name] = value


def _option(*words: str, **settings: Any) -> click.Option:
    return click.Option(words, expose_value=False, callback=_record, show_envvar=True, **settings)


@cache
def connection_options() -> tuple[click.Option, ...]:
    file, address = click.Path(path_type=Path, dir_okay=False), "Address of pachd [default: published by the operator]."
    space = {"type": ObjectName(), "metavar": "NS"}
    config, token, authorities = (f"{PREFIX}_{name}" for name in ("KUBECONFIG", "PACHD_TOKEN_FILE", "PACHD_CA_FILE"))
    return (
        _option("-n", "--namespace", help="Namespace [default: that of the kubeconfig].", **space),
        _option("--kubeconfig", envvar=config, type=file, help="Default: $KUBECONFIG, else ~/.kube/config."),
        _option("--pachd", envvar=f"{PREFIX}_PACHD", metavar="HOST:PORT", help=address),
        _option("--pachd-token-file", envvar=token, type=file, help="File with the token for pachd."),
        _option("--pachd-ca-file", envvar=authorities, type=file, help="Certificates to trust; turns on TLS."),
    )


def session_of(context: click.Context) -> Session:
    if _SESSION not in context.meta:
        context.meta[_SESSION] = Session()
    session: Session = context.meta[_SESSION]
    for name, value in context.meta.get(_META, {}).items():
        setattr(session, name, value)
    return session


def pass_session(function: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(session_of(click.get_current_context()), *args, **kwargs)

    return called
