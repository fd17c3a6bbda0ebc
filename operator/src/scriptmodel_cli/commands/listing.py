"""The command `list`."""

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.options import output_option
from scriptmodel_cli.output import note, say, say_structured
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session


@click.command("list", cls=Command)
@click.option("-A", "--all-namespaces", is_flag=True, help="List all namespaces.")
@output_option("table", "wide")
@pass_session
def list_(session: Session, all_namespaces: bool, output: str) -> None:
    """List ScriptModels with the columns of `kubectl get scriptmodels`; -o wide shows all of them.

    \b
    Examples:
      scriptmodel list -A
      scriptmodel list -o wide
      scriptmodel list -o name | xargs kubectl describe
    """
    where = None if all_namespaces else session.where()
    if output not in ("table", "wide"):
        say_structured(session.all_of(lambda client: client.list_scriptmodels(where)), output)
    elif not (found := session.all_of(lambda client: client.table_of_scriptmodels(where)))["rows"]:
        place = f"namespace {where!r}: see `scriptmodel list -A`" if where else "any namespace"
        note(f"No ScriptModels found in {place}.")
    else:
        say(text.list_of(found, namespaces=all_namespaces, wide=output == "wide"))
