"""What somebody tries who runs code in the pod of a training: `python3 - ENDPOINT KEY... < intruder.py`.

Prints the answers as JSON. The pod has the program's own Secret, with presigned URLs of one attempt.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ENDPOINT, *FOREIGN = sys.argv[1:]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
DOCUMENT = json.loads(Path("/scriptmodel/job.json").read_text())
CLUSTER = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"


def status(method: str, url: str) -> int:
    """Return the status of an answer."""
    unchecked = ssl._create_unverified_context()  # noqa: S323 - an intruder has no certificates to trust
    data = b"{}" if method == "PUT" else None
    request = urllib.request.Request(url, data, method=method)  # noqa: S310 - http and https
    try:
        with urllib.request.urlopen(request, context=unchecked, timeout=20) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


read = DOCUMENT["inputs"][0]["manifest"]["url"]
write = DOCUMENT["output"]["manifest"]
answers: dict[str, object] = {
    "user": os.getuid(),
    "may write to": [folder for folder in ("/", "/etc", "/usr") if os.access(folder, os.W_OK)],
    "tokens": [str(path) for path in (ACCOUNT,) if path.exists()],
    "keys": [name for name in os.environ if name.startswith("AWS_")],
    "secrets of the cluster": status("GET", f"{CLUSTER}/api/v1/secrets"),
    "all buckets": status("GET", f"{ENDPOINT}/"),
    "all objects": status("GET", f"{ENDPOINT}/scriptmodel?list-type=2"),
    "an object to read is replaced": status("PUT", read),
    "an object to read is deleted": status("DELETE", read),
    "an object to write is read": status("GET", write),
    "an object to write is deleted": status("DELETE", write),
}
for key in FOREIGN:
    for signed, method in ((read, "GET"), (write, "PUT")):
        answers[f"{method} {key}"] = status(method, f"{ENDPOINT}/scriptmodel/{key}")
        answers[f"{method} {key} with a query that was signed"] = status(
            method, f"{ENDPOINT}/scriptmodel/{key}?{signed.partition('?')[2]}"
        )
print(json.dumps(answers))
