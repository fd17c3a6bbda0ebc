"""The records of all commands: their help and their options, as `cli/options.py` reads them."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_trainer.model import presets
from scriptmodel_trainer.reporting.suffixes import ALL, SUFFIXES
from scriptmodel_trainer.storage.records import FILES, SCENES

_WRITE_EXAMPLES = """\
examples:
  %(prog)s plays/                    # trains, which takes minutes, and writes
  %(prog)s plays/                    # another script of the same model, in seconds
  %(prog)s plays/ --seed 7 --temperature 1
  %(prog)s plays/ --cast NORA,HELMER --words 1000
  %(prog)s plays/ --continue my-scene.txt --samples 3
  %(prog)s plays/ --continue my-scene.txt --next 10 --by NORA
  %(prog)s plays/ --continue my-scene.txt --cento
  %(prog)s plays/ --minutes 60 --out better/

The folder has the model, report.html and each script as script-N.txt, .fountain (screenwriting programs), .fdx (Final
Draft) and .html (to print). A stopped training is continued by the same command.
"""
_PRESETS = """\
presets:
  auto                  network and settings for the corpus and --minutes
  demo                  first model, trained in minutes
  small, medium, large  as published for the Penn Treebank (Zaremba et al. 2014)
  tuned                 better model of small's size, to compare
  test                  tiny, to check the installation

example: scriptmodel-trainer train --data plays/ --out model/ --minutes 10

"""
_LAYOUT = "--layout NAME  layout of the scripts; `normalize --help` lists all [default: auto]"
_SPLIT = f"--split {SCENES}|{FILES}  keep scenes or whole files together in a split [default: scenes"
_TEXTS = f"""
--data PATH...  script files or folders
{_LAYOUT}
"""
_JSON = "--json  print one JSON object"
_MODEL_HELP = "model directory written by train, or the folder of write"
_MODEL = f"MODEL_DIR  {_MODEL_HELP}"
_TRAINING = f"""
--data PATH...  script files or folders; *.train.txt, *.valid.txt and *.test.txt define the splits
--out {{out}}
--minutes N  minutes of training on two cores that auto chooses for; no effect with --from [default: any]
--preset NAME  named settings, which `train --help` lists [default: auto; with --from those of its model]
--set KEY=VALUE...  override settings of the preset, for example hidden_units=300 dropout=0.2
--epochs N  short for --set epochs=N
--from MODEL_DIR  start from weights and words of this model; a quarter of the preset's epochs, unless set
--base NAME  the same from a base: an installed one, or the folder bases/NAME of --data
{_LAYOUT}
{_SPLIT}; with auto files for 20 or more]
--state DIR  keep the state, from which the same command continues, here [default: $SCRIPTMODEL_STATE_DIR or --out]
--checkpoint-seconds S  save the state every S seconds [default: 30]
--budget-seconds N  stop after N seconds of training over all restarts, with the best weights [default: no limit]
--log text|json  text, a progress bar on a terminal, or an object per line [default: text]
"""
_REQUEST = """
--temperature T  sampling temperature: below 1 favours likely words, 0 is greedy [default: 0.8]
--seed N  random seed; the same seed reproduces the script [default: {seed}]
--prompt TEXT  words, or speeches (`NAME: words`), that the script starts with
--by --speaker NAME  who speaks first, or next after the text of --continue
--cast NAMES|any  only these speak, separated by commas; any: all speakers of the corpus [default: those of one play]
--scene HEADING  open a scene with this heading
--continue FILE|-  continue this scene, of any layout, at most 64 KiB; - reads standard input
--continue-text TEXT  continue this text
--only-new  write only what follows the text that is continued
--no-copies  write sentences anew that stand in the training text, of six words or more
--samples N  number of scripts, each in a file of its own [default: 1]
--title TEXT  title of the script in its files [default: A new script]
--author NAME  author of the script in its files [default: scriptmodel]
"""
_PORT = "--port N  listen at this port of 127.0.0.1, 0 for a free one"


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its line in the list of all, its help with an `example`, and its options.

    An `epilog` replaces the example. `settings` are those of argparse's parser.
    """

    name: str
    help: str
    description: str
    options: str
    example: str = ""
    epilog: str = ""
    required: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


COMMANDS = (
    Command(
        "write",
        "write a script in the manner of a folder of plays: trains a model, or uses the one in the folder",
        "Write a script in the manner of some plays. The first run trains a model; later ones use it. Perplexity says "
        "among how many words the model hesitates for the next one: it falls while the model learns.",
        f"""
plays PATH...  script files, or folders to search for them
--minutes N  train the best model that takes this machine N minutes or less, as its speed is when the training starts
    [default: 10, 1 with a base that knows the words, or those of the model in the folder]
--out FOLDER  folder for model, report and scripts [default: PLAYS-written in the working directory]
--base NAME|none  start from this base; none: learn from the plays alone [default: an installed one of their language]
--force  replace a model of other files, of other --minutes or of another --base, in that folder
--words N  length limit in words, as counted by wc -w [default: 600; 20 with --next]
{_REQUEST.format(seed="the number of the script")}
--next N  print N different next lines of the text of --continue, best first, and write no script
--cento  take real lines of the plays, chosen by the model; each has its source, in Fountain as a note
""",
        epilog=_WRITE_EXAMPLES,
        settings={"column": 24},
    ),
    Command(
        "normalize",
        "convert scripts into the token stream that training reads",
        "Convert scripts of any layout into one token stream with a speech or direction on each line. Layouts: auto "
        "detects it per file; others are normalized, plain, markdown, fountain, fdx, tei, caps-period, "
        "title-period, caps-colon, title-colon, dash, column and name-alone.",
        f"""
data PATH...  script files, or folders to search for them
--out FILE  write the stream to this file [default: standard output, unless it is a terminal]
{_LAYOUT}
--stats FILE  write statistics of each file to this file, as JSON
--explain  write each line of the scripts with its label and the rule that gave it, instead of the stream
""",
        "plays/ --out tokens.txt --stats stats.json",
    ),
    Command(
        "train",
        "train a model on scripts",
        "Train a model and store it in a directory with metrics and a report.",
        f"""
{_TRAINING.format(out="MODEL_DIR  write the model to this directory")}
--seed N  random seed; the same seed reproduces the model [default: 0]
""",
        epilog=_PRESETS + textwrap.fill(f"settings for --set: {', '.join(presets.KEYS)}", 78),
        required=("--data", "--out"),
        settings={"column": 27, "usage": "%(prog)s --data PATH [PATH ...] --out MODEL_DIR [options]"},
    ),
    Command(
        "trial",
        "train one run of a search",
        "Train the run that FOLDER/NAME/trial.json describes and store what came of it in a folder NAME below --out: "
        "trial.json, and the model where it is complete. A run that diverges, is killed or needs too much memory is "
        "recorded as failed, and the command exits 0. Pipelines of a ScriptModel with spec.search use it.",
        f"""
--trial FOLDER  folder that holds the folder of one run, with its trial.json
{_TRAINING.format(out="FOLDER  write to the folder of the run below this one")}
""",
        epilog='example of trial.json: {"parameters": {"dropout": "0.3"}, "seed": 0}',
        required=("--trial", "--data", "--out"),
        settings={"usage": "%(prog)s --trial FOLDER --data PATH [PATH ...] --out FOLDER [options]"},
    ),
    Command(
        "job",
        "run train, trial or generate in a pod: inputs and outputs are in a bucket",
        "Run the command of a job document: fetch its inputs into /pfs ($PFS_ROOT) and the newest checkpoint of an "
        "earlier attempt into $SCRIPTMODEL_STATE_DIR, run train, trial or generate in this process, and store "
        "what it wrote to /pfs/out, its log and, last, the manifest. Checkpoints are stored while it trains, and at "
        "SIGTERM. All transfers use presigned URLs in the document, which is read again before each: while a URL has "
        "expired or the bucket is away, the command waits. Jobs of the operator use it.",
        "document PATH  the job document, in JSON",
        "/scriptmodel/job.json",
    ),
    Command(
        "evaluate",
        "measure the perplexity of a model on texts",
        "Measure perplexity over all tokens of the texts, with the LSTM state carried throughout.",
        f"""
folder {_MODEL}
{_TEXTS}
{_JSON}, with token classes
""",
        "model/ --data another_play.txt --json",
        required=("--data",),
    ),
    Command(
        "generate",
        "write a new script",
        "Write complete, well-formed scripts that end with a sentence within the number of words.",
        f"""
model {_MODEL}
--words N  length limit in words, as counted by wc -w [default: 500]
{_REQUEST.format(seed=0)}
--top-p P  sample from the smallest set of words whose total probability reaches P [default: 0.95]
--takes N  write each sentence N times and keep the one that answers the scene best [default: 16]
--out FILE  write the script to this file, in the format of its suffix {", ".join(SUFFIXES.values())} [default: standard
    output]
--format {"|".join((*SUFFIXES, ALL))}  format of the script; all: each of them beside --out [default: that of the suffix
    of --out, else text; all if --out is in /pfs/out]
--record FILE  write settings and digests of the scripts, as JSON [default: generation.json if --out is in /pfs/out]
--log text|json  as for train [default: json if --out is in /pfs/out, else text]
""",
        "model/ --words 300 --speaker HAMLET --seed 7",
    ),
    Command(
        "judge",
        "judge a script, or the scripts of a model, beside held-out text",
        "Compare a script, or samples of a model, with text of the corpus that training holds out, and give a verdict: "
        "poor, fair, good, like the corpus; else a copy, a loop, noise (words in no order) or foreign (words of "
        "another corpus).",
        f"""
subject MODEL_DIR|SCRIPT  {_MODEL_HELP}, or a script
--data PATH...  the corpus: script files or folders
{_LAYOUT}
{_SPLIT}, or the model's]
--samples N  scripts that the model writes [default: 8]
--words N  length limit of each in words [default: 500]
--seed N  random seed of the scripts [default: 0]
{_JSON}
""",
        "new_script.txt --data plays/ --json",
        required=("--data",),
    ),
    Command(
        "voice",
        "say whose speech each speech of a draft sounds like, and what is unusual in it",
        "Compare a draft with plays: which of their characters and authors each speech sounds like, what is unusual "
        "in it, and what the draft uses far more often than they do. Needs no model.",
        f"""
draft DRAFT  the scenes to look at, in any layout
--with PATH...  plays, or folders of them; a folder's name is an author
{_LAYOUT}
--all  show every speech, not only those that are striking
--json  print all figures as JSON
""",
        "draft.txt --with plays/",
        required=("--with",),
    ),
    Command(
        "report",
        "write the report page of a model",
        "Write one self-contained HTML page: curves, corpus, perplexity by class of token, samples.",
        f"folder {_MODEL}\n--out FILE  write the page to this file [default: report.html]",
        "model/ --out report.html",
    ),
    Command(
        "export",
        "write a model as one file: a page that writes in any browser",
        "Write a model as one file: a page with a text box that writes in any browser, without a network. Other "
        "programs read the model directory: safetensors and JSON.",
        f"""
folder {_MODEL}
--out FILE  write to this file, in .html
--title TEXT  title of the page [default: Write with, and the model's name]
--author NAME  author of the page
--continue FILE|-  scene that the page opens with
""",
        "model/ --out write.html --title 'A play' --continue my-scene.txt",
        required=("--out",),
    ),
    Command(
        "base",
        "list, add or remove bases, from which write starts",
        "A base is a model of many plays. `write` starts from one that is in the language of the plays. `make base` in "
        "a checkout makes one of public-domain plays. Bases are in the user's folder "
        "(~/.local/share/scriptmodel/bases) or the system's; SCRIPTMODEL_BASES names other folders. Those of a release "
        "are added by name from the address in SCRIPTMODEL_BASE_URL.",
        """
action [list|add|remove]  what to do [default: list]
given [FILE|URL|NAME]  packed base to check and install in the user's folder, or name of a base to remove from it
--sha256 DIGEST  SHA-256 that the packed base must have; one from a URL needs it [default: any]
""",
        "add en.tar",
    ),
    Command(
        "serve",
        "let editors and programs write with a model, by OpenAI's API",
        "Serve completions as OpenAI's API has them (/v1/completions), at an address of this machine. Ends with "
        "Ctrl-C.",
        f"model {_MODEL}\n{_PORT} [default: 8000]",
        "model/ --port 8000",
    ),
    Command(
        "ui",
        "write with a model in the browser",
        "Write with a model in the browser, and read its report. It changes no file. Ends with Ctrl-C.",
        f"""
model {_MODEL}
--no-browser  print the address only [default: open it, on a terminal]
{_PORT} [default: 0]
""",
        "model/",
    ),
)
