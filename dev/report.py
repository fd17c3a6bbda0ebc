"""Fetch the page that the trainer wrote about a model.

`python -m dev.report --pachd HOST:PORT --repo NAME --commit ID --out FILE` runs in the operator's environment.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grpc
import python_pachyderm


def fetch(pachd: str, repo: str, commit: str) -> bytes:
    """Return the page `report.html` of a commit of a train pipeline's output repo."""
    host, _, port = pachd.rpartition(":")
    client = python_pachyderm.Client(host=host, port=int(port))
    page: bytes = client.get_file((repo, "master", commit), "/report.html").read()
    return page


def main() -> int:
    """Write the page to a file."""
    parser = argparse.ArgumentParser(prog="python -m dev.report", description=__doc__)
    parser.add_argument("--pachd", required=True, metavar="HOST:PORT", help="address of pachd or localpach")
    parser.add_argument("--repo", required=True, help="output repo of the train pipeline")
    parser.add_argument("--commit", required=True, help="commit of the model")
    parser.add_argument("--out", required=True, type=Path, help="file to write")
    args = parser.parse_args()
    try:
        args.out.write_bytes(fetch(args.pachd, args.repo, args.commit))
    except (OSError, ValueError, grpc.RpcError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
