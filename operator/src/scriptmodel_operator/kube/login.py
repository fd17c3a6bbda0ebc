"""Credentials for the API server, found the way kopf finds them, so that both use the same."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from yarl import URL

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

_NOTHING = "no service account, no KUBECONFIG and no ~/.kube/config: name a file with --kubeconfig"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

log = logging.getLogger(__name__)


class LoginFailedError(Exception):
    """There is no way to the API server."""


def login(kubeconfig: Path | None, *, account_first: bool = True) -> kopf.ConnectionInfo:
    """From the given file, else the service account of the pod, else KUBECONFIG or ~/.kube/config.

    Without `account_first` the pod comes last, as with kubectl. Raises LoginFailedError.
    """
    settings = kopf.OperatorSettings()
    if kubeconfig is not None:
        os.environ["KUBECONFIG"] = str(kubeconfig)
    files = _kubeconfigs()
    if kubeconfig is None and (account_first or not files):
        account = kopf.login_with_service_account(settings=settings, logger=log)
        if account is not None:
            # The kubelet gives every pod the address; kopf would ask a DNS, which can be missing or down.
            return replace(account, server=_server_of_the_pod() or account.server)
    return _from(files, settings)


def in_a_pod(kubeconfig: Path | None) -> bool:
    """Whether `login` without `account_first` uses the service account of the pod that this process runs in."""
    return kubeconfig is None and bool(_server_of_the_pod()) and not _kubeconfigs()


def _kubeconfigs() -> list[Path]:
    """Those of KUBECONFIG that are there, as kubectl takes them, else the usual one."""
    named = [Path(path).expanduser() for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path.strip()]
    found = [path for path in named or [Path("~/.kube/config").expanduser()] if path.exists()]
    if named and not found:
        raise LoginFailedError(f"kubeconfig {named[0]} does not exist")
    if named:
        os.environ["KUBECONFIG"] = os.pathsep.join(map(str, found))
    return found


def _from(files: list[Path], settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    try:
        found = _read(settings)
    except LoginFailedError:
        raise
    except Exception as error:  # the readers raise whatever their parsers do
        raise _unreadable(files, _in_words(error)) from error
    if found is None:
        raise LoginFailedError(_NOTHING)
    found = _with_whole_paths(found, files)
    try:
        found.as_ssl_context()
    except (OSError, ValueError) as error:
        raise _unreadable(files, f"its certificates: {error}") from error
    if found.proxy_url and not _is_proxy(found.proxy_url):
        raise _unreadable(files, "its proxy-url is none such as http://proxy.example.com:3128")
    return found


def _unreadable(files: list[Path], why: str) -> LoginFailedError:
    return LoginFailedError(f"cannot read the kubeconfig {os.pathsep.join(map(str, files))}: {why}")


def _is_proxy(address: str) -> bool:
    """One that is understood here; it is not told, since it may have a password."""
    try:
        url = URL(address)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _read(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo | None:
    found = kopf.login_with_kubeconfig(settings=settings, logger=log)
    return found if found is None or _has_credentials(found) else _by_a_program(found, settings)


def _in_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "it is none" if isinstance(error, AttributeError | TypeError) else str(error)


def _with_whole_paths(info: kopf.ConnectionInfo, files: list[Path]) -> kopf.ConnectionInfo:
    return replace(
        info,
        ca_path=_whole(info.ca_path, files),
        certificate_path=_whole(info.certificate_path, files),
        private_key_path=_whole(info.private_key_path, files),
    )


def _whole(path: _AnyPath | None, files: list[Path]) -> _AnyPath | None:
    """A kubeconfig names other files relative to itself."""
    if not path:
        return path
    places = [file.parent / os.fsdecode(path) for file in files]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise _unreadable(files, f"it names {places[0]}, which does not exist")
    return str(found)


def _by_a_program(info: kopf.ConnectionInfo, settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """With credentials that a program or a cloud's provider gives.

    The `kubernetes` package runs it, which is imported only then: it is large. It would take the account of the pod
    before the kubeconfig, and only logs what fails.
    """
    os.environ.pop("KUBERNETES_SERVICE_HOST", None)
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    try:
        found = kopf.login_via_client(settings=settings, logger=log)
    finally:
        logging.getLogger().removeHandler(errors)
    if found is None or errors.heard:
        raise LoginFailedError(f"the program of the kubeconfig gave no credentials: {' '.join(errors.heard)}")
    return replace(found, default_namespace=info.default_namespace, proxy_url=info.proxy_url)


class _Errors(logging.Handler):
    """What is logged to no logger in particular, as that package does."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":
            self.heard.append(record.getMessage())


def _server_of_the_pod() -> str:
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host and port else ""


def own_namespace() -> str:
    """The namespace of the pod that this process runs in; empty outside of any."""
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else ""


def _has_credentials(info: kopf.ConnectionInfo) -> bool:
    return bool(info.token or info.username or info.certificate_path or info.certificate_data)
