"""Reads a manifest with one ScriptModel and the ConfigMaps and Secrets that it refers to."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.constructor import ConstructorError

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.crd import structural_schema
from scriptmodel_operator.api.fields import DNS_NAME_PATTERN
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.api.spec import ScriptModelSpec

STDIN = Path("-")
FieldPath = tuple[str | int, ...]
"""Keys and indices from the root of a document to a value."""


@dataclass(frozen=True)
class Documents:
    """The documents of a manifest; `config_maps` and `secrets` by name."""

    scriptmodel: dict[str, Any]
    config_maps: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)


def read_documents(path: Path) -> Documents:
    """Read YAML or JSON, from stdin if the path is `-`. Raises InputError unless it holds exactly one ScriptModel."""
    source, path = path, Path("stdin") if path == STDIN else path
    try:
        text = sys.stdin.read() if source == STDIN else path.read_text(encoding="utf-8")
        found = [_with_text_keys(each) for each in yaml.load_all(text, Loader=_Loader) if each]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid YAML: {_yaml_problem(error)}") from error
    if not all(isinstance(each, dict) for each in found):
        raise InputError(f"{path} contains a document that is not an object")
    maps = {_name(path, each, "ConfigMap: "): each for each in found if each.get("kind") == "ConfigMap"}
    for each in maps.values():
        _check_strings(path, each, "ConfigMap: ", "data", "binaryData")
    secrets = {_name(path, each, "Secret: "): each for each in found if each.get("kind") == "Secret"}
    for each in secrets.values():
        _check_strings(path, each, "Secret: ", "data", "stringData")
    models = [each for each in found if each.get("kind") == KIND]
    if len(models) != 1:
        raise InputError(f"{path} contains {len(models) or 'no'} ScriptModel{'s'[: len(models) > 1]}; it must have one")
    (model,) = models
    if model.get("apiVersion") != API_VERSION:
        raise InputError(f"{path}: apiVersion must be {API_VERSION}, not {model.get('apiVersion')!r}")
    _name(path, model)
    _check_strings(path, model["metadata"], "metadata.", "annotations")
    if not isinstance(model.get("spec"), dict):
        raise InputError(f"{path}: spec is required")
    _check_quotes(path, text, model["spec"])
    return Documents(model, maps, secrets)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a time is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _refuse(_loader: _Loader, node: yaml.Node) -> NoReturn:
    name = node.tag.removeprefix("tag:yaml.org,2002:")
    raise ConstructorError(None, None, f"JSON has no type !!{name}: write a string", node.start_mark)


for _name_of_type in ("binary", "timestamp", "set", "omap", "pairs"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name_of_type}", _refuse)


def _with_text_keys(value: Any) -> Any:
    """Return a value whose objects have texts as keys, as in JSON."""
    if isinstance(value, list):
        return [_with_text_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key if isinstance(key, str) else json.dumps(key): _with_text_keys(each) for key, each in value.items()}


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{getattr(error, 'problem', '')} (line {mark.line + 1})" if mark else str(error)


def _check_quotes(path: Path, text: str, spec: Any) -> None:
    """Raise InputError for a number or boolean where the schema has a string, which the API server explains poorly."""
    for keys, value in unquoted(spec, structural_schema(ScriptModelSpec), ("spec",)):
        line = _line(text, keys)
        where = f"{path}:{line}" if line else str(path)
        shown = str(value).lower() if isinstance(value, bool) else value
        raise InputError(f'{where}: {_dotted(keys)} must be a string: quote it, {keys[-1]}: "{shown}"')


def unquoted(value: Any, schema: Mapping[str, Any], keys: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the paths and values of numbers and booleans where the schema has a string."""
    if schema.get("type") == "string" and isinstance(value, bool | int | float):
        yield keys, value
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, child in value.items():
            yield from unquoted(child, known.get(name, others if isinstance(others, dict) else {}), (*keys, name))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unquoted(item, schema.get("items", {}), (*keys, index))


def _dotted(keys: FieldPath) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _line(text: str, keys: FieldPath) -> int | None:
    """Return the line, from 1, of a field of the ScriptModel; None if a YAML merge or alias hides where it is."""
    for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
        kind = _child(root, "kind")
        if kind is None or kind.value != KIND:
            continue
        node: yaml.Node | None = root
        for key in keys:
            node = _child(node, key)
        return node.start_mark.line + 1 if node else None
    return None


def _child(node: yaml.Node | None, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return node.value[key]  # type: ignore[no-any-return]  # the type stubs of yaml leave values open
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _name(path: Path, document: Mapping[str, Any], which: str = "") -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        raise InputError(f"{path}: {which}metadata.name is required")
    if not re.fullmatch(DNS_NAME_PATTERN, name):
        raise InputError(f"{path}: {which}metadata.name must be of lower case letters, digits, - and ., not {name!r}")
    return name


def _check_strings(path: Path, holder: Mapping[str, Any], which: str, *keys: str) -> None:
    for key in keys:
        texts = holder.get(key) or {}
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise InputError(f"{path}: {which}{key} must have a string for each key (quote numbers)")
