"""What the image of the S3 server holds: the program, and the licences of the modules that are linked into it."""

import shutil
from pathlib import Path

from dev.programs.gobuild import linked_modules
from dev.programs.s3 import VERSITYGW, versitygw

LICENCES = ("LICEN[CS]E*", "NOTICE*", "COPYING*")


def write(context: Path) -> None:
    """Write the files of the image to the folder `context`."""
    context.mkdir()
    shutil.copy(versitygw(), context)
    for module, sources in linked_modules(VERSITYGW).items():
        target = context / "licences" / module
        target.mkdir(parents=True)
        for pattern in LICENCES:
            for path in sources.glob(pattern):
                shutil.copy(path, target)
