"""Waits until a Kubernetes API server serves the kinds that its CustomResourceDefinitions define.

Clients find a kind in the discovery document, which follows a moment after the condition Established.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from dev.processes import StartError
from dev.stack.apiserver import ApiServer

WITHIN = 120.0
"""Seconds: many times what one busy core needs."""
PAUSE = 0.2
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DISCOVERY = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",  # before Kubernetes 1.30
        "application/json",
    )
)
"""The document from which kubectl discovers the kinds."""


def wait_until_served(
    server: ApiServer,
    within: float = WITHIN,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Poll until the kind of every definition can be discovered; StartError after `within` seconds.

    A request that the API server refuses or drops is retried.
    """
    deadline = clock() + within
    while True:
        try:
            missing = "; ".join(_missing(server))
        except (OSError, ValueError) as error:
            missing = f"the API server did not answer ({error})"
        if not missing:
            return
        if clock() >= deadline:
            raise StartError(f"definitions were not served in {within:.0f} s: {missing}")
        pause(PAUSE)


def _missing(server: ApiServer) -> Iterator[str]:
    """Yield the name of each definition whose kind cannot be used yet."""
    definitions = server.get(_DEFINITIONS)["items"]
    if not definitions:
        yield "no CustomResourceDefinition is installed"
        return
    discovered = set(_resources(server.get("/apis", accept=_DISCOVERY)))
    for definition in definitions:
        spec = definition["spec"]
        versions = (version["name"] for version in spec["versions"] if version["served"])
        if not {(spec["group"], version, spec["names"]["plural"]) for version in versions} <= discovered:
            yield f"{definition['metadata']['name']} is not in the discovery document"


def _resources(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield group, version and plural name of each kind in an APIGroupDiscoveryList."""
    for group in document.get("items", []):
        for version in group["versions"]:
            for resource in version.get("resources", []):
                yield group["metadata"]["name"], version["version"], resource["resource"]
