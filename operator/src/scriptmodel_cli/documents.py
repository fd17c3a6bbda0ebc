"""Reads a file with one ScriptModel and perhaps the ConfigMaps and the Secret that it names, as kubectl takes it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

from scriptmodel_operator.api.crd import structural_schema
from scriptmodel_operator.api.fields import DNS_NAME_PATTERN
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.api.spec import ScriptModelSpec

STDIN = Path("-")


class UnquotedError(click.ClickException):
    """A number stands where a string is wanted."""

    exit_code = 2


@dataclass(frozen=True)
class Documents:
    """`config_maps` and `secrets` by name."""

    scriptmodel: dict[str, Any]
    config_maps: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)


def read_documents(path: Path) -> Documents:
    """YAML or JSON; `-` is stdin. ClickException where there is not exactly one ScriptModel in it."""
    try:
        text = sys.stdin.read() if path == STDIN else path.read_text(encoding="utf-8")
        found = [each for each in yaml.safe_load_all(text) if each]
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} is no YAML: {error}") from error
    if not all(isinstance(each, dict) for each in found):
        raise click.ClickException(f"{path} has a document that is no object")
    maps = {_name(path, each, "ConfigMap: "): each for each in found if each.get("kind") == "ConfigMap"}
    for each in maps.values():
        _check_texts(path, each, "ConfigMap: ", "data", "binaryData")
    secrets = {_name(path, each, "Secret: "): each for each in found if each.get("kind") == "Secret"}
    for each in secrets.values():
        _check_texts(path, each, "Secret: ", "data", "stringData")
    models = [each for each in found if each.get("kind") == KIND]
    if len(models) != 1:
        raise click.ClickException(f"{path} has {len(models) or 'no'} ScriptModel{'s'[: len(models) != 1]}; name one")
    (model,) = models
    if model.get("apiVersion") != API_VERSION:
        raise click.ClickException(f"{path}: apiVersion must be {API_VERSION}, not {model.get('apiVersion')!r}")
    _name(path, model)
    _check_texts(path, model["metadata"], "metadata.", "annotations")
    if not isinstance(model.get("spec"), dict):
        raise click.ClickException(f"{path}: spec is required")
    _check_quotes(path, model["spec"], structural_schema(ScriptModelSpec))
    return Documents(model, maps, secrets)


def _check_quotes(path: Path, spec: Any, schema: Mapping[str, Any]) -> None:
    """UnquotedError for a number or boolean where the schema wants a string; the API server refuses it less plainly."""
    for where, value in unquoted(spec, schema, "spec"):
        shown = str(value).lower() if isinstance(value, bool) else value
        raise UnquotedError(f'{path}: {where} must be a string: quote it, {where.rpartition(".")[2]}: "{shown}"')


def unquoted(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Paths and values of numbers and booleans where the schema has a string."""
    if schema.get("type") == "string" and isinstance(value, bool | int | float):
        yield path, value
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, child in value.items():
            yield from unquoted(child, known.get(name, others if isinstance(others, dict) else {}), f"{path}.{name}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unquoted(item, schema.get("items", {}), f"{path}[{index}]")


def _name(path: Path, document: Mapping[str, Any], which: str = "") -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        raise click.ClickException(f"{path}: {which}metadata.name is required")
    if not re.fullmatch(DNS_NAME_PATTERN, name):
        raise click.ClickException(
            f"{path}: {which}metadata.name must be of lower case letters, digits, - and ., not {name!r}"
        )
    return name


def _check_texts(path: Path, holder: Mapping[str, Any], which: str, *keys: str) -> None:
    for key in keys:
        texts = holder.get(key) or {}
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise click.ClickException(f"{path}: {which}{key} must have a text for each key (a number in quotes)")
