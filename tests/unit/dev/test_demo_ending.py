"""The demo's last lines are commands that a shell runs as they are printed."""

import subprocess
from pathlib import Path

from dev.demo.ending import Left, ending


def test_paths_with_spaces_are_quoted() -> None:
    folder = Path("/a b")
    left = Left(
        folder / "kubeconfig", "127.0.0.1:1", folder, folder / "bin", folder, "http://127.0.0.1:2/metrics", "", folder
    )
    text = ending("plays", folder, folder, left)
    exports = "\n".join(line for line in text.splitlines() if line.lstrip().startswith("export "))
    script = f'PATH=/bin\n{exports}\necho "$KUBECONFIG $SCRIPTMODEL_PACHD $PATH"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "/a b/kubeconfig 127.0.0.1:1 /a b:/a b/bin:/bin\n"


def test_where_the_address_for_another_browser_is_printed_is_named() -> None:
    folder = Path("/demo")
    left = Left(folder, "", folder, folder, folder, "", "http://127.0.0.1:3/?code=x", folder / "ui.log")
    assert "the last line of /demo/ui.log has the address for the next" in ending("plays", folder, folder, left)
