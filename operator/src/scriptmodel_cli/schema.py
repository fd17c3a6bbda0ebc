"""Validates a ScriptModel as the API server does, by the same schema: defaults, types, limits and rules. Pure.

The rules of the API server are CEL, which cannot run here, so each has a form in Python, too.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.fields import IN_PYTHON, matches
from scriptmodel_operator.api.schema import structural_schema
from scriptmodel_operator.api.spec import ScriptModelSpec

_TYPES: dict[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,), "integer": (int,)}
_LIMITS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", lambda value, limit: value >= limit, "must be at least {}"),
    ("maximum", lambda value, limit: value <= limit, "must be at most {}"),
    ("minLength", lambda value, limit: len(value) >= limit, "must have at least {} characters"),
    ("maxLength", lambda value, limit: len(str(value)) <= limit, "must have at most {} characters"),
    ("minItems", lambda value, limit: len(value) >= limit, "must have at least {} items"),
    ("maxItems", lambda value, limit: len(value) <= limit, "must have at most {} items"),
    ("maxProperties", lambda value, limit: len(value) <= limit, "must have at most {} entries"),
    ("pattern", lambda value, limit: matches(limit, str(value)), "must match {}"),
    ("enum", lambda value, limit: value in limit, "must be one of {}"),
)


def admitted(spec: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the spec with its defaults; `old` is the previous spec. Raises InputError if it is invalid."""
    schema, filled = structural_schema(ScriptModelSpec), deepcopy(dict(spec))
    _fill_in(schema, filled)
    causes = list(_violations(schema, filled, "spec"))
    causes = causes or list(_broken_rules(schema, filled, old, "spec"))
    if causes:
        raise InputError(f"the ScriptModel is invalid: {'; '.join(causes)}")
    return filled


def _fill_in(schema: Mapping[str, Any], value: Any) -> None:
    """Set defaults in the objects that exist."""
    if isinstance(value, list):
        for item in value:
            _fill_in(schema.get("items", {}), item)
    if not isinstance(value, dict):
        return
    for name, child in schema.get("properties", {}).items():
        if name not in value and "default" in child:
            value[name] = deepcopy(child["default"])
        if name in value:
            _fill_in(child, value[name])


def _violations(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    kind = schema.get("type")
    if kind == "string" and isinstance(value, bool | int | float):
        yield f'{path}: must be a string: quote it, "{json.dumps(value)}"'
        return
    if not _is_a(kind, value):
        yield f"{path}: must be {_article(str(kind))}, not {value!r}"
        return
    for name, holds, text in _LIMITS:
        if name in schema and not holds(value, schema[name]):
            limit = ", ".join(schema[name]) if name == "enum" else schema[name]
            yield f"{path}: {text.format(limit)}, not {value!r}"
    if kind == "object":
        yield from _members(schema, value, path)
    elif kind == "array":
        for index, item in enumerate(value):
            yield from _violations(schema["items"], item, f"{path}[{index}]")


def _is_a(kind: str | None, value: Any) -> bool:
    """Return whether a value is of a type; a quantity, which has none, is a string or an integer."""
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    return isinstance(value, _TYPES[kind] if kind else (str, int))


def _article(kind: str) -> str:
    kind = {"None": "string or integer", "boolean": "true or false", "array": "list"}.get(kind, kind)
    return kind if kind == "true or false" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _members(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{path}.{name}: is required" for name in schema.get("required", []) if name not in value)
    for name, child in value.items():
        if name in known or others:
            yield from _violations(known.get(name, others), child, f"{path}.{name}")
        else:
            near = difflib.get_close_matches(str(name), known, 1) or list(_nested(schema, str(name)))
            yield f"{path}.{name}: unknown field" + (f" (did you mean {' or '.join(near)}?)" if near else "")


def _nested(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield where fields with a name are in the objects that a schema has, such as `overrides.epochs`."""
    for member, child in schema.get("properties", {}).items():
        for path in (name,) if name in child.get("properties", {}) else _nested(child, name):
            yield f"{member}.{path}"


def _broken_rules(schema: Mapping[str, Any], value: Any, old: Any, path: str) -> Iterator[str]:
    """Yield the broken rules of a valid spec; as in the API server, unchanged values are not checked."""
    if old is not None and value == old:
        return
    for rule in schema.get("x-kubernetes-validations", []):
        compared = [old] if "oldSelf" in rule["rule"] else []
        if compared != [None] and not IN_PYTHON[rule["rule"]](value, *compared):
            yield f"{path}: {rule['message']}" + (f", not {value}" if "messageExpression" in rule else "")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken_rules(schema["items"], item, None, f"{path}[{index}]")
    if isinstance(value, dict):
        before = old if isinstance(old, Mapping) else {}
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, child in value.items():
            yield from _broken_rules(known.get(name, others), child, before.get(name), f"{path}.{name}")
