"""What a plan would change, as values and as lines like a diff. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scriptmodel_cli.charts import UNICODE, Glyphs
from scriptmodel_cli.output import style
from scriptmodel_operator.pachyderm.values import PipelineSpec, PodToleration, ResourceAmounts

OPERATORS_IMAGE = "(the operator's default)"
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red", ">": None}
_NAME_WIDTH = 18


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`before` is empty where the field, or the object, is new; `after` where it goes."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """`sign` is + (made), ~ (changed), - (removed) or > (done); `effect` says what comes of it."""

    sign: str
    what: str
    why: str = ""
    effect: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one object. `problem` is what keeps the operator from going on; `notes` are of what nothing is done about."""

    title: str
    changes: tuple[Change, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"changes": [asdict(change) for change in self.changes], "problem": self.problem, "notes": [*self.notes]}


def spec_fields(spec: PipelineSpec) -> dict[str, str]:
    """What a person would call the fields of a pipeline, in the order of reading; the command option by option."""
    fields = {
        "image": spec.image or OPERATORS_IMAGE,
        "input": f"{spec.input_name}: {spec.input_branch}:{spec.glob}",
        **_command(spec.command),
        "tries": str(spec.datum_tries),
        "parallelism": str(spec.parallelism),
        "autoscaling": "yes" if spec.autoscaling else "no",
        "requests": _amounts(spec.requests),
        "limits": _amounts(spec.limits),
        "node selector": ", ".join(f"{key}={value}" for key, value in spec.node_selector),
        "tolerations": ", ".join(map(_toleration, spec.tolerations)),
        "priority class": spec.priority_class,
        "pod patch": spec.pod_patch,
        "pull secrets": ", ".join(spec.image_pull_secrets),
    }
    # Decimals of the spec are texts of a kind of their own, which YAML does not know.
    return {name: str(value) for name, value in fields.items() if value}


def _command(words: tuple[str, ...]) -> dict[str, str]:
    """`--preset test` and `--prompt=text` by their option, `--set key=value` by option and key."""
    found: dict[str, str] = {}
    plain, rest = [], iter(words)
    for word in rest:
        if not word.startswith("--"):
            plain.append(word)
            continue
        option, equals, value = word.partition("=")
        value = value if equals else next(rest, "")
        if option == "--set":
            key, _, value = value.partition("=")
            option = f"--set {key}"
        found[option] = value
    return {"command": " ".join(plain), **found}


def _amounts(amounts: ResourceAmounts) -> str:
    cpu = f"cpu {amounts.cpu:g}" if amounts.cpu else ""
    memory = f"memory {amounts.memory}" if amounts.memory else ""
    gpu = f"{amounts.gpu_type} {amounts.gpu_count}" if amounts.gpu_count else ""
    return ", ".join(filter(None, (cpu, memory, gpu)))


def _toleration(item: PodToleration) -> str:
    value = f"={item.value}" if item.operator == "Equal" else ""
    seconds = f" for {item.seconds}s" if item.seconds is not None else ""
    return f"{item.key or 'anything'}{value}:{item.effect or 'any effect'}{seconds}"


def field_changes(before: PipelineSpec | None, after: PipelineSpec) -> tuple[FieldChange, ...]:
    """Every field of a new pipeline; of one that is there, those that differ."""
    old, new = spec_fields(before) if before else {}, spec_fields(after)
    names = [*new, *(name for name in old if name not in new)]
    pairs = (FieldChange(name, old.get(name, ""), new.get(name, "")) for name in names)
    return tuple(pair for pair in pairs if pair.before != pair.after)


def render(outlook: Outlook, glyphs: Glyphs = UNICODE) -> list[str]:
    lines = [style(outlook.title, bold=True)]
    for change in outlook.changes:
        lines += ["", *_change(change, glyphs)]
    if outlook.problem:
        lines += ["", style(f"! it would be stuck: {outlook.problem}", fg="red")]
    elif not outlook.changes:
        lines.append("Nothing would change in Pachyderm.")
    return [*lines, *(["", *(f"Note: {note}" for note in outlook.notes)] if outlook.notes else [])]


def _change(change: Change, glyphs: Glyphs) -> Iterator[str]:
    colour = _COLOURS[change.sign]
    yield style(f"{change.sign} {change.what}", fg=colour) + (f" ({change.why})" if change.why else "")
    if change.effect:
        yield f"    {change.effect}"
    width = max([_NAME_WIDTH, *(len(field.name) for field in change.fields)])
    for field in change.fields:
        yield f"    {field.name:{width}}  {_told(field, new=change.sign == '+', glyphs=glyphs)}"


def _told(field: FieldChange, *, new: bool, glyphs: Glyphs) -> str:
    if new:
        return field.after
    before, after = field.before or "(none)", field.after or "(none)"
    return f"{style(before, fg='red')} {glyphs.arrow} {style(after, fg='green')}"


def merged(last: Mapping[str, Any], wanted: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """What `kubectl apply` makes of a live object: `wanted` over it, without what only `last` had asked for."""
    result = {key: value for key, value in live.items() if key in wanted or key not in last}
    for key, value in wanted.items():
        before, now = last.get(key), live.get(key)
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            result[key] = merged(before if isinstance(before, Mapping) else {}, value, now)
        else:
            result[key] = value
    return result
