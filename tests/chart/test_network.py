"""The network policies of the chart: each connection that the code makes is allowed, and no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from dev.generate.chart import NAMESPACE
from scriptmodel_operator.engine.values import RepoRef
from scriptmodel_operator.jobs.job_manifest import fetch_metadata
from tests.chart.rendering import OWN_BUCKET, Object, Values, merged, objects, only
from tests.unit.operator.job_objects import pod

S3 = "scriptmodel-operator-s3"
TEAM = "kubernetes.io/metadata.name"
INGRESS, MONITORING = ({"namespaceSelector": {"matchLabels": {TEAM: name}}} for name in ("ingress", "monitoring"))
POLICED = {"networkPolicy": {"enabled": True, "metricsFrom": [MONITORING], "storageFrom": [INGRESS]}}
OPEN: Values = merged(OWN_BUCKET, {**POLICED, "watchAllNamespaces": True})
WATCHING: Values = merged(OWN_BUCKET, {**POLICED, "watchNamespaces": ["team-a"]})


def pod_labels(kind: str, found: list[Object]) -> dict[str, str]:
    return dict(only(kind, found)["spec"]["template"]["metadata"]["labels"])


@dataclass(frozen=True)
class Pod:
    namespace: str
    labels: Object

    def is_peer(self, peer: Object, policy: Object) -> bool:
        namespaces = peer.get("namespaceSelector")
        if namespaces is None:
            return self.namespace == policy["metadata"]["namespace"] and matches(peer["podSelector"], self.labels)
        return matches(namespaces, {TEAM: self.namespace}) and matches(peer.get("podSelector", {}), self.labels)


def matches(selector: Object, labels: Object) -> bool:
    """Return whether a label selector with the operators In and NotIn selects these labels."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        (labels.get(each["key"]) in each["values"]) == (each["operator"] == "In")
        for each in selector.get("matchExpressions", [])
    )


def pods(found: list[Object]) -> dict[str, Pod]:
    """Return the pods of the release, of runs in two namespaces, and some of others."""
    deployments = {name: [only("Deployment", found, name)] for name in ("scriptmodel-operator", S3)}
    download = fetch_metadata(RepoRef("team-a", "plays"), "plays-fetch", "plays", "0" * 56, 1)["labels"]
    run = pod(None)["metadata"]["labels"]
    return {
        "operator": Pod(NAMESPACE, pod_labels("Deployment", deployments["scriptmodel-operator"])),
        "check": Pod(NAMESPACE, only("Pod", found)["metadata"]["labels"]),
        "uninstall": Pod(NAMESPACE, pod_labels("Job", found)),
        "s3": Pod(NAMESPACE, pod_labels("Deployment", deployments[S3])),
        "run": Pod("team-a", run),
        "download": Pod("team-a", download),
        "run of others": Pod("team-z", run),
        "neighbour": Pod(NAMESPACE, {"app": "neighbour"}),
        "tenant": Pod("team-a", {"app": "tenant"}),
        "ingress": Pod("ingress", {}),
        "prometheus": Pod("monitoring", {}),
        "api": Pod("", {}),
        "names": Pod("", {}),
    }


def allows(found: list[Object], source: Pod, target: Pod, ports: Sequence[Any]) -> bool:
    """Return whether all policies of both ends allow a connection to a port, which has a number and perhaps a name."""
    policies = [each for each in found if each["kind"] == "NetworkPolicy"]
    for here, there, direction, key in ((source, target, "egress", "to"), (target, source, "ingress", "from")):
        rules: list[Object] | None = None
        for policy in policies:
            spec = policy["spec"]
            chosen = here.namespace == policy["metadata"]["namespace"] and matches(spec["podSelector"], here.labels)
            if chosen and direction.title() in spec["policyTypes"]:
                rules = (rules or []) + [
                    rule
                    for rule in spec.get(direction, [])
                    if {each["port"] for each in rule["ports"]} & set(ports)
                    and (not rule.get(key) or any(there.is_peer(peer, policy) for peer in rule[key]))
                ]
        if rules == []:
            return False
    return True


CONNECTIONS = {
    ("operator", "api"): (443,),
    ("check", "api"): (443,),
    ("uninstall", "api"): (6443,),
    ("operator", "names"): (53,),
    ("operator", "s3"): (7070, "s3"),
    ("check", "s3"): (7070, "s3"),
    ("run", "s3"): (7070, "s3"),
    ("download", "s3"): (7070, "s3"),
    ("ingress", "s3"): (7070, "s3"),
    ("prometheus", "operator"): (8080, "http"),
}
SERVERS = {"operator": (8080, "http"), "s3": (7070, "s3")}


@pytest.mark.parametrize(("values", "more"), [(OPEN, {("run of others", "s3")}), (WATCHING, set())])
def test_policies_allow_what_the_code_connects_to_and_nothing_else(values: Values, more: set[tuple[str, str]]) -> None:
    found = objects(values)
    every = pods(found)
    for (source, target), ports in CONNECTIONS.items():
        assert allows(found, every[source], every[target], ports), (source, target)
    assert not allows(found, every["s3"], every["api"], (443,))
    entering = {
        (source, target)
        for source in every
        for target, ports in SERVERS.items()
        if source != target and allows(found, every[source], every[target], ports)
    }
    assert entering == {each for each in CONNECTIONS if each[1] in SERVERS} | more | {("uninstall", "s3")}
