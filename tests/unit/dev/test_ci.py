"""When .ci/run ends, and when it leaves out images and the node's tests; the stages are stubs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dev.paths import ROOT

MAKE = """#!/bin/sh
echo "$1" >>"$HOME/made"
[ "$1" != "$HANGING" ] || {
  setsid flock "$HOME/server" sh -c 'touch "$HOME/serves"; kill -STOP $$; exec sleep 600' &
  until [ -e "$HOME/serves" ]; do sleep 0.05; done
  sleep 60 &
  trap 'echo "$1 interrupted" >>"$HOME/ended"; kill $!; exit 130' INT
  touch "$HOME/hangs"
  wait
}
[ "$1" != "$FAILING" ] || { until [ -z "$HANGING" ] || [ -e "$HOME/hangs" ]; do sleep 0.05; done; exit 1; }
"""


class Clone:
    """A repository with a few files and CI, on a machine that can run a node."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "clone", folder / "home"
        programs = folder / "bin"
        for path in (self.root / ".ci", self.home, programs):
            path.mkdir(parents=True)
        for name, text in (("make", MAKE), ("python3", "#!/bin/sh\n")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(self.home), "FAILING": "", "HANGING": ""}
        shutil.copy(ROOT / ".ci" / "run", self.root / ".ci" / "run")
        self.git("init", "--quiet")
        self.commit(*(f"{name}/a.py" for name in ("operator", "trainer", "localpach", "tests/node", "tests/unit")))

    def git(self, *words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *words], cwd=self.root, env=self.env, check=True)

    def write(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.read_text() if path.exists() else ''}changed\n")

    def commit(self, *names: str) -> None:
        self.write(*names)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Change it")

    def run(self, *stages: str, **variables: str) -> subprocess.CompletedProcess[str]:
        (self.home / "made").unlink(missing_ok=True)
        # Tests in the background may ignore SIGINT, and so would all that they start.
        command, env = ["env", "--default-signal=INT", ".ci/run", *stages], {**self.env, **variables}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    @property
    def made(self) -> list[str]:
        """The targets of the last run."""
        return (self.home / "made").read_text().split()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_failed_stage_ends_it_and_those_beside_it(clone: Clone) -> None:
    done = clone.run(HANGING="test-slow-trainer", FAILING="test-trainer")
    assert done.returncode == 1
    # What has begun before depends on the machine.
    assert "===" not in re.split(r"=== test-trainer FAILED after \d+ s", done.stdout)[1]
    assert (clone.home / "ended").read_text() == "test-slow-trainer interrupted\n"


def test_servers_that_an_interrupted_stage_leaves_in_sessions_of_their_own_are_ended(clone: Clone) -> None:
    clone.run(HANGING="test-slow-trainer", FAILING="test-trainer")
    subprocess.run(["flock", "--timeout=60", clone.home / "server", "true"], check=True)


@pytest.mark.parametrize(
    ("changed", "left_out"),
    [
        ([], True),
        (["docs/guide.md", "README.md", "tests/unit/a.py", "tests/integration/test_b.py", "dev/bench/a.py"], True),
        (["operator/a.py"], False),
        (["charts/README.md"], False),
        (["tests/node/a.py"], False),
        (["tests/integration/a.py"], False),
    ],
)
def test_images_and_e2e_are_left_out_if_only_docs_and_other_tests_changed(
    changed: list[str], left_out: bool, clone: Clone
) -> None:
    first = clone.run()
    assert "=== node: test_node" in first.stdout
    assert "e2e" in clone.made
    if changed:
        clone.commit(*changed)
    again = clone.run()
    assert ("e2e" not in clone.made) is left_out
    assert ("node: left out, nothing but docs and other tests changed since they passed" in again.stdout) is left_out


def test_neither_a_failure_nor_what_is_not_committed_is_recorded(clone: Clone) -> None:
    assert clone.run(FAILING="e2e").returncode == 1
    assert "cluster-stop" in clone.made
    clone.write("operator/a.py")
    for _ in range(2):
        assert clone.run().returncode == 0
        assert "e2e" in clone.made


def test_a_stage_that_is_named_runs_alone_after_what_all_need(clone: Clone) -> None:
    done = clone.run("check", "demo")
    assert done.returncode == 0
    assert clone.made[:4] == ["env", "controlplane", "helm", "s3"]
    assert sorted(clone.made[4:]) == ["check", "demo"]
    refused = clone.run("demos")
    assert (refused.returncode, refused.stderr) == (2, "no stage is called demos\n")


def test_each_stage_is_a_job_of_the_workflow() -> None:
    stages = re.findall(r"suite ([a-z-]+) ", (ROOT / ".ci/run").read_text())
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["stage"]["strategy"]["matrix"][
        "stage"
    ]
    assert sorted(jobs) == sorted(stages)
