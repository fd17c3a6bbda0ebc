"""Makes OpenAPI schemas of the API's classes, as the API server takes them. Pure."""

from typing import Any

from scriptmodel_operator.api.fields import ApiModel

_DROPPED = {"title", "$defs", "discriminator"}
_INTEGER_FORMAT = "int64"


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
        if key in _DROPPED or value is None:
            continue
        if key == "pattern" and "x-kubernetes-validations" in node:
            continue  # the rules repeat it in words
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
