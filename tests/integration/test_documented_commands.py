"""Runs every command of README and docs as written; commands that cannot run here have a reason.

The commands run in the order of their page, in one folder, with a control plane, localpach and the operator.
Placeholders (NAME, HOST:PORT) are filled in. README starts from a clone, and is followed by what the demo prints at its
end; for the other pages a ScriptModel called `shakespeare` already has its script.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dev.paths import OPERATOR_ENV, ROOT, TRAINER_ENV
from dev.plays import plays
from dev.programs.built import helm
from dev.stack import TRAINER_IMAGE, ControlPlane, Localpach, Operator
from tests.integration.cluster import QUICK_TRAINER, Cluster, manifest

pytestmark = pytest.mark.slow

README = ROOT / "README.md"
_OTHERS = ("CONTRIBUTING.md", "charts/scriptmodel-operator/README.md", "localpach/README.md", "scriptmodel/README.md")
PAGES = [*(ROOT / name for name in _OTHERS), *sorted(ROOT.glob("docs/**/*.md"))]
_PROGRAMS = (
    r"(\.ci/run|make|git|pipx|tar|docker|kind|eksctl|gcloud|helm|kubectl|pachctl|scriptmodel[\w-]*|localpach"
    r"|export|sed|\.venv/\w+/bin/[\w-]+)"
)
_INDENTED = re.compile(rf" {{4,8}}(?={_PROGRAMS}( |$))")

DEMO = ROOT / "dev/demo.sh"
CORPUS = "documented-plays"
SPEC = {"corpus": {"repo": {"name": CORPUS}}, "model": {"preset": "test"}, "generation": {"words": 60}}
SAMPLE = "manifests/samples/shakespeare.yaml"
_SECONDS = 900  # of a command, which may train, on whatever machine
ONE_ACT = 600
"""Lines of Hamlet on which commands train."""
UNTIL_STOPPED = 12.0
"""The time limit in seconds of a command that runs until it is stopped."""


@dataclass(frozen=True)
class Here:
    """Run by this test, with ` option` appended if the documented command would take too long."""

    pattern: str
    option: str = ""
    lasts: bool = False
    """Runs until it is stopped; it must not have failed by then."""
    status: int = 0


@dataclass(frozen=True)
class Elsewhere:
    """Not run by this test, with the reason."""

    pattern: str
    why: str


FROM_NOTHING = [
    # Rules for README and for what the demo prints; they are tried before the others.
    Here(r"make( env)? plays", option="PLAYS={folder}/plays"),
    Here(r"\.venv/operator/bin/scriptmodel local .*"),
    Elsewhere(r"\.venv/operator/bin/scriptmodel write .*", "trains for minutes; the guide's commands read one play"),
    Here(r"\.venv/trainer/bin/scriptmodel-trainer train .*", option="--minutes 0.01"),
    Here(r"scriptmodel (push|script|report|status) .*"),
    Here(r"kubectl apply -f manifests/samples/shakespeare.yaml"),
    Here(r"kubectl patch .*|sed .* \| kubectl apply -f -"),
]
RULES = [
    # Targets of the Makefile: that they are there is seen here, what they do is a stage of CI or has tests of its own.
    Here(r"make .*", option="--dry-run --silent"),
    Elsewhere(r"\.ci/run|\.venv/operator/bin/pytest .*", "is what runs this"),
    Elsewhere(r"docker .*", "needs a docker engine and a registry; `make images` has buildah build them"),
    Elsewhere(r"kind .*|eksctl .*|gcloud .*", "needs an engine or an account; the e2e suite has a node of its own"),
    Elsewhere(r"pipx install .*|tar xf scriptmodel-.*", "takes a release; `make release-try` installs one"),
    Elsewhere(r"git clone .*", "fetches Pachyderm's repository"),
    Elsewhere(r"git grep .* \| xargs sed .*", "changes the checkout; `make release` refuses what it missed"),
    Elsewhere(r"helm (package|install pachyderm) .*", "needs Pachyderm's chart, from a place of its own"),
    Here(r"helm install scriptmodel .*", option="--dry-run=server --set crds.install=false"),  # the CRD is there
    Elsewhere(r"helm (test|upgrade|rollback|uninstall) .*", "needs a release with pods; the e2e suite has one"),
    Elsewhere(r"kubectl delete scriptmodels .*", "deletes what other pages use; the e2e suite does so"),
    Elsewhere(r"pachctl .*|echo hello \| pachctl .*|cat > upper.json .*", "needs pachctl, which is not on PyPI"),
    Here(r"export .*|cat scene.txt"),
    # The cluster.
    Here(r"kubectl apply -k manifests/?", option="--dry-run=server"),
    Here(r"kubectl apply .*-f manifests/\S+", option="--dry-run=server"),
    Here(r"kubectl apply -f thrones.yaml", option="--dry-run=server"),
    Here(r"kubectl get nodes .*"),
    Here(r"kubectl get \S+ -w", lasts=True),
    Here(r"kubectl get (jobs|(events|configmaps) .*)"),
    Here(r"kubectl (get|describe) (sm|scriptmodels?)( .*)?"),
    Here(r"kubectl (annotate|patch) sm .*", option="--dry-run=server"),
    Here(r"kubectl create configmap .*", option="--dry-run=server"),
    Here(r"kubectl create (namespace|rolebinding) .*", option="--dry-run=client"),
    Elsewhere(r"kubectl -n (PACHYDERM|pachyderm) .*", "needs pods and volumes; localpach has none"),
    Elsewhere(r"kubectl -n (scriptmodel-system|default) .*", "needs pods; the e2e suite has them"),
    # Our own commands.
    Here(r"scriptmodel-operator run .*", lasts=True),
    Elsewhere(r"scriptmodel-operator check .*", "names a server of the reader's; the chart's suite runs it"),
    Here(r"localpach serve .*", lasts=True),
    Here(r"scriptmodel push .*", option="--replace"),
    Here(r"scriptmodel plan -f thrones.yaml", status=1),
    Here(r"scriptmodel local -f thrones.yaml .*", option=f"--force --trainer={ROOT / QUICK_TRAINER}"),
    Elsewhere(r"scriptmodel local -f search.yaml .*", "trains eight models; test_local.py has a smaller search"),
    Here(r"scriptmodel why \S+"),
    Here(r"scriptmodel (script NAME|status NAME -w|script thrones)"),
    Here(r"scriptmodel (script|report) thrones .*--out .*"),
    Here(r"scriptmodel ui( plays-written)?", option="--no-browser", lasts=True),
    Here(r"scriptmodel (voice|export) .*"),
    Elsewhere(r"scriptmodel base add .*", "trains for hours; test_bases.py has a base of its own"),
    Here(r"scriptmodel base list"),
    Elsewhere(r"ssh .* scriptmodel ui .*", "needs another machine"),
    Here(r"scriptmodel init thrones --out thrones.yaml"),
    Here(r'eval "\$\(scriptmodel completion bash\)"|scriptmodel completion fish > .*'),
    Here(r"scriptmodel-trainer train .* --from .*", option="--epochs 1"),
    Here(r"scriptmodel-trainer train .* --minutes .*", option="--minutes 0.01"),
    Here(r"scriptmodel-trainer train .*", option="--preset test"),
    Elsewhere(r"scriptmodel-trainer (trial|select|job) .*", "needs what describes a run; it has tests of its own"),
    Here(r"scriptmodel-trainer (serve|ui) .*", lasts=True),
    Here(r"scriptmodel(-trainer)? write plays/.*", option="--minutes 0.01"),
    Here(r"scriptmodel-trainer judge .*", option="--samples 1 --words 60"),
    Here(r"scriptmodel-trainer (generate|evaluate|normalize|report|compare|export) .*"),
]


@dataclass(frozen=True)
class Documented:
    """A command of a page, without its comment."""

    page: Path
    text: str

    @property
    def rule(self) -> Here | Elsewhere:
        rules = RULES if self.page in PAGES else [*FROM_NOTHING, *RULES]
        fitting = [rule for rule in rules if re.fullmatch(rule.pattern, self.text)]
        assert fitting, f"{self.page.name} shows `{self.text}`, and RULES does not say how it is tested"
        return fitting[0]


def documented(page: Path, text: str = "") -> Iterator[Documented]:
    """Yield what follows `$ ` in console blocks, and indented lines that begin with one of our programs."""
    fence = None
    lines = iter((text or page.read_text()).splitlines())
    for line in lines:
        if line.lstrip().startswith("```"):
            fence = None if fence is not None else line.strip().removeprefix("```")
        elif (fence == "console" and line.startswith("$ ")) or (fence is None and _INDENTED.match(line)):
            whole = line.strip().removeprefix("$ ")
            while whole.endswith("\\"):
                whole = whole[:-1].rstrip() + " " + next(lines).strip()
            yield Documented(page, re.sub(r"\s+# .*", "", whole))


@dataclass
class World:
    """The folder and environment in which the commands run."""

    cluster: Cluster
    folder: Path
    env: dict[str, str]
    filled: dict[str, str]
    exports: list[str] = field(default_factory=list)
    """Apply commands that affect all later ones of the page."""
    lasting: list[subprocess.Popen[str]] = field(default_factory=list)
    """Commands that run until they are stopped, beside the later ones of the page."""
    known: set[str] = field(default_factory=set)
    """Commands that have run: what two pages show runs once."""

    def run(self, command: Documented, rule: Here) -> None:
        text = command.text
        if text in self.known:
            return
        self.known.add(text)
        for word, value in self.filled.items():
            text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", value, text)
        where = ROOT if text.startswith("make ") else self.folder
        whole = f"{text} {rule.option.format(folder=self.folder)}".strip()
        shell = ["bash", "-euo", "pipefail", "-c", "\n".join([*self.exports, whole])]
        if rule.lasts:
            lasting = "\n".join([*self.exports, f"exec {text}"])
            shell = ["timeout", "--signal=INT", "--kill-after=20", str(UNTIL_STOPPED), *shell[:-1], lasting]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            self.lasting.append(subprocess.Popen(shell, cwd=where, env=self.env, text=True, **pipes))
            return
        if text.startswith("export "):
            self.exports.append(text)
        done = subprocess.run(
            shell, cwd=where, env=self.env, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        assert done.returncode == rule.status, f"{shlex.join(shell)}: {done.returncode}\n{done.stdout}{done.stderr}"

    def end(self) -> None:
        """Wait until the lasting commands of a page are stopped; none may have failed before."""
        while self.lasting:
            process = self.lasting.pop()
            output, _ = process.communicate(timeout=_SECONDS)
            assert process.returncode in (124, 130, 0), f"{process.args}: {process.returncode}\n{output}"


@pytest.fixture(scope="module")
def world(
    control_plane: ControlPlane, operator: Operator, localpach: Localpach, tmp_path_factory: pytest.TempPathFactory
) -> World:
    """Prepare a corpus, and a ScriptModel that was trained on it."""
    cluster = Cluster.create(control_plane, "documented")
    found = _clone(cluster, localpach, tmp_path_factory.mktemp("documented"))
    programs = [OPERATOR_ENV / "bin", TRAINER_ENV / "bin"]
    found.env["PATH"] = os.pathsep.join([*map(str, programs), found.env["PATH"]])
    found.filled |= {
        "localhost:30650": localpach.address,
        "NAME": "shakespeare",
        "/tmp/pach": "pach2",
        "--repo shakespeare": f"--repo {CORPUS}",
        "--repo plays": f"--repo {CORPUS}",
        "script thrones --sample 2": "script shakespeare --sample 1",  # the object here has one sample
        "my-scene.txt": "scene.txt",
        "HEDDA,TESMAN": "HAMLET,HORATIO",  # people of the play that is here
        "script thrones": "script shakespeare",
        "report thrones": "report shakespeare",
        "--out thrones.yaml": "--out commented.yaml",  # thrones.yaml is here, with a smaller model
    }
    _lay_out(found.folder)
    found.run(Documented(found.folder, f"scriptmodel push plays --repo {CORPUS} --create"), Here(""))
    cluster.apply("shakespeare", SPEC)
    cluster.ready("shakespeare", within=400)
    return found


def _clone(cluster: Cluster, localpach: Localpach, folder: Path) -> World:
    """Prepare the files of a clone, and a kubeconfig whose default namespace is the cluster's."""
    for name in ("manifests", "charts", "tests", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    config = json.loads(cluster.control_plane.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = cluster.namespace
    (folder / ".kube").mkdir()
    (folder / ".kube/config").write_text(json.dumps(config))
    programs = [cluster.control_plane.kubectl_program.parent, helm().parent]
    env = {
        **os.environ,
        "HOME": str(folder),
        "KUBECONFIG": str(folder / ".kube/config"),
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "LOCALPACH_LISTEN": "127.0.0.1:0",  # where a page leaves it at 30650: somebody else may be there
        "SCRIPTMODEL_TRAINER": str(TRAINER_ENV),
        "SCRIPTMODEL_PACHD": localpach.address,  # no pod can be reached here; tests/node finds it without
    }
    filled = {"HOST:PORT": localpach.address, "127.0.0.1:30650": "127.0.0.1:0", "IMAGE": TRAINER_IMAGE, "DIR": "pach"}
    return World(cluster, folder, env, filled)


def _lay_out(folder: Path) -> None:
    """The files that the pages speak of."""
    (folder / "plays").mkdir()
    (folder / "grown").mkdir()
    hamlet = next(path for path in plays() if "hamlet" in path.name.lower())
    lines = hamlet.read_text().splitlines(keepends=True)
    for scripts in ("plays", "grown"):
        (folder / scripts / "hamlet.md").write_text("".join(lines[:ONE_ACT]))
    (folder / "the-weir.txt").write_bytes((ROOT / "tests/gold/synthetic/caps-period.txt").read_bytes())
    (folder / "new_script.txt").write_text("[ HAMLET ]: To be, or not to be.\n" * 20)
    (folder / "scene.txt").write_text("HEDDA: You are late, Tesman.\n\nTESMAN: Am I? I was at the")
    (folder / "draft.txt").write_text("HEDDA: You are late, Tesman.\n\nTESMAN: Am I?\n\n" * 3)
    (folder / "another_play.txt").write_text("".join(lines[ONE_ACT : ONE_ACT + 100]))
    (folder / ".config/fish/completions").mkdir(parents=True)
    (folder / "thrones.yaml").write_text(json.dumps(manifest("thrones", SPEC)))


@pytest.mark.timeout(3 * _SECONDS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_commands_work(page: Path, world: World) -> None:
    commands = list(documented(page))
    world.known -= {command.text for command in commands[:1]}  # runs on each page, whatever others have run
    for command in commands:
        if isinstance(command.rule, Here):
            world.run(command, command.rule)
    world.end()


@pytest.fixture(scope="module")
def nothing(
    control_plane: ControlPlane, operator: Operator, localpach: Localpach, tmp_path_factory: pytest.TempPathFactory
) -> World:
    """A clone, the programs that a user brings along, and no corpus. The sample has the smallest model."""
    found = _clone(Cluster.create(control_plane, "readme"), localpach, tmp_path_factory.mktemp("readme"))
    (found.folder / "manifests").unlink()
    shutil.copytree(ROOT / "manifests", found.folder / "manifests")
    sample = (ROOT / SAMPLE).read_text()
    assert sample.count("preset: demo") == 1
    (found.folder / SAMPLE).write_text(sample.replace("preset: demo", "preset: test"))
    return found


@pytest.mark.timeout(3 * _SECONDS)
def test_readme_and_the_end_of_the_demo_work_from_nothing(
    nothing: World, control_plane: ControlPlane, localpach: Localpach
) -> None:
    texts = (ending("ended", {}), _kept(nothing, control_plane, localpach))
    commands = [*documented(README), *(command for text in texts for command in documented(DEMO, text))]
    for command in commands:
        if command.text == "scriptmodel script shakespeare":
            nothing.cluster.ready("shakespeare", within=400)
        if isinstance(command.rule, Here):
            nothing.run(command, command.rule)
        if command.text.endswith(" plays"):
            _leave_one_act(nothing.folder / "plays")
    nothing.end()


def _leave_one_act(folder: Path) -> None:
    """Skip training on all plays, which takes minutes and is tested by the demo."""
    act = folder / "first-act.md"
    act.unlink(missing_ok=True)
    written = list(folder.glob("*.md"))
    assert len(written) == 38
    hamlet = next(play for play in written if "hamlet" in play.name.lower())
    act.write_text("".join(hamlet.read_text().splitlines(keepends=True)[:ONE_ACT]))
    for play in written:
        play.unlink()


def _kept(world: World, control_plane: ControlPlane, localpach: Localpach) -> str:
    """Return what the demo prints if it keeps everything running."""
    programs = f"{control_plane.kubectl_program.parent}:{OPERATOR_ENV / 'bin'}"
    values = {"KUBECONFIG": str(world.folder / ".kube/config"), "SCRIPTMODEL_PACHD": localpach.address}
    return ending("kept", values | {"programs": programs, "folder": str(world.folder)})


def ending(name: str, values: dict[str, str]) -> str:
    """Return the last text of the demo, `ended` or `kept`, with the values of its variables."""
    names = ("KUBECONFIG", "SCRIPTMODEL_PACHD", "programs", "folder")
    env = {**os.environ, **dict.fromkeys(names, ""), **values}
    script = f"source {DEMO} && ending {name}"
    return subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_every_rule_is_of_a_command_that_is_shown() -> None:
    used = {command.rule.pattern for page in (README, *PAGES) for command in documented(page)}
    texts = (ending("ended", {}), ending("kept", {}))
    used |= {command.rule.pattern for text in texts for command in documented(DEMO, text)}
    assert [rule.pattern for rule in [*FROM_NOTHING, *RULES] if rule.pattern not in used] == []
