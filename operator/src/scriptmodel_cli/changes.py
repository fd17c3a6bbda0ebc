"""Represents the changes that a plan would make, and renders them like a diff. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scriptmodel_cli.output import style
from scriptmodel_operator.engine.values import PipelineSpec

OPERATORS_IMAGE = "(the operator's default)"
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red", ">": None}
_NAME_WIDTH = 18
_EMPTY = ("", "null", "[]", "{}", "0", "0.0", "false")
_LONGEST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The change of a field: `before` is empty if the field or its object is new, `after` if it is removed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change: `sign` is + (create), ~ (update), - (delete) or > (start, stop); `effect` is its consequence."""

    sign: str
    what: str
    why: str = ""
    effect: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """The planned changes of one object; `problem` is what blocks the operator."""

    title: str
    changes: tuple[Change, ...] = ()
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"changes": [asdict(change) for change in self.changes], "problem": self.problem}


def spec_fields(spec: PipelineSpec) -> dict[str, str]:
    """Return the fields of a step by their paths, but for empty ones; the command option by option."""
    image, values = spec.image or OPERATORS_IMAGE, asdict(spec)
    for own in ("ref", "image", "command", "description", "annotations"):
        del values[own]
    others = {name: value for name, value in settings_of(values).items() if value not in _EMPTY}
    return {"image": image, **{name: value for name, value in _command(spec.command).items() if value}, **others}


def settings_of(value: Any, prefix: str = "") -> dict[str, str]:
    """Return the values of an object by their paths; a list is one value."""
    if isinstance(value, Mapping) and value:
        fields = (settings_of(child, f"{prefix}.{key}" if prefix else key) for key, child in value.items())
        return {path: text for each in fields for path, text in each.items()}
    return {prefix: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}


def _command(words: tuple[str, ...]) -> dict[str, str]:
    """Return the values of a command by option, or by `--set KEY`; an option without a value is the last word."""
    found: dict[str, str] = {}
    plain, rest = [], iter(words)
    for word in rest:
        if not word.startswith("--"):
            plain.append(word)
            continue
        option, equals, value = word.partition("=")
        value = value if equals else next(rest, "yes")
        if option == "--set":
            key, _, value = value.partition("=")
            option = f"--set {key}"
        found[option] = value
    return {"command": " ".join(plain), **found}


def field_changes(before: PipelineSpec | None, after: PipelineSpec) -> tuple[FieldChange, ...]:
    old, new = spec_fields(before) if before else {}, spec_fields(after)
    names = [*new, *(name for name in old if name not in new)]
    pairs = (FieldChange(name, old.get(name, ""), new.get(name, "")) for name in names)
    return tuple(pair for pair in pairs if pair.before != pair.after)


def render(preview: Preview) -> list[str]:
    lines = [style(preview.title, bold=True)]
    for change in preview.changes:
        lines += ["", *_change(change)]
    if preview.problem:
        lines += ["", style(f"! it would be stalled: {preview.problem}", fg="red")]
    elif not preview.changes:
        lines.append("Nothing would change.")
    return lines


def _change(change: Change) -> Iterator[str]:
    colour = _COLOURS[change.sign]
    yield style(f"{change.sign} {change.what}", fg=colour) + (f" ({change.why})" if change.why else "")
    if change.effect:
        yield f"    {change.effect}"
    width = max([_NAME_WIDTH, *(len(field.name) for field in change.fields)])
    for field in change.fields:
        yield f"    {field.name:{width}}  {_field(field, new=change.sign == '+')}"


def _field(field: FieldChange, *, new: bool) -> str:
    before, after = _shown(field.before) or "(none)", _shown(field.after) or "(none)"
    if new:
        return after
    return f"{style(before, fg='red')} → {style(after, fg='green')}"


def _shown(value: str) -> str:
    return value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}... ({len(value)} characters)"


def merged(last: Mapping[str, Any], desired: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as `kubectl apply` does: `desired` over the live object, without fields that only `last` had."""
    result = {key: value for key, value in live.items() if key in desired or key not in last}
    for key, value in desired.items():
        before, now = last.get(key), live.get(key)
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            result[key] = merged(before if isinstance(before, Mapping) else {}, value, now)
        else:
            result[key] = value
    return result
