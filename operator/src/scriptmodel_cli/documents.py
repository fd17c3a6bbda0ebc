"""Reads a manifest with one ScriptModel and the ConfigMaps that it refers to."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scriptmodel_cli.errors import InputError
from scriptmodel_operator.api.fields import DNS_NAME_PATTERN
from scriptmodel_operator.api.identity import API_VERSION, KIND

STDIN = Path("-")


@dataclass(frozen=True)
class Documents:
    """The documents of a manifest; `config_maps` by name."""

    scriptmodel: dict[str, Any]
    config_maps: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def read_documents(path: Path) -> Documents:
    """Read YAML or JSON, from stdin if the path is `-`. Raises InputError unless it holds exactly one ScriptModel."""
    source, path = path, Path("stdin") if path == STDIN else path
    try:
        text = sys.stdin.read() if source == STDIN else path.read_text(encoding="utf-8")
        documents = [each for each in yaml.load_all(text, Loader=_Loader) if each]
        found = json.loads(json.dumps(documents))  # keys become texts, and what JSON has not is refused
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not valid YAML: {_yaml_problem(error)}") from error
    if not all(isinstance(each, dict) for each in found):
        raise InputError(f"{path} contains a document that is not an object")
    maps = {_name(path, each, "ConfigMap: "): each for each in found if each.get("kind") == "ConfigMap"}
    for each in maps.values():
        _check_strings(path, each, "ConfigMap: ", "data", "binaryData")
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
    return Documents(model, maps)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a time is a text, and 1e-3 is a number."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{getattr(error, 'problem', '')} (line {mark.line + 1})" if mark else str(error)


def _name(path: Path, document: Mapping[str, Any], which: str = "") -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None:
        raise InputError(f"{path}: {which}metadata.name is required")
    if not isinstance(name, str):
        raise InputError(f"{path}: {which}metadata.name must be a string: quote it")
    if not re.fullmatch(DNS_NAME_PATTERN, name):
        raise InputError(f"{path}: {which}metadata.name must be of lower case letters, digits, - and ., not {name!r}")
    return name


def _check_strings(path: Path, holder: Mapping[str, Any], which: str, *keys: str) -> None:
    for key in keys:
        texts = holder.get(key) or {}
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise InputError(f"{path}: {which}{key} must have a string for each key (quote numbers)")
