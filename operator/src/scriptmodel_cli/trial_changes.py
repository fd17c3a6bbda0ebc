"""Finds the trials of a search that a change adds, repeats or drops. Pure."""

from collections.abc import Iterator, Mapping

from scriptmodel_cli.changes import Change
from scriptmodel_operator.act.actions import ReplaceFiles
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.state import ModelState
from scriptmodel_operator.search.trials import Plan, RunInput


def changes_of_trials(state: ModelState, view: ModelView) -> Iterator[Change]:
    """Yield what an object in that state changes of its trials."""
    if view.search is None:
        return
    again = any(each.ref == view.refs.train and each.apply.reprocess for each in state.difference.now)
    now = any(isinstance(action, ReplaceFiles) and action.branch == view.refs.trials for action in state.actions)
    why = "" if now or view.train is None or view.train.running is None else "once the running job has ended"
    yield from trial_changes(view.search.plan, view.search.present, again=again, why=why)


def trial_changes(plan: Plan, present: Mapping[str, RunInput], *, again: bool, why: str = "") -> Iterator[Change]:
    """Yield what differs between the repo of trials and the plan; `again` if the pipeline computes all again."""
    wanted = plan.runs
    due = {name for name in wanted if name in present and (again or wanted[name] != present[name])}
    for sign, verb, what, found in (
        ("+", "train", " new", wanted.keys() - present.keys()),
        ("~", "repeat", "", due),
        ("-", "drop", "", present.keys() - wanted.keys()),
    ):
        names = [name for name in {**wanted, **present} if name in found]
        trials = len({name.partition(".")[0] for name in names})
        text = f"{verb} {trials}{what} trial{'' if trials == 1 else 's'}"
        text += f" ({len(names)} runs)" if len(names) > trials else ""
        if names:
            yield Change(sign, text, why)
