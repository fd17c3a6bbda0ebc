"""Derives names in Pachyderm: deterministic, distinct, and short enough for the Kubernetes objects derived from them.

Pachyderm turns a pipeline into Kubernetes objects called `<project>-<pipeline>-v<version>` in lower case and
with `_` as `-`, at most 63 characters. So names are made of lower case letters, digits and `-` only, always
carry a hash of `namespace/name`, and leave room for five digits of a version.
"""

import hashlib

Key = tuple[str, str]
"""Namespace and name of an object."""

DEFAULT_PROJECT = "default"
MAX_PIPELINE_NAME = 51
MAX_DERIVED_NAME = 63
MAX_PROJECT_NAME = 20
_VERSION_ROOM = len("-v99999")
PIPELINES = ("train", "generate")
"""The pipelines of an object, each before those that read its output."""
_REPOS = ("corpus", "base", "trials")
"""The repos that it owns: a corpus that is no repo, the models that it starts from, the runs of a search."""
_LONGEST_SUFFIX = "-generate"
_HASH_DIGITS = 16
"""64 bits: nobody can find another namespace and name with the hash of a given one."""


def pachyderm_names(namespace: str, name: str, project: str) -> dict[str, str]:
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:_HASH_DIGITS]
    longest = MAX_PIPELINE_NAME
    if len(project) <= MAX_PROJECT_NAME:  # a longer one is a namespace, where no name is derived from it
        longest = min(longest, MAX_DERIVED_NAME - _VERSION_ROOM - len(project) - 1)
    room = longest - len(_LONGEST_SUFFIX) - len(digest) - 1
    readable = name.replace(".", "-")[:room].rstrip("-")
    return {part: f"{readable}-{digest}-{part}" for part in (*PIPELINES, *_REPOS)}
