"""What the image of the S3 server holds: the program, and the licences of the modules that are linked into it."""

import shutil
from pathlib import Path

from dev.programs.built import VERSITYGW, versitygw
from dev.programs.gobuild import linked_modules

LICENCES = ("LICEN[CS]E*", "NOTICE*", "COPYING*")


def write(context: Path, architecture: str = "") -> None:
    """Write the files of the image to the folder `context`."""
    context.mkdir()
    shutil.copy(versitygw(architecture), context)
    for module, sources in linked_modules(VERSITYGW).items():
        target = context / "licences" / module
        target.mkdir(parents=True)
        for pattern in LICENCES:
            for path in sources.glob(pattern):
                shutil.copy(path, target)
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.name == VERSITYGW.name else 0o644)  # whatever this account's umask is
