"""The command `status`."""

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.live import Live
from scriptmodel_cli.options import check_ready, name_argument, now, output_option
from scriptmodel_cli.output import say, say_structured
from scriptmodel_cli.program import Command
from scriptmodel_cli.screen import line_of, screen_of
from scriptmodel_cli.session import Session, pause


@click.command(cls=Command)
@name_argument
@output_option("text")
@click.option("-w", "--watch", is_flag=True, help="Watch until it is ready, stalled or suspended.")
@pass_session
def status(session: Session, name: str, output: str, watch: bool) -> None:
    """Show the full status of NAME: progress, perplexity, lineage, history and the beginning of the script.

    Exit status of -w: 0 ready, 1 stalled, 3 suspended. With -o, -w prints the object at the end, and what changes
    before that on stderr.

    \b
    Examples:
      scriptmodel status thrones -w
      scriptmodel status thrones -o json | jq .status.training
    """
    structured = output != "text"
    live = Live(err=structured)
    found = session.get_with_retry(name, live.note) if watch else session.get(name)
    if not watch and not structured:
        say(screen_of(found, now()))
    while watch:
        live.show(screen_of(found, now()), line_of(found), now())
        if text.is_settled(found):
            break
        pause()
        found = session.get_with_retry(name, live.note)
    if structured:
        say_structured(found, output)
    if watch:
        check_ready(found)
