"""Makes the CustomResourceDefinition from the spec and status classes. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from scriptmodel_operator.api import identity
from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.api.status import ScriptModelStatus

_DROPPED = {"title", "$defs", "discriminator"}
_INTEGER_FORMAT = "int64"

_READY = '.status.conditions[?(@.type=="Ready")]'
_COLUMNS: tuple[tuple[str, str, str, str, int], ...] = (
    ("Ready", "string", f"{_READY}.status", "True when the newest script exists.", 0),
    ("Status", "string", f"{_READY}.reason", "Reason of the condition Ready.", 0),
    ("Preset", "string", ".spec.model.preset", "The network.", 0),
    ("Epoch", "string", ".status.training.epochProgress", "Current epoch of all epochs.", 0),
    (
        "Perplexity",
        "string",
        ".status.perplexity",
        "Best validation perplexity of the training in progress, else of the script's model; lower is better.",
        0,
    ),
    ("Age", "date", ".metadata.creationTimestamp", "Time since creation.", 0),
    ("Test", "string", ".status.training.perplexity.test", "Perplexity on the test split, after training.", 1),
    ("WPS", "integer", ".status.training.wordsPerSecond", "Words trained per second.", 1),
    ("ETA", "string", ".status.training.eta", "Estimated time until training is done.", 1),
    ("Model Commit", "string", ".status.lineage.model.commit", "The model's commit.", 1),
    ("Message", "string", f"{_READY}.message", "What happened, and what to do.", 1),
)


def structural_schema(model: type[ApiModel]) -> dict[str, Any]:
    """Return the class as an OpenAPI v3 structural schema: no references, no unions with null, defaults of objects."""
    schema = model.model_json_schema(by_alias=True)
    result: dict[str, Any] = _structural(schema, schema.get("$defs", {}))
    return result


def _structural(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_structural(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    node = _resolved(node, definitions)
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in _DROPPED or value is None or (key == "pattern" and _has_rules(node)):
            continue
        if key == "properties":
            result[key] = {
                name: _with_default(child, node, name, _structural(child, definitions)) for name, child in value.items()
            }
        elif key in ("default", "enum", "anyOf", "x-kubernetes-validations"):
            result[key] = value
        else:
            result[key] = _structural(value, definitions)
    if "x-kubernetes-int-or-string" in result:
        result.pop("type", None)
    if result.get("type") == "integer":
        result.setdefault("format", _INTEGER_FORMAT)
    return result


def _has_rules(node: dict[str, Any]) -> bool:
    """Return whether the node has rules, which repeat its pattern in words."""
    return "x-kubernetes-validations" in node


def _with_default(child: Any, parent: dict[str, Any], name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Let an object that has defaults default to {}: the API server fills defaults only into objects that exist.

    Not if its absence has a meaning (`default: null` in pydantic's schema), nor if it is required.
    """
    absent_means_none = "default" in child and child["default"] is None
    has_defaults = any("default" in field for field in schema.get("properties", {}).values())
    if has_defaults and not absent_means_none and name not in parent.get("required", []):
        schema.setdefault("default", {})
    return schema


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return `node` with its reference resolved and a union with null reduced; its own keys take precedence."""
    variants = node.get("anyOf", [])
    if {"type": "null"} in variants:
        (only,) = (variant for variant in variants if variant != {"type": "null"})
        own = {key: value for key, value in node.items() if key != "anyOf"}
        return {**_resolved(only, definitions), **{k: v for k, v in own.items() if v is not None}}
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        own = {key: value for key, value in node.items() if key != "$ref"}
        return {**_resolved(target, definitions), **own}
    return node


def custom_resource_definition() -> dict[str, Any]:
    """Return the whole CustomResourceDefinition."""
    spec = structural_schema(ScriptModelSpec)
    status = structural_schema(ScriptModelStatus)
    _drop_defaults(status)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{identity.PLURAL}.{identity.GROUP}"},
        "spec": {
            "group": identity.GROUP,
            "names": {
                "kind": identity.KIND,
                "listKind": f"{identity.KIND}List",
                "plural": identity.PLURAL,
                "singular": identity.SINGULAR,
                "shortNames": [identity.SHORT_NAME],
                "categories": [identity.CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [_version(spec, status)],
        },
    }


def _version(spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": identity.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": doc, "priority": priority}
            for name, kind, path, doc, priority in _COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "A language model of scripts, and a new script written by it.",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    "status": status,
                },
            }
        },
    }


def _drop_defaults(schema: dict[str, Any]) -> None:
    """Remove all defaults: the operator writes the whole status, and the API server must add nothing."""
    schema.pop("default", None)
    for child in schema.get("properties", {}).values():
        _drop_defaults(child)
    if "items" in schema:
        _drop_defaults(schema["items"])


class _Dumper(yaml.SafeDumper):
    """Indents lists under their key, as people write YAML."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - fixed by PyYAML
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - fixed by PyYAML
        return True


def render() -> str:
    """Return the text of manifests/crd.yaml."""
    header = "# Generated by `scriptmodel-operator crd`; do not edit.\n"
    return header + yaml.dump(custom_resource_definition(), Dumper=_Dumper, sort_keys=False, width=110)
