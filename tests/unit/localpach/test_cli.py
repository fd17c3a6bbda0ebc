"""The command line: help, options, environment variables, logs and exit statuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.serving import localpach, serving, start
from tests.unit.localpach.client import Client


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


def test_options_can_be_set_by_environment_variables(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("mine")
    with serving(tmp_path / "root", "--listen=127.0.0.1:0", variables={"LOCALPACH_TOKEN_FILE": str(token)}) as server:
        Client(server.address, "mine").create_repo("corpus")


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
