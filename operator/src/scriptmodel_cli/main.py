"""The entry points of `scriptmodel` and its kubectl plugin; commands are imported when called, for a fast start."""

import os

import click

from scriptmodel_cli.connection import session_of
from scriptmodel_cli.program import Program

COMMANDS = "scriptmodel_cli.commands"
LOCAL = "scriptmodel_cli.local"
TRAINER = f"{LOCAL}.write:command_of"
SECTIONS = {
    "Inspect": {
        "list": (f"{COMMANDS}.objects:list_", "List ScriptModels."),
        "status": (f"{COMMANDS}.objects:status", "Show the full status of a ScriptModel (-w to watch)."),
        "why": (f"{COMMANDS}.objects:why", "Explain a ScriptModel's state and suggest the next step."),
        "script": (f"{COMMANDS}.results:script", "Print the newest script."),
        "report": (f"{COMMANDS}.results:report", "Print the HTML report of the newest model."),
        "logs": (f"{COMMANDS}.results:logs", "Print the log of the running or newest job (-f to follow)."),
        "ui": ("scriptmodel_cli.ui.command:ui", "Show ScriptModels in the browser, and write with a model."),
    },
    "Change": {
        "plan": (f"{COMMANDS}.plan:plan", "Show what applying a ScriptModel would change, without changing it."),
        "push": (f"{COMMANDS}.push:push", "Upload a corpus as one commit of a repo."),
        "retrain": (f"{COMMANDS}.objects:retrain", "Train again with the same spec."),
        "suspend": (f"{COMMANDS}.objects:suspend", "Stop the steps of a ScriptModel."),
        "resume": (f"{COMMANDS}.objects:resume", "Restart the steps of a suspended ScriptModel."),
    },
    "Without a cluster": {
        "write": (TRAINER, "Train on a folder of plays and write a script."),
        "voice": (TRAINER, "Say whose speech each speech of a draft sounds like."),
        "judge": (TRAINER, "Judge a script beside plays."),
        "export": (TRAINER, "Export a model as a page that writes."),
        "base": (TRAINER, "List, add or remove bases, from which write starts."),
        "init": (f"{COMMANDS}.offline:init", "Print a commented ScriptModel manifest."),
        "local": ("scriptmodel_cli.local.command:local", "Train and write on this machine by a ScriptModel."),
        "completion": (f"{COMMANDS}.offline:completion", "Print the completion script for bash, zsh or fish."),
    },
}
EXAMPLES = """
\b
Examples:
  scriptmodel push plays/ --repo plays --create      # upload a corpus to Pachyderm
  scriptmodel plan -f thrones.yaml                   # preview kubectl apply
  scriptmodel status thrones -w                      # watch the training
  scriptmodel script thrones --out new_script.txt
  scriptmodel write plays/                           # from plays to a script, without Kubernetes
  scriptmodel local -f thrones.yaml --corpus plays/  # a ScriptModel, without Kubernetes
"""


@click.command(
    cls=Program,
    sections=SECTIONS,
    help=f"Inspect and change ScriptModels, and read their scripts.\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="scriptmodel-operator", prog_name="scriptmodel")
@click.pass_context
def main(context: click.Context) -> None:
    context.call_on_close(session_of(context).close)
    if os.environ.get("NO_COLOR"):
        context.color = False


if __name__ == "__main__":
    main()
