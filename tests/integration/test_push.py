"""`scriptmodel push` against localpach: one commit or none."""

import os
import pty
import signal
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path

import click
import pytest

from dev.stack import Localpach
from scriptmodel_cli.corpus import CorpusFile
from scriptmodel_cli.pushing import push
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.integration import command
from tests.integration.pachyderm import Pachyderm
from tests.integration.relay import Relay
from tests.integration.texts import play


@pytest.fixture
def repo() -> str:
    return uuid.uuid4().hex  # so long that no other one is meant


def scriptmodel(localpach: Localpach, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return command.scriptmodel({"SCRIPTMODEL_PACHD": localpach.address}, "--namespace=writers", *args)


def corpus(folder: Path) -> Path:
    (folder / "acts").mkdir(parents=True)
    (folder / "hamlet.txt").write_text(play(2))
    (folder / "acts" / "one.txt").write_text("[ HAMLET ]: Words .\n")
    (folder / ".hidden").write_text("secret")
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    (folder / "empty.txt").touch()
    return folder


def test_a_folder_becomes_one_commit_and_binary_files_are_noted(
    localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path
) -> None:
    plays = corpus(tmp_path / "plays")
    done = scriptmodel(localpach, "push", plays, "--repo", repo, "--create")
    assert done.returncode == 0, done.stderr
    (commit,) = pachyderm.commits(repo)
    assert f"pushed 2 files (0.6 kB) to default/{repo}@master as commit {commit[:8]}\n" in done.stdout
    assert pachyderm.read(repo, commit, "/hamlet.txt") == play(2)
    assert pachyderm.read(repo, commit, "/acts/one.txt") == "[ HAMLET ]: Words .\n"
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped ")]
    assert [line.rpartition(": it is ")[2] for line in skipped] == ["hidden", "empty", "binary, not text"]
    assert f"spec.corpus.repo: {{name: {repo}}}" in done.stderr
    assert done.stderr.splitlines().count("uploading") == 1, "one line where it is no terminal"


def test_a_second_push_overwrites_and_with_replace_forgets_the_rest(
    localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path
) -> None:
    scriptmodel(localpach, "push", corpus(tmp_path / "plays"), "--repo", repo, "--create")
    hamlet = tmp_path / "hamlet.txt"
    hamlet.write_text("[ HAMLET ]: New .\n")
    assert scriptmodel(localpach, "push", hamlet, "--repo", repo).returncode == 0
    newest = pachyderm.head(repo)
    assert pachyderm.read(repo, newest, "/hamlet.txt") == "[ HAMLET ]: New .\n"
    assert pachyderm.read(repo, newest, "/acts/one.txt")
    assert scriptmodel(localpach, "push", hamlet, "--repo", repo, "--replace").returncode == 0
    files = [info.file.path for info in pachyderm.client.walk_file((repo, pachyderm.head(repo)), "/")]
    assert files == ["/", "/hamlet.txt"]
    assert len(pachyderm.commits(repo)) == 3


def test_a_refused_push_is_one_line_with_what_to_do(
    localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path
) -> None:
    plays = corpus(tmp_path / "plays")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "hamlet.txt").write_text("x")
    for args, status, words in (
        ([plays], 1, f"repo default/{repo} does not exist: add --create to create it"),
        ([plays, "--project", "nowhere"], 1, "project 'nowhere' does not exist: add --create to create it"),
        ([plays / "picture.png"], 2, "is binary, not text"),
        ([plays / "empty.txt"], 2, "is empty"),
        ([plays, tmp_path / "other"], 2, "would both be /hamlet.txt: rename one"),
    ):
        done = scriptmodel(localpach, "push", *args, "--repo", repo)
        assert done.returncode == status
        assert words in done.stderr.splitlines()[-1]
    assert repo not in pachyderm.repos()


def test_an_open_commit_and_the_output_of_a_pipeline_are_not_changed(
    localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path
) -> None:
    plays = corpus(tmp_path / "plays")
    pachyderm.client.create_repo(repo)
    pachyderm.client.start_commit(repo, "master")
    done = scriptmodel(localpach, "push", plays, "--repo", repo)
    assert f"`pachctl finish commit {repo}@master" in done.stderr
    pachyderm.client.finish_commit((repo, "master"))
    pipeline = f"{repo}-reader"
    pachyderm.client.create_pipeline(
        pipeline, transform={"cmd": ["true"]}, input={"pfs": {"repo": repo, "glob": "/", "project": "default"}}
    )
    try:
        assert "is the output of a pipeline" in scriptmodel(localpach, "push", plays, "--repo", pipeline).stderr
        assert f"default/{pipeline} trains on it" in scriptmodel(localpach, "push", plays, "--repo", repo).stderr
    finally:
        pachyderm.client.delete_pipeline(pipeline)


def test_a_file_that_changes_meanwhile_leaves_no_commit(
    localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path
) -> None:
    pachyderm.client.create_repo(repo)
    (tmp_path / "a.txt").write_text("whole")
    (tmp_path / "b.txt").write_text("short")
    files = [CorpusFile(tmp_path / "a.txt", "/a.txt", 5), CorpusFile(tmp_path / "b.txt", "/b.txt", 50)]
    gateway = PachydermGateway(PachdAddress(localpach.address), UNLIMITED)
    try:
        with pytest.raises(click.ClickException, match="changed while it was read: try again; nothing was committed"):
            push(gateway, BranchRef(RepoRef("default", repo), "master"), files, replace=False)
    finally:
        gateway.close()
    assert pachyderm.commits(repo) == []


def test_an_interrupt_leaves_no_commit(localpach: Localpach, pachyderm: Pachyderm, repo: str, tmp_path: Path) -> None:
    pachyderm.client.create_repo(repo)
    (tmp_path / "long.txt").write_text("[ HAMLET ]: Words , words , words .\n" * 1_000_000)
    relay = Relay(localpach.address, limit=8 * 2**20)
    words = [command.PROGRAM, "--pachd", relay.address, "push", str(tmp_path), "--repo", repo]
    # A background job of a shell ignores SIGINT, and so would the command that such a test starts.
    words = ["env", "--default-signal=INT", *words]
    # Only a terminal shows how far the upload is; elsewhere the first line comes at its end.
    terminal, screen = pty.openpty()
    with (
        relay,  # which no upload passes whole
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=screen) as process,
        os.fdopen(terminal, "rb", 0) as shown,
    ):
        os.close(screen)
        text = b""
        while b"1%" not in text:
            text += shown.read(4096)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # which is how a terminal that nobody writes to ends
            while piece := shown.read(4096):
                text += piece
        process.wait(60)
    assert process.returncode == 130, text
    assert b"Traceback" not in text
    assert pachyderm.commits(repo) == []
