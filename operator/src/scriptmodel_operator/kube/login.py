"""Finds the API server and credentials for it, by the loaders of the official client.

The client comes without its classes of objects (40 MiB and half a second): its packages are entered as modules that are
not executed, and kopf, which is imported after this, does without the classes.
"""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec, module_from_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import PoolManager
from urllib3.util import make_headers, parse_url

if "kubernetes" not in sys.modules:
    for _name in ("kubernetes", "kubernetes.client"):
        if _spec := find_spec(_name):
            sys.modules[_name] = module_from_spec(_spec)
    _client = sys.modules["kubernetes.client"]
    # `ModuleType` declares none of these names; the package would set them if it were executed.
    _client.Configuration = importlib.import_module("kubernetes.client.configuration").Configuration  # type: ignore[attr-defined]
    # What renews a token of OpenID Connect makes one plain request by it.
    _client.ApiClient = importlib.import_module("kubernetes.client.rest").RESTClientObject  # type: ignore[attr-defined]

from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException, load_incluster_config
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

_NOTHING = "no service account, no KUBECONFIG and no ~/.kube/config: name a file with --kubeconfig"
_NO_PROXY = "not an address such as http://proxy.example.com:3128"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONNECTIONS = 600
"""Idle connections that are kept: each log that is followed has one."""
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


class LoginFailedError(Exception):
    """No usable credentials for the API server were found."""


@dataclass(frozen=True)
class Connection:
    """An API server and credentials for it."""

    settings: Configuration
    namespace: str = ""
    """The namespace of the current context."""
    proxy: str = ""
    """The address of the proxy, with the password of its user."""

    @cached_property
    def pool(self) -> PoolManager:
        self.settings.connection_pool_maxsize = _CONNECTIONS
        pool: PoolManager = RESTClientObject(self.settings).pool_manager
        return pool

    @property
    def authorization(self) -> str:
        return str(self.settings.api_key.get("authorization", "")).strip()


class Credentials:
    """The newest credentials, for all clients of a process.

    They are renewed in a thread of their own, since a program that a kubeconfig names may take long, or for ever.
    """

    def __init__(self, log_in: Callable[[], Connection]) -> None:
        """Log in. Raises LoginFailedError."""
        self._log_in = log_in
        self._lock = threading.Lock()
        self._renewal: Future[Connection] | None = None
        self.newest = log_in()

    def renewed(self, refused: Connection, seconds: float) -> Connection:
        """Return newer credentials than those that were refused. Raises LoginFailedError or TimeoutError."""
        with self._lock:
            if self.newest is not refused:
                return self.newest
            renewal = self._renewal
            if renewal is None:
                renewal = self._renewal = Future()
                threading.Thread(target=self._renew, args=[renewal], name="login", daemon=True).start()
        return renewal.result(seconds)

    def _renew(self, renewal: "Future[Connection]") -> None:
        try:
            found, error = self._log_in(), None
        except Exception as failed:  # those who wait receive it
            found, error = self.newest, failed
        with self._lock:
            self.newest, self._renewal = found, None
        if error is None:
            renewal.set_result(found)
        else:
            renewal.set_exception(error)


def login(kubeconfig: Path | None, *, account_first: bool = True) -> Connection:
    """Return credentials from the given file, else the pod's service account, else KUBECONFIG or ~/.kube/config.

    Without `account_first` the pod comes last, as with kubectl. Raises LoginFailedError.
    """
    files = _kubeconfigs(kubeconfig)
    settings = Configuration()
    settings.proxy = None  # the official client takes the proxy of any scheme
    if kubeconfig is None and (account_first or not files):
        with suppress(ConfigException):  # this is no pod
            load_incluster_config(settings)
            return Connection(settings)
    if not files:
        raise LoginFailedError(_NOTHING)
    names = os.pathsep.join(map(str, files))
    try:
        return _from(files, settings)
    except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
        why = " ".join(str(error).removeprefix("Invalid kube-config file. ").split())
        raise LoginFailedError(f"cannot read the kubeconfig {names}: {why}") from error
    except (AttributeError, LookupError, TypeError) as error:  # the loader expects mappings
        raise LoginFailedError(f"{names} is not a valid kubeconfig") from error


def in_a_pod(kubeconfig: Path | None) -> bool:
    """Return whether `login` without `account_first` uses the service account of this process' pod."""
    return kubeconfig is None and bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and not _kubeconfigs(None)


def own_namespace() -> str:
    """Return the namespace of the pod that this process runs in; empty outside a pod."""
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else ""


def _kubeconfigs(given: Path | None) -> list[Path]:
    """Return the given file, else the existing ones of KUBECONFIG, as kubectl does, else ~/.kube/config."""
    words = [str(given)] if given else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    named = [Path(os.path.expanduser(path)) for path in words if path.strip()]  # noqa: PTH111 - also without a home
    found = [path for path in named or [Path(os.path.expanduser("~/.kube/config"))] if os.path.exists(path)]  # noqa: PTH110, PTH111
    if named and not found:
        raise LoginFailedError(f"kubeconfig {named[0]} does not exist")
    return found


def _from(files: list[Path], settings: Configuration) -> Connection:
    contexts = ((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("current-context") for file in files)
    name = next(filter(None, contexts), None)  # the first file wins, as with kubectl
    if name is None:
        raise ConfigException("it has no current-context")
    merged = KubeConfigMerger(os.pathsep.join(map(str, files))).config
    loader = KubeConfigLoader(merged, name, config_base_path=None)
    context: Mapping[str, Any] = loader.current_context["context"]
    cluster = merged["clusters"].get_with_name(context["cluster"])["cluster"].value
    user = merged["users"].get_with_name(context["user"])["user"].value if context.get("user") else {}
    for key in _IMPERSONATION:
        if user.get(key):
            raise ConfigException(f"it sets {key} for its user {context['user']}, which is not supported")
    loader.load_and_set(settings)
    if "server" not in cluster:
        raise ConfigException("it has no server")
    proxy = _use_proxy(settings, cluster.get("proxy-url") or "")
    return Connection(settings, str(context.get("namespace") or ""), proxy)


def _use_proxy(settings: Configuration, given: str) -> str:
    """Use the proxy of the kubeconfig, else that of the environment; as with kubectl, none for loopback."""
    host, scheme = urlsplit(settings.host).hostname or "", urlsplit(settings.host).scheme.upper()
    where = "its proxy-url" if given else f"{scheme}_PROXY in the environment"
    address = given or ("" if _is_loopback(host) else select_proxy(settings.host, get_environ_proxies(settings.host)))
    if not address:
        return ""
    address = address if given or "://" in address else f"http://{address}"
    try:
        url = parse_url(address)
    except ValueError as error:
        raise ConfigException(f"{where} is {_NO_PROXY}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigException(f"{where} is {_NO_PROXY}")  # without the address, which may contain a password
    settings.proxy, settings.proxy_headers = url._replace(auth=None).url, make_headers(proxy_basic_auth=url.auth)
    return address


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
