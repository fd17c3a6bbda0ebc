"""Credentials for the API server, found the way kopf finds them, so that both use the same."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from scriptmodel_operator.kube.framework import kopf

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

log = logging.getLogger(__name__)


class LoginFailedError(Exception):
    """There is no way to the API server."""


def login(kubeconfig: Path | None) -> kopf.ConnectionInfo:
    """From the given file, else the service account of the pod, else KUBECONFIG or ~/.kube/config.

    Files whose user needs a program or a cloud's provider are read by the `kubernetes` package, which is
    imported only then: it is large.
    """
    settings = kopf.OperatorSettings()
    if kubeconfig is not None:
        if not kubeconfig.exists():
            raise LoginFailedError(f"kubeconfig {kubeconfig} does not exist")
        os.environ["KUBECONFIG"] = str(kubeconfig)
    else:
        account = kopf.login_with_service_account(settings=settings, logger=log)
        if account is not None:
            # The kubelet gives every pod the address; kopf would ask a DNS, which can be missing or down.
            return replace(account, server=_server_of_the_pod() or account.server)
    try:
        found = kopf.login_with_kubeconfig(settings=settings, logger=log)
        if found is not None and not _has_credentials(found):
            found = kopf.login_via_client(settings=settings, logger=log)
    except Exception as error:  # the readers raise whatever their parsers do
        raise LoginFailedError(f"cannot read the kubeconfig: {error}") from error
    if found is None:
        raise LoginFailedError("no service account, no KUBECONFIG and no ~/.kube/config: name a file with --kubeconfig")
    return found


def _server_of_the_pod() -> str:
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host and port else ""


def own_namespace() -> str:
    """The namespace of the pod that this process runs in; empty outside of any."""
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else ""


def _has_credentials(info: kopf.ConnectionInfo) -> bool:
    return bool(info.token or info.username or info.certificate_path or info.certificate_data)
