"""The base command: lists, adds and removes bases."""

from scriptmodel_trainer.artifacts import bases
from scriptmodel_trainer.errors import BadInputError, printable
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.records import Card


def base(action: str | None, given: str | None, sha256: str | None, progress: Progress) -> str:
    """Do what was asked for and return what to show."""
    if action in ("add", "remove") and not given:
        raise BadInputError(f"base {action} needs {'a packed base' if action == 'add' else 'the name of a base'}")
    if action == "add" and given:
        folder, card = bases.add(given, sha256)
        progress.note(f"not for: {card.not_for}")
        return f"{folder}: {_line(card)}"
    if action == "remove" and given:
        return f"removed {bases.remove(given)}"
    rows = [f"{name}  {_line(bases.load(folder)[1])}  {folder}" for name, folder in bases.installed().items()]
    return "\n".join(rows) or "no base is installed: `scriptmodel base add FILE` adds one of a release or `make base`"


def _line(card: Card) -> str:
    figures = "".join(f", {name} {figure:g}" for name, figure in card.figures.items())
    return printable(f"{card.language}, {len(card.texts)} texts, licence {card.licence}{figures}")
