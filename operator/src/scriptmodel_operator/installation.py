"""What an administrator runs once: checks of an installation, and of what is left before its removal.

A ScriptModel carries a finalizer that only the operator removes. Without an operator, deleting it would hang, and its
pipelines would stay in Pachyderm.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.engine.errors import AccessError, EngineError
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import engine_id
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError, KubeNotFoundError
from scriptmodel_operator.kube.login import Credentials, login
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.versions import Support

_SMALLEST: Mapping[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "check"},
    "spec": {"corpus": {"repo": {"name": "check"}}},
}
OK, WARN, FAILED = "ok      ", "warn    ", "FAILED  "
"""How the line of a finding begins."""


def client_of(kubeconfig: Path | None) -> KubeClient:
    """Raises LoginFailedError."""
    return KubeClient(Credentials(lambda: login(kubeconfig)))


def reported(findings: Iterator[str], hint: str = "") -> Iterator[str]:
    """Yield the findings of a check, and the error that ends it with what to do."""
    try:
        yield from findings
    except AccessError as error:
        yield f"{FAILED}{error.advice} ({error})"
    except (EngineError, KubeError) as error:
        yield f"{FAILED}{error}{hint and f': check {hint} and the network policies in between'}"


def check_cluster(client: KubeClient, namespace: str) -> Iterator[str]:
    """Check that the API server serves ScriptModels and accepts one in a dry run."""
    if not client.serves_scriptmodels():
        yield f"{FAILED}{NOT_INSTALLED}"
        return
    yield f"{OK}the API server serves {API_VERSION}"
    client.dry_run_scriptmodel(namespace, "check", _SMALLEST)
    yield f"{OK}a ScriptModel is accepted in namespace {namespace!r} (dry run)"


def check_pachyderm(target: PachdAddress) -> Iterator[str]:
    """Check that Pachyderm answers, has a version that the operator works with, and accepts the token."""
    with closing(PachydermGateway(target, UNLIMITED)) as gateway:
        version = gateway.server_version()
        yield f"{OK}{version.server} answers at {target.address}"
        yield {Support.CERTIFIED: OK, Support.TOO_OLD: FAILED}.get(version.support, WARN) + version.verdict
        yield f"{OK}it lets the operator list projects: {', '.join(sorted(gateway.list_projects()))}"


def check_bucket(config: StorageConfig) -> Iterator[str]:
    """Check that the bucket answers, and that objects can be read, written, listed and deleted in it."""
    bucket, folder = open_bucket(config), f"check/{uuid4()}"  # no namespace has its data there
    yield f"{OK}{config.storage} answers; it holds {engine_id(bucket)}"
    bucket.put(f"{folder}/object", b"")
    found = bucket.sizes(folder)
    bucket.delete(list(found))
    yield f"{OK if found else FAILED}it lets the operator write, list and delete objects"


def list_models(client: KubeClient, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the ScriptModels of the namespaces, or of all for none; nothing if the CRD is not installed."""
    try:
        return [each for namespace in namespaces or (None,) for each in client.list_scriptmodels(namespace)]
    except KubeNotFoundError:
        return []


def refusal(models: list[dict[str, Any]], namespaces: tuple[str, ...]) -> str:
    """Return why the operator of the namespaces, or of all for none, cannot be removed yet, and two ways to proceed."""
    names = ", ".join(map(_name, models[:10])) + (" ..." if len(models) > 10 else "")
    # An operator of some namespaces has no say in the others.
    places = dict.fromkeys(f"-n {each['metadata']['namespace']}" if namespaces else "-A" for each in models)
    deletions = "".join(f"    kubectl delete scriptmodels --all {place}\n" for place in places)
    return (
        f"{len(models)} ScriptModel(s) still exist: {names}. Without the operator, what was made for them would stay "
        "and deleting them would hang.\n"
        "Delete them while the operator runs, each by its own deletionPolicy:\n"
        f"{deletions}"
        "or keep objects and what was made for them as they are, for a later installation: with the chart by "
        "uninstall.policy=off (after `helm rollback`)"
    )


def _name(model: Mapping[str, Any]) -> str:
    return f"{model['metadata']['namespace']}/{model['metadata']['name']}"
