"""`spec.corpus`: the source of the scripts."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.fields import (
    PROJECT_PATTERN,
    PROJECT_WORDS,
    ApiModel,
    DnsName,
    duration,
    formatted,
    must_match,
    rules,
)
from scriptmodel_operator.api.urls import URL_PATTERN

RepoName = Annotated[str, formatted(r"^[A-Za-z0-9_-]+$", "letters, digits, _ and -", max_length=128)]
ProjectName = Annotated[str, formatted(PROJECT_PATTERN, PROJECT_WORDS, max_length=51)]
BranchName = Annotated[str, formatted(r"^[A-Za-z0-9_/-]+$", "letters, digits, _, - and /", max_length=128)]
Url = Annotated[
    str,
    Field(
        pattern=URL_PATTERN,
        max_length=1024,
        json_schema_extra=rules(
            must_match(URL_PATTERN, "must be the address of a file, such as https://example.com/plays/hamlet.txt"),
            (
                "!self.matches('^https?://[^/?#]*@')",
                "must not have a user or password in it: whoever may read the object could read them",
            ),
        ),
    ),
]
_DISTINCT_NAMES = (
    "[self.map(url, url.find('^[^?]*').find('[^/]*$'))].all(names, names.all(a, names.exists_one(b, a == b)))",
    "two URLs have the same file name, the last part of their path",
)
"""The list around the names gives them a name of their own, so that they are computed once; else it costs too much."""
_DIGEST_DIGITS = 16
_TEN_MINUTES = "[1-9][0-9]*[dh]|[1-9][0-9]+m|([6-9][0-9]{2}|[1-9][0-9]{3,})s"
Interval = Annotated[str, duration((_TEN_MINUTES, "must be at least 10m"))]


Layout = Literal[
    "auto",
    "normalized",
    "plain",
    "markdown",
    "fountain",
    "fdx",
    "tei",
    "caps-period",
    "title-period",
    "caps-colon",
    "title-colon",
    "dash",
    "column",
    "name-alone",
    "exact",
]


class CorpusRepo(ApiModel):
    """A branch of an existing Pachyderm repo. The operator only reads it."""

    name: RepoName
    """Name of the repo."""
    branch: BranchName = "master"
    """Branch to train on; a new commit trains again."""
    project: ProjectName = "default"
    """Pachyderm project that the repo is in."""


class CorpusHttp(ApiModel):
    """Files that are fetched from web servers into a repo that the object owns, one commit for each change."""

    urls: Annotated[
        list[Url],
        Field(
            min_length=1,
            max_length=100,
            json_schema_extra=rules(_DISTINCT_NAMES),
        ),
    ]
    """Addresses of the files: texts or archives (.zip, .tar, .tar.gz). Each file has the last part of the path as its
    name."""
    interval: Interval = "1h"
    """How often to check for changed files, at least 10m. Equal files are never committed again."""

    @property
    def digest(self) -> str:
        """A digest of the URLs, by which status tells what a commit was made from."""
        return hashlib.sha256(json.dumps(sorted(self.urls)).encode()).hexdigest()[:_DIGEST_DIGITS]

    @property
    def seconds(self) -> float:
        return parse_duration(self.interval).total_seconds()


class CorpusConfigMap(ApiModel):
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""

    name: DnsName
    """Name of the ConfigMap."""


class Corpus(ApiModel):
    """The scripts to train on: exactly one source, and their layout."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.repo), has(self.http), has(self.configMap)].filter(x, x).size() == 1",
                "name exactly one source of the corpus: repo, http or configMap",
            ),
        )
    )

    repo: CorpusRepo | None = None
    """A branch of an existing Pachyderm repo. The operator only reads it."""
    http: CorpusHttp | None = None
    """Files that are fetched from web servers into a repo that the object owns, one commit for each change."""
    config_map: CorpusConfigMap | None = None
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""
    layout: Layout = "auto"
    """Layout of the scripts; `auto` detects it per file."""
