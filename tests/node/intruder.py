"""What a pipeline's command tries from within its pod, which runs this file: `python3 -c "$(cat intruder.py)" ADDRESS`.

It writes the answers to `/pfs/out/answers.json`. It has localpach's image, and so the programs that the steps have.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

import grpc

ADDRESS = sys.argv[1]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
LIST_OF_REPOS = b"\n\x04user"


def call(port: int, method: str, **metadata: str) -> str:
    """Return gRPC's code for a call."""
    with grpc.insecure_channel(f"{ADDRESS}:{port}") as channel:
        try:
            list(channel.unary_stream(method, None, None)(LIST_OF_REPOS, metadata=tuple(metadata.items()), timeout=20))
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def secrets_of_the_cluster() -> int:
    """Return the status with which the API server answers."""
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    unchecked = ssl._create_unverified_context()  # noqa: S323 - an intruder has no certificates to trust
    try:
        with urllib.request.urlopen(f"{server}/api/v1/secrets", context=unchecked, timeout=20) as answer:  # noqa: S310 - https
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


answers = {
    "user": os.getuid(),
    "may write to": [folder for folder in ("/", "/etc", "/usr") if os.access(folder, os.W_OK)],
    "tokens": [str(path) for path in (ACCOUNT, Path("/localpach/token")) if path.exists()],
    "the API without a token": call(30650, "/pfs_v2.API/ListRepo"),
    "the API with a guess": call(30650, "/pfs_v2.API/ListRepo", **{"authn-token": "guess"}),
    "inputs without a token": call(30651, "/localpach.Transfer/Fetch"),
    "inputs with a guess": call(30651, "/localpach.Transfer/Fetch", authorization="guess"),
    "secrets of the cluster": secrets_of_the_cluster(),
}
Path("/pfs/out/answers.json").write_text(json.dumps(answers))
