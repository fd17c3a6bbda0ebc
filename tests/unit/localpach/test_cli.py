"""The command line: it teaches, it is told by options or by variables, it is quiet when told so."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.serving import serving, start
from tests.unit.localpach.client import Client


def localpach(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "localpach.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_help_names_every_option_and_variable() -> None:
    text = localpach("serve", "--help").stdout
    for option in (
        "--root",
        "--listen",
        "--image",
        "--pipeline-limit",
        "--quiet",
        "--log-format",
        "LOCALPACH_PIPELINE_LIMIT",
    ):
        assert option in text
    assert "no replacement for a cluster" in " ".join(localpach("--help").stdout.split())


@pytest.mark.parametrize("given", ["trainer", "=x", "trainer=/no/such/folder"])
def test_an_image_without_an_environment_is_a_usage_error(tmp_path: Path, given: str) -> None:
    result = localpach("serve", "--root", str(tmp_path / "root"), "--image", given)
    assert result.returncode == 2
    assert "--image" in result.stderr


@pytest.mark.parametrize("given", ["nowhere", ":30650", "127.0.0.1:", "127.0.0.1:99999"])
def test_what_is_no_address_to_listen_on_is_a_usage_error(tmp_path: Path, given: str) -> None:
    result = localpach("serve", "--root", str(tmp_path / "root"), "--listen", given)
    assert result.returncode == 2
    assert f"--listen: {given!r} is not HOST:PORT" in result.stderr


def test_a_root_that_cannot_be_made_is_told_with_what_to_do() -> None:
    result = localpach("serve", "--root", "/proc/none", "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert result.stderr == (
        "localpach: cannot use /proc/none: No such file or directory; name another folder with --root\n"
    )


def test_checking_a_folder_of_something_else_fails_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    result = localpach("check", "--root", str(tmp_path))
    assert result.returncode == 1
    assert "is no folder of a localpach" in result.stderr
    assert not list(tmp_path.iterdir())


def test_options_can_be_variables(tmp_path: Path) -> None:
    with serving(tmp_path / "root", variables={"LOCALPACH_PIPELINE_LIMIT": "1", "LOCALPACH_SETTLE": "0"}) as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.create_pipeline("one", ["true"], "corpus")
        with pytest.raises(Exception, match="more than 1 total pipelines"):
            client.create_pipeline("two", ["true"], "corpus")


def test_it_is_ready_once_it_is_imported_and_imports_little(tmp_path: Path) -> None:
    """In processor time: on a busy machine everything takes longer."""
    program = "import sys, localpach.cli, localpach.server; print(*{name.partition('.')[0] for name in sys.modules})"
    imported, started = [], []
    for number in range(3):
        before = _spent_by_children()
        modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        imported.append(_spent_by_children() - before)
        server = start(tmp_path / f"root{number}")
        started.append(_spent_by(server.process.pid))
        server.end()
    assert not set(modules.split()) & {"numpy", "kubernetes", "kopf", "aiohttp", "pydantic", "scriptmodel_operator"}
    assert min(started) < 2 * min(imported)


def _spent_by(process: int) -> float:
    """Seconds of processor time."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _spent_by_children() -> float:
    """The same of all that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_it_ends_cleanly_and_says_so(tmp_path: Path) -> None:
    server = start(tmp_path / "root", "--log-format", "json")
    assert server.port > 0
    assert server.end() == 0
    entries = [json.loads(line) for line in server.log().splitlines()]
    assert [entry["message"] for entry in entries] == ["ending on SIGTERM"]


def test_quiet_prints_the_ready_line_only(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "localpach.cli",
            "serve",
            "--root",
            str(tmp_path / "root"),
            "--listen",
            "127.0.0.1:0",
            "-q",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "is ready on 127.0.0.1:" in process.stdout.readline()
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
