"""The CRDs of ServiceMonitor and PrometheusRule, with the fields that the chart uses.

They follow the documented API of the Prometheus operator (monitoring.coreos.com/v1), without its hundreds of other
fields. The API server refuses any other field that the chart uses; add it here from that documentation.
"""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
DURATION: Schema = {"type": "string", "pattern": "^(0|([0-9]+(ms|s|m|h|d))+)$"}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_ENDPOINT = _object(port=TEXT, path=TEXT, interval=DURATION, scrapeTimeout=DURATION, honorLabels={"type": "boolean"})
_MONITOR = _object(("selector", "endpoints"), selector=_object(matchLabels=TEXTS), endpoints=_list(_ENDPOINT))
_RULE = {**_object(("expr",), alert=TEXT, record=TEXT, expr=TEXT, labels=TEXTS, annotations=TEXTS)}
_RULE["properties"] |= {"for": DURATION, "keep_firing_for": DURATION}
_GROUP = _object(("name",), name={"type": "string", "minLength": 1}, interval=DURATION, rules=_list(_RULE))


def _resource(kind: str, plural: str, spec: Schema) -> Schema:
    schema = {"openAPIV3Schema": _object(("spec",), spec=spec)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


CUSTOM_RESOURCES = [
    _resource("ServiceMonitor", "servicemonitors", _MONITOR),
    _resource("PrometheusRule", "prometheusrules", _object(groups=_list(_GROUP))),
]
