"""The command `scriptmodel`, for people: looking at ScriptModels and asking for things. Also a kubectl plugin.

Each command is a module that is imported when it is called, so that help, completion and `list` start fast.
"""

from __future__ import annotations

import os
import sys

import click

from scriptmodel_cli.connection import session_of
from scriptmodel_cli.output import say
from scriptmodel_cli.program import Program

COMMANDS = "scriptmodel_cli.commands"
SECTIONS = {
    "Look": {
        "list": (f"{COMMANDS}.listing:list_", "List ScriptModels."),
        "status": (f"{COMMANDS}.status:status", "Tell everything about one on one screen; -w goes on."),
        "why": (f"{COMMANDS}.why:why", "Say why one is as it is, and what to do next."),
        "script": (f"{COMMANDS}.script:script", "Print the newest script, whole."),
        "report": (f"{COMMANDS}.report:report", "Print or open the report of the newest model."),
        "logs": (f"{COMMANDS}.logs:logs", "Print the log of the running or newest job; -f goes on."),
        "wait": (f"{COMMANDS}.asking:wait", "Wait until one is ready; fail as soon as it is stuck."),
    },
    "Change": {
        "plan": (f"{COMMANDS}.plan:plan", "Show what would change in Pachyderm, without changing anything."),
        "push": (f"{COMMANDS}.push:push", "Put a corpus into a Pachyderm repo as one commit."),
        "retrain": (f"{COMMANDS}.asking:retrain", "Train again with the same spec."),
        "suspend": (f"{COMMANDS}.asking:suspend", "Stop the pipelines."),
        "resume": (f"{COMMANDS}.asking:resume", "Start the pipelines again."),
    },
    "Without a cluster": {
        "init": (f"{COMMANDS}.init:init", "Print a commented ScriptModel to start from."),
        "local": ("scriptmodel_cli.local.command:local", "Train and write a script on this machine alone."),
        "completion": (f"{COMMANDS}.completion:completion", "Print completion for bash, zsh or fish."),
    },
}
EXAMPLES = """
\b
Examples:
  scriptmodel push plays/ --repo plays --create      # a corpus into Pachyderm
  scriptmodel plan -f thrones.yaml                   # what kubectl apply would do there
  scriptmodel status thrones -w                      # perplexity falls, live
  scriptmodel script thrones --out new_script.txt
  scriptmodel local -f thrones.yaml --corpus plays/  # the same on a laptop, without Kubernetes
"""


@click.command(
    cls=Program,
    sections=SECTIONS,
    help=f"Look at ScriptModels, read their scripts, and find out why one is as it is.\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="scriptmodel-operator", prog_name="scriptmodel")
@click.pass_context
def main(context: click.Context) -> None:
    context.call_on_close(session_of(context).close)
    if os.environ.get("NO_COLOR"):
        context.color = False


def kubectl_complete() -> None:
    """The program kubectl_complete-scriptmodel, which kubectl finds beside its plugin."""
    from scriptmodel_cli.commands.completion import for_kubectl  # noqa: PLC0415 - as all commands

    say(for_kubectl(main, sys.argv[1:]))


if __name__ == "__main__":
    main()
