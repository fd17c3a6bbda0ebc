"""The command line: help, options, environment variables, logs and exit statuses."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import localpach, serving, start
from tests.unit.localpach.client import Client


def test_help_names_every_option_and_variable() -> None:
    text = localpach("serve", "--help").stdout
    for option in ("--root", "--listen", "--image", "--settle", "--quiet", "LOCALPACH_SETTLE"):
        assert option in text
    assert "does not replace a cluster" in " ".join(localpach("--help").stdout.split())


@pytest.mark.parametrize("given", ["trainer", "=x", "trainer=/no/such/folder"])
def test_an_image_without_an_environment_is_a_usage_error(tmp_path: Path, given: str) -> None:
    result = localpach("serve", "--root", str(tmp_path / "root"), "--image", given)
    assert result.returncode == 2
    assert "--image" in result.stderr


@pytest.mark.parametrize("given", ["nowhere", "unix:", ":30650", "127.0.0.1:", "127.0.0.1:99999"])
def test_an_invalid_listen_address_is_a_usage_error(tmp_path: Path, given: str) -> None:
    result = localpach("serve", "--root", str(tmp_path / "root"), "--listen", given)
    assert result.returncode == 2
    assert f"--listen: {given!r} is neither HOST:PORT nor unix:PATH" in result.stderr


def test_a_root_that_cannot_be_created_is_reported() -> None:
    result = localpach("serve", "--root", "/proc/none", "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert result.stderr == (
        "localpach: cannot use /proc/none: No such file or directory; name another folder with --root\n"
    )


def test_a_folder_of_jobs_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "work").touch()
    result = localpach("serve", "--root", str(tmp_path), "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert result.stderr == f"localpach: cannot use {tmp_path}: File exists; name another folder with --root\n"


def test_options_can_be_set_by_environment_variables(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("mine")
    with serving(tmp_path / "root", "--listen=127.0.0.1:0", variables={"LOCALPACH_TOKEN_FILE": str(token)}) as server:
        Client(server.address, "mine").create_repo("corpus")


def test_jobs_run_with_a_root_folder_below_a_link() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, serving(_linked(Path(folder)) / "root") as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {"/a": b"a"})
        uuid = client.create_pipeline("train", ["true"], "corpus")
        assert client.finished_job("train", uuid).state == pps.JOB_SUCCESS


def _linked(folder: Path) -> Path:
    (folder / "link").symlink_to(folder)
    return folder / "link"


def test_a_start_imports_no_client_and_nothing_of_the_operator() -> None:
    program = "import sys, localpach.cli, localpach.server; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    unused = {"numpy", "kubernetes", "kopf", "aiohttp", "pydantic", "scriptmodel_operator", "python_pachyderm.client"}
    assert not set(modules.split()) & unused


def test_it_stops_cleanly_on_sigterm(tmp_path: Path) -> None:
    server = start(tmp_path / "root")
    assert server.address == f"unix:{tmp_path}/root/socket"
    assert server.end() == 0
    (line,) = server.log().splitlines()
    assert line.endswith(" INFO stopping on SIGTERM")


def test_a_sigterm_while_a_lock_is_held_stops_it_too(tmp_path: Path) -> None:
    program = (
        "import os, signal, threading\n"
        "from localpach.cli import main\n"
        "wait = threading.Event.wait\n"
        "def interrupted(event, timeout=None):\n"
        "    if threading.current_thread() is threading.main_thread():\n"
        "        with event._cond:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return wait(event, timeout)\n"
        "threading.Event.wait = interrupted\n"
        f"main(['serve', '--root', {str(tmp_path / 'root')!r}, '--listen', '127.0.0.1:0', '-q'])"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.wait(60) == 0
    finally:
        process.kill()


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
