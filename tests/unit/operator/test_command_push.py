"""The checks of `scriptmodel push` before it sends anything."""

from __future__ import annotations

import click
import pytest

from scriptmodel_cli.pushing import ensure_repo
from scriptmodel_operator.pachyderm.values import BranchRef, RepoRef
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS


def test_a_push_is_refused_only_if_a_commit_is_open() -> None:
    """Files put while Pachyderm validates the previous commit become a separate commit."""
    pachyderm, branch = FakePachyderm(finishes_at_once=False), BranchRef(RepoRef("default", "plays"), "master")
    pachyderm.put(branch, PLAYS)
    assert ensure_repo(pachyderm, branch, create=False) == ()
    pachyderm.leaves_open = True
    head = pachyderm.put(branch, PLAYS)
    with pytest.raises(click.ClickException, match=f"commit {head} of default/plays@master is still open"):
        ensure_repo(pachyderm, branch, create=False)


def test_a_push_to_a_mistyped_repo_suggests_the_one_that_exists() -> None:
    pachyderm = FakePachyderm()
    pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    with pytest.raises(click.ClickException, match=r"repo default/palys does not exist \(did you mean plays\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("default", "palys"), "master"), create=False)
    with pytest.raises(click.ClickException, match=r"project 'defualt' does not exist \(did you mean default\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("defualt", "plays"), "master"), create=False)
