"""Makes the CustomResourceDefinition from the spec and status classes."""

from typing import Any

import yaml

from scriptmodel_operator.api import identity
from scriptmodel_operator.api.schema import structural_schema
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.api.status import ScriptModelStatus

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
    ("Trials", "string", ".status.search.completed", "Trials of a search that have ended, of all trials.", 1),
    ("WPS", "integer", ".status.training.wordsPerSecond", "Words trained per second.", 1),
    ("ETA", "string", ".status.training.eta", "Estimated time until training is done.", 1),
    ("Model", "string", ".status.lineage.model", "Commit of the model.", 1),
    ("Message", "string", f"{_READY}.message", "What happened, and what to do.", 1),
)


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
    header = "# Generated from scriptmodel_operator/api by `make manifests`; do not edit.\n"
    return header + yaml.dump(custom_resource_definition(), Dumper=_Dumper, sort_keys=False, width=110)
