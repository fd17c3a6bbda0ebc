"""The command `completion`, and the completions of the kubectl plugin."""

import click
from click.shell_completion import ShellComplete, get_completion_class

from scriptmodel_cli.output import emit
from scriptmodel_cli.program import Command

_VARIABLE = "_SCRIPTMODEL_COMPLETE"
_FILES, _NO_FILES = ":0", ":4"
"""The directives of cobra, which kubectl uses, that end a list of completions: with or without file names."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL. Names of ScriptModels are completed from the cluster.

    `kubectl scriptmodel` needs none: kubectl finds kubectl_complete-scriptmodel, which is installed with this program.

    \b
    Examples:
      eval "$(scriptmodel completion bash)"      # in ~/.bashrc
      eval "$(scriptmodel completion zsh)"       # in ~/.zshrc
      scriptmodel completion fish > ~/.config/fish/completions/scriptmodel.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"this version of click has no completion for {shell}")
    emit(made(context.find_root().command, {}, "scriptmodel", _VARIABLE).source() + "\n")


def for_kubectl(program: click.Command, words: list[str]) -> list[str]:
    """Return the lines that kubectl reads: completions with their help, then a directive. The last word is partial."""
    *before, partial = words or [""]
    found = ShellComplete(program, {}, "scriptmodel", _VARIABLE).get_completions(before, partial)
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found if item.type == "plain"]
    return [*lines, _FILES if any(item.type in ("file", "dir") for item in found) else _NO_FILES]
