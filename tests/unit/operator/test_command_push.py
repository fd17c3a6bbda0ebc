"""What `scriptmodel push` reads from a folder, and its checks before it sends anything."""

import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli.corpus import find_corpus, in_pachyderm
from scriptmodel_cli.pushing import ensure_repo
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


def test_a_push_to_a_mistyped_repo_suggests_the_one_that_exists() -> None:
    pachyderm = FakePachyderm()
    pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    with pytest.raises(click.ClickException, match=r"repo default/palys does not exist \(did you mean plays\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("default", "palys"), "master"), create_for="")
    with pytest.raises(click.ClickException, match=r"project 'defualt' does not exist \(did you mean default\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("defualt", "plays"), "master"), create_for="")


@pytest.mark.parametrize("before", ["", "38 plays", naming("team-b")])
def test_a_push_that_creates_shares_the_repo_and_keeps_its_description(before: str) -> None:
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


def test_links_to_folders_and_out_of_the_folder_are_noted_and_others_followed(tmp_path: Path) -> None:
    plays, elsewhere = tmp_path / "plays", tmp_path / "elsewhere"
    for folder in (plays / "acts", elsewhere):
        folder.mkdir(parents=True)
        (folder / "hamlet.txt").write_text("HAMLET: Words.")
    (plays / "more").symlink_to(elsewhere)
    (plays / "round").symlink_to(plays)
    (plays / "macbeth.txt").symlink_to(Path("acts", "hamlet.txt"))
    (plays / "secret.txt").symlink_to(elsewhere / "hamlet.txt")
    (plays / "lost.txt").symlink_to("found.txt")
    (plays / "self.txt").symlink_to("self.txt")
    notes = list[str]()
    assert [file.path for file in find_corpus([plays], notes.append)] == ["/acts/hamlet.txt", "/macbeth.txt"]
    assert notes == [
        f"skipped {plays / 'more'}: it is a link to a folder",
        f"skipped {plays / 'round'}: it is a link to a folder",
        f"skipped {plays / 'lost.txt'}: it is not a regular file",
        f"skipped {plays / 'secret.txt'}: it is a link out of {plays}",
        f"skipped {plays / 'self.txt'}: it is not a regular file",
    ]
    assert [file.path for file in find_corpus([plays / "more"], notes.append)] == ["/hamlet.txt"], "as it was named"
    (named,) = find_corpus([plays / "secret.txt"], notes.append)
    assert named.path == "/secret.txt"


def test_a_base_in_the_folder_is_read_with_its_weights_and_no_other_binary_file_is(tmp_path: Path) -> None:
    for name in ("bases/en/weights-1.safetensors", "bases/en/cover.png", "written/model/weights-2.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0")
    notes = list[str]()
    assert [file.path for file in find_corpus([tmp_path], notes.append)] == ["/bases/en/weights-1.safetensors"]
    others = ("bases/en/cover.png", "written/model/weights-2.safetensors")
    assert notes == [f"skipped {tmp_path / name}: it is binary, not text" for name in others]


@given(st.binary(min_size=1))
def test_every_name_becomes_one_that_pachyderm_allows(raw: bytes) -> None:
    name = raw.replace(b"/", b"-").decode("utf-8", "surrogateescape")  # as Python gives names of files
    assert re.fullmatch(r"/[ -~]+", in_pachyderm(name))
    assert not re.search(r"[*?\[\]{}!()@+^\\]", in_pachyderm(name))


def test_characters_that_pachyderm_does_not_allow_are_percent_encoded() -> None:
    assert in_pachyderm("\u00c9pisode (1)!.txt") == "/%C3%89pisode %281%29%21.txt"
    assert in_pachyderm("a\\b") == "/a%5Cb", "a backslash escapes the next character when a file is read"
    assert in_pachyderm(b"caf\xe9".decode("utf-8", "surrogateescape")) == "/caf%E9"
