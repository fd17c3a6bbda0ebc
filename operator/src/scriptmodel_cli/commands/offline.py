"""The commands that need no cluster: `init` and `completion`."""

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from scriptmodel_cli.connection import ObjectName
from scriptmodel_cli.output import emit, write_result
from scriptmodel_cli.program import Command

_TEMPLATE = """\
# A ScriptModel: trains a model on a corpus of scripts and writes a new script. Every field is in docs/reference/api.md.
#
#   scriptmodel plan -f FILE        # what applying it would do
#   kubectl apply -f FILE
#   scriptmodel status {name} -w
apiVersion: scriptmodel.dev/v1alpha1
kind: ScriptModel
metadata:
  name: "{name}"
spec:
  corpus:
    # A Pachyderm repo; a new commit in it trains again. `scriptmodel push PATH --repo plays --create` creates it.
    repo:
      name: plays
      branch: master
      project: default
    # Or, in place of repo, a ConfigMap, an address, or without a Pachyderm a bucket with a Secret of its keys:
    # configMap: {{name: plays}}
    # http: {{urls: ["https://example.com/plays.zip"]}}
    # bucket: {{url: "s3://my-plays/shaw", secretRef: {{name: my-plays}}}}
  model:
    # Network and settings are chosen for the corpus and for these minutes of training on two cores.
    minutes: 10
    seed: 0 # the same seed reproduces the model
    # from: {{scriptModel: shakespeare}} # start from its model instead of from random weights
    # overrides: {{epochs: 8, dropout: "0.3"}} # decimals are strings: quote them
  generation: # a change here writes a new script from the same model, without training again
    words: 700
    seed: 1
    # temperature: "0.8" # below 1 favours likely words, above 1 flattens the distribution
    # samples: 3 # further scripts: `scriptmodel script {name} --sample 2`
    # speaker: HAMLET
    # prompt: To be
  # training:
  #   gpu: {{required: true}} # without gpu, training runs on CPUs
"""


@click.command(cls=Command)
@click.argument("name", type=ObjectName(), default="my-script")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the manifest to a new file.")
def init(name: str, out: Path | None) -> None:
    """Print a commented ScriptModel manifest. NAME is the name of the object [default: my-script].

    \b
    Examples:
      scriptmodel init thrones --out thrones.yaml
      scriptmodel init thrones | kubectl apply -f -
    """
    text = _TEMPLATE.format(name=name)
    write_result(text.encode(), out, force=None)


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      eval "$(scriptmodel completion bash)"      # in ~/.bashrc
      eval "$(scriptmodel completion zsh)"       # in ~/.zshrc
      scriptmodel completion fish > ~/.config/fish/completions/scriptmodel.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"this version of click has no completion for {shell}")
    emit(made(context.find_root().command, {}, "scriptmodel", "_SCRIPTMODEL_COMPLETE").source() + "\n")
