"""The S3 server of a chart without a bucket, and of the tests: versitygw.

`python -m dev.programs.s3` builds it once and prints its path.
"""

import sys
from dataclasses import replace
from pathlib import Path

from dev.paths import ROOT
from dev.programs.gobuild import GoProgram, build, print_found

VERSITYGW = GoProgram(
    name="versitygw",
    module=ROOT / "dev" / "programs" / "s3",
    requires="github.com/versity/versitygw",
    package="github.com/versity/versitygw/cmd/versitygw",
    takes="two or three minutes",
)


def versitygw(architecture: str = "") -> Path:
    """Return the program, statically linked: this machine's, or the one that a release has for an architecture."""
    program = replace(VERSITYGW, architecture=architecture, released=bool(architecture))
    return build(program, (f"-X main.Version={program.version}",)) / program.name


if __name__ == "__main__":
    sys.exit(print_found("versitygw", versitygw))
