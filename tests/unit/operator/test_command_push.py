"""The checks of `scriptmodel push` before it sends anything."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scriptmodel_cli.corpus import find_corpus
from scriptmodel_cli.main import main
from scriptmodel_cli.pushing import Progress, ensure_repo
from scriptmodel_operator.api.marks import Mark, Owner, naming
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS


def test_a_push_is_refused_only_if_a_commit_is_open() -> None:
    """Files put while Pachyderm validates the previous commit become a separate commit."""
    pachyderm, branch = FakePachyderm(finishes_at_once=False), BranchRef(RepoRef("default", "plays"), "master")
    pachyderm.put(branch, PLAYS)
    assert ensure_repo(pachyderm, branch, create_for="") == ()
    pachyderm.leaves_open = True
    head = pachyderm.put(branch, PLAYS)
    with pytest.raises(click.ClickException, match=f"commit {head} of default/plays@master is still open"):
        ensure_repo(pachyderm, branch, create_for="")


def test_progress_is_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hamlet.txt").write_text("HAMLET: To be or not to be.\n")
    for _path, pieces in Progress(find_corpus([tmp_path], print)).uploads():
        assert b"".join(pieces)
    assert "100% of 0.0 kB" in capsys.readouterr().err


def test_a_push_to_a_mistyped_repo_suggests_the_one_that_exists() -> None:
    pachyderm = FakePachyderm()
    pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    with pytest.raises(click.ClickException, match=r"repo default/palys does not exist \(did you mean plays\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("default", "palys"), "master"), create_for="")
    with pytest.raises(click.ClickException, match=r"project 'defualt' does not exist \(did you mean default\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("defualt", "plays"), "master"), create_for="")


@pytest.mark.parametrize("before", ["", "38 plays", naming("team-b")])
def test_a_push_that_creates_lets_the_namespace_read_the_repo_and_keeps_what_its_description_says(before: str) -> None:
    pachyderm, repo = FakePachyderm(), RepoRef("drama", "plays")
    branch = BranchRef(repo, "master")
    if before:
        pachyderm.projects.add("drama")
        pachyderm.create_repo(repo, before)
    for _ in range(2):
        ensure_repo(pachyderm, branch, create_for="team-a")
    assert pachyderm.repos[repo].description == f"{before} {naming('team-a')}".lstrip()
    assert len(pachyderm.calls) == 2, "the second push changes nothing"
    ensure_repo(pachyderm, branch, create_for="")
    assert len(pachyderm.calls) == 2


def test_a_repo_that_a_scriptmodel_fills_is_neither_pushed_to_nor_shared() -> None:
    pachyderm, repo = FakePachyderm(), RepoRef("default", "plays")
    pachyderm.create_repo(repo, Mark(Owner("cluster-1", "ml", "thrones", "1")).to_json())
    with pytest.raises(click.ClickException, match="belongs to ScriptModel ml/thrones"):
        ensure_repo(pachyderm, BranchRef(repo, "master"), create_for="ml")
    assert len(pachyderm.calls) == 1


def test_without_a_kubeconfig_the_namespace_that_is_to_read_the_repo_has_to_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hamlet.txt").write_text("HAMLET: To be.\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    words = ["push", str(tmp_path / "hamlet.txt"), "--repo=plays", "--create", "--pachd=127.0.0.1:9"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "the namespace that is to read the repo is unknown: set --namespace" in done.stderr
