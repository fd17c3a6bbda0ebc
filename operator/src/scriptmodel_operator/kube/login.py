"""Finds the API server and credentials for it; the watch by kopf uses the same."""

import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from yarl import URL

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.kubeconfig import Connection, Context, current_context, proxy_of_environment

_NOTHING = "no service account, no KUBECONFIG and no ~/.kube/config: name a file with --kubeconfig"
_NO_PROXY = "not an address such as http://proxy.example.com:3128"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

log = logging.getLogger(__name__)


class LoginFailedError(Exception):
    """No usable credentials for the API server were found."""


def login(kubeconfig: Path | None, *, account_first: bool = True) -> kopf.ConnectionInfo:
    """Return credentials from the given file, else the pod's service account, else KUBECONFIG or ~/.kube/config.

    Without `account_first` the pod comes last, as with kubectl. Raises LoginFailedError.
    """
    settings = kopf.OperatorSettings()
    if kubeconfig is not None:
        os.environ["KUBECONFIG"] = str(kubeconfig)
    files = _kubeconfigs()
    if kubeconfig is None and (account_first or not files):
        account = kopf.login_with_service_account(settings=settings, logger=log)
        if account is not None:
            # The kubelet gives every pod the address; kopf would use DNS, which can be missing or down.
            return replace(account, server=_server_of_the_pod() or account.server)
    return _from(files, settings)


def in_a_pod(kubeconfig: Path | None) -> bool:
    """Return whether `login` without `account_first` uses the service account of this process' pod."""
    return kubeconfig is None and bool(_server_of_the_pod()) and not _kubeconfigs()


def _kubeconfigs() -> list[Path]:
    """Return the existing files of KUBECONFIG, as kubectl does, else ~/.kube/config."""
    named = [_expanded(path) for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path.strip()]
    found = [path for path in named or [_expanded("~/.kube/config")] if _exists(path)]
    if named and not found:
        raise LoginFailedError(f"kubeconfig {named[0]} does not exist")
    if named:
        os.environ["KUBECONFIG"] = os.pathsep.join(map(str, found))
    return found


def _expanded(path: str) -> Path:
    with suppress(RuntimeError):  # a user without a home folder
        return Path(path).expanduser()
    return Path(path)


def _exists(path: Path) -> bool:
    with suppress(OSError):  # a folder that may not be entered
        return path.exists()
    return False


def _from(files: list[Path], settings: kopf.OperatorSettings) -> Connection:
    if not files:
        raise LoginFailedError(_NOTHING)
    try:
        context = current_context(files)
        _require_supported(context, files)
        found = context.connection
        known = found.token or found.username or found.certificate_path or found.certificate_data
        if context.user and not known:
            found = _from_program(found, settings)
        paths = ("ca_path", "certificate_path", "private_key_path")
        found = replace(found, **{name: _absolute(getattr(found, name), files) for name in paths})
        found = _with_proxy(found, files)
    except LoginFailedError:
        raise
    except Exception as error:  # the readers raise any error of their parsers
        if isinstance(error, AttributeError | TypeError):
            raise LoginFailedError(f"{_names(files)} is not a valid kubeconfig") from error
        raise _unreadable(files, f"it has no {error}" if isinstance(error, KeyError) else str(error)) from error
    try:
        found.as_ssl_context()
    except (OSError, ValueError) as error:
        raise _unreadable(files, f"its certificates: {error}") from error
    return found


def _require_supported(context: Context, files: list[Path]) -> None:
    for key in ("as", "as-uid", "as-groups", "as-user-extra"):
        if context.user.get(key):
            raise _unreadable(files, f"it sets {key} for its user {context.user_name}, which is not supported")


def _with_proxy(found: Connection, files: list[Path]) -> Connection:
    if found.proxy_url:
        if not _is_proxy(found.proxy_url):
            raise _unreadable(files, f"its proxy-url is {_NO_PROXY}")
        return found
    proxy = proxy_of_environment(found.server)
    if proxy and not _is_proxy(proxy):
        raise LoginFailedError(f"{URL(found.server).scheme.upper()}_PROXY in the environment is {_NO_PROXY}")
    return replace(found, proxy_url=proxy)


def _unreadable(files: list[Path], why: str) -> LoginFailedError:
    return LoginFailedError(f"cannot read the kubeconfig {_names(files)}: {why}")


def _names(files: list[Path]) -> str:
    return os.pathsep.join(map(str, files))


def _is_proxy(address: str) -> bool:
    """Return whether a proxy address is supported. Messages omit it, since it may contain a password."""
    try:
        url = URL(address)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _absolute(path: Any, files: list[Path]) -> Any:
    """Return the path of a file that a kubeconfig names relative to itself."""
    if not path:
        return path
    places = [file.parent / os.fsdecode(path) for file in files]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise _unreadable(files, f"it names {places[0]}, which does not exist")
    return str(found)


def _from_program(info: Connection, settings: kopf.OperatorSettings) -> Connection:
    """Return the connection with credentials from a program or a cloud provider.

    The `kubernetes` package, which is imported only then, runs it. It prefers the pod's account, and only logs errors.
    """
    os.environ.pop("KUBERNETES_SERVICE_HOST", None)
    errors: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        errors.append(record.getMessage())
        return False

    root = logging.getLogger()  # whose filters get what is logged to it, and not to loggers below
    root.addFilter(collect)
    try:
        found = kopf.login_via_client(settings=settings, logger=log)
    finally:
        root.removeFilter(collect)
    if found is None or errors:
        raise LoginFailedError(f"the program of the kubeconfig gave no credentials: {' '.join(errors)}")
    names = ("username", "password", "scheme", "token", "certificate_path", "private_key_path")
    return replace(info, **{name: getattr(found, name) for name in names})


def _server_of_the_pod() -> str:
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host and port else ""


def own_namespace() -> str:
    """Return the namespace of the pod that this process runs in; empty outside a pod."""
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else ""
