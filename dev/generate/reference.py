"""Generates the tables of docs/reference/api.md from the CustomResourceDefinition.

Each stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is around them is written by hand.
"""

from collections.abc import Iterator
from typing import Any

from dev.generate import pages
from dev.generate.crd import custom_resource_definition

Schema = dict[str, Any]


def tables() -> dict[str, str]:
    """Return the Markdown of each table by its name."""
    version = custom_resource_definition()["spec"]["versions"][0]
    parts: Schema = version["schema"]["openAPIV3Schema"]["properties"]
    spec = [
        (f"`{path}`", _type(schema), _default(schema), schema["description"]) for path, schema in _fields(parts["spec"])
    ]
    status = [(f"`{path}`", schema["description"]) for path, schema in _fields(parts["status"])]
    columns = [
        (column["name"].upper(), column["description"], "with `-o wide`" if column["priority"] else "")
        for column in version["additionalPrinterColumns"]
    ]
    return {
        "spec": pages.table(("field", "type", "default", "meaning"), spec),
        "status": pages.table(("field", "meaning"), status),
        "columns": pages.table(("column", "meaning", ""), columns),
    }


def filled(page: str) -> str:
    """Return `page` with all tables up to date. Raises KeyError for an unknown table."""
    return pages.filled(page, tables().__getitem__)


def _fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every nested field with its path, `[]` for list items. Conditions are left to Kubernetes' documentation."""
    for name, child in schema.get("properties", {}).items():
        path = prefix + name
        yield path, child
        if name != "conditions":
            yield from _fields(child.get("items", {}), f"{path}[].")
            yield from _fields(child, f"{path}.")


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema["type"] == "array":
        return f"list of {schema['items']['type']}"
    if "additionalProperties" in schema:
        return "map of strings"
    return str(schema["type"])


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ({}, [], ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
