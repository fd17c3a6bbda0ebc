"""The command `promote`."""

from datetime import UTC, datetime

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import note
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.identity import RECONCILE_AT
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.promotion.decision import Decision
from scriptmodel_operator.promotion.declared import ANNOTATION


@click.command(cls=Command)
@name_argument
@pass_session
def promote(session: Session, name: str) -> None:
    """Promote the newest model of NAME, which spec.promotion holds back: its script becomes that of the status."""
    found = (session.get(name).get("status") or {}).get("promotion") or {}
    if found.get("decision") != Decision.HELD_BACK:
        note(f"no model of {name} is held back, nothing changed: see `scriptmodel status {name}`")
        return
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    session.patch(name, {"metadata": {"annotations": {ANNOTATION: found["model"], RECONCILE_AT: stamp}}})
    note(f"requested to promote model {short_id(found['model'])} of {name}: `scriptmodel script {name}` prints it")
