"""Finds the trials of a search that a change adds, repeats, continues or drops. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scriptmodel_cli.changes import Change, FieldChange
from scriptmodel_operator.desired.search import Plan, RunInput

_MOST_SHOWN = 20
Runs = Mapping[str, RunInput]


def trial_changes(plan: Plan, present: Runs, *, again: bool) -> Iterator[Change]:
    """Yield what differs between the repo of trials and the plan; `again` if the pipeline computes all again."""
    wanted = plan.runs
    new = [name for name in wanted if name not in present]
    kept = [name for name in wanted if name in present]
    moved = [name for name in kept if wanted[name].of and wanted[name] != present[name]]
    repeated = [name for name in kept if name not in moved and (again or wanted[name] != present[name])]
    gone = [name for name in present if name not in wanted]
    for sign, names, what, shown in (
        ("+", new, f"train {_count(new, 'new ')}", _values),
        ("~", repeated, f"repeat {_count(repeated)}", _values),
        ("~", moved, f"continue {_count(moved)} in round {plan.round} of {plan.rounds}", _share),
        ("-", gone, f"drop {_count(gone)}", _values),
    ):
        fields = [FieldChange(_label(name), shown(present.get(name)), shown(wanted.get(name))) for name in names]
        fields = [each for each in fields if each.before != each.after]
        effect = f"the first {_MOST_SHOWN} of {len(fields)}:" if len(fields) > _MOST_SHOWN else ""
        if names:
            yield Change(sign, what, effect=effect, fields=tuple(fields[:_MOST_SHOWN]))


def _count(names: list[str], kind: str = "") -> str:
    numbers = {name.partition(".")[0] for name in names}
    runs = f" ({len(names)} runs)" if len(names) > len(numbers) else ""
    return f"{len(numbers)} {kind}trial{'' if len(numbers) == 1 else 's'}{runs}"


def _label(name: str) -> str:
    return f"trial {name.lstrip('0')}"


def _values(given: RunInput | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.parameters.items()) if given else ""


def _share(given: RunInput | None) -> str:
    return "all epochs" if given is None or given.share == "1" else f"{given.share} of the epochs"
