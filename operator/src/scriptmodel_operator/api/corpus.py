"""`spec.corpus`: the source of the scripts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.fields import (
    PROJECT_PATTERN,
    PROJECT_WORDS,
    ApiModel,
    DnsName,
    Duration,
    formatted,
    rules,
)

_SPACE = r"\t\n\f\r "  # \s in CEL's regular expressions, but not in pydantic's
_HOST = rf"(\[[0-9A-Fa-f:.]+\]|[^{_SPACE}/?#@:\[\]]+)(:[0-9]{{1,5}})?"
LARGEST_DOWNLOAD_MI = 16384
URL_PATTERN = rf"^https?://([^{_SPACE}/?#]*@)?{_HOST}([/?#][^{_SPACE}]*)?$"
"""A user and a password are rejected by a rule of their own, which gives the reason."""
RepoName = Annotated[str, formatted(r"^[A-Za-z0-9_-]+$", "letters, digits, _ and -", max_length=128)]
ProjectName = Annotated[str, formatted(PROJECT_PATTERN, PROJECT_WORDS, max_length=51)]
BranchName = Annotated[str, formatted(r"^[A-Za-z0-9_/-]+$", "letters, digits, _, - and /", max_length=128)]
Digest = Annotated[
    str, formatted(r"^([a-f0-9]{64})?$", "64 hexadecimal digits in lower case, as sha256sum prints them", max_length=64)
]
Url = Annotated[str, formatted(URL_PATTERN, "an address such as https://example.com/scripts.zip", max_length=2048)]


MOST_DEPTHS = 4
Glob = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        json_schema_extra=rules(
            (f"!self.matches(r'(\\*\\*.*){{{MOST_DEPTHS + 1}}}')", f"must have at most {MOST_DEPTHS} times `**`"),
            shown="self",
        ),
    ),
]


Layout = Literal[
    "auto",
    "normalized",
    "plain",
    "markdown",
    "fountain",
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


class CorpusSecret(ApiModel):
    """Secret in the object's namespace with `username` and `password`, `bearerToken` or `header` for the web server."""

    name: DnsName
    """Name of the Secret. It is read at each download, which the operator must be allowed to (`rbac.corpusSecrets`)."""


class CorpusHttp(ApiModel):
    """Files to download from a web server into a repo that the object owns, one commit for each change."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!self.url.matches('^https?://[^/?#]*@')",
                "url must not have a user or password in it: whoever may read the object could read them",
            ),
        )
    )

    url: Url
    """Address of a tar, tar.gz or zip archive or a text file; the type is detected from the content."""
    sha256: Digest = ""
    """SHA-256 that the downloaded file must have. Once it is downloaded, the server is not polled again."""
    include: Annotated[list[Glob], Field(max_length=32)] = Field(default_factory=list)
    """Globs of the files in the archive to keep, such as `*.txt` or `scripts/**/*.txt`; all when empty."""
    secret_ref: CorpusSecret | None = None
    """Secret in the object's namespace with `username` and `password`, `bearerToken` or `header` for the web server."""
    max_size_mi: Annotated[int, Field(ge=1, le=LARGEST_DOWNLOAD_MI)] = 256
    """Largest size in MiB, before and after unpacking; the operator may allow less than 16384."""
    interval: Duration = "1h"
    """How often to poll for a newer file. Equal data is never committed again."""


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
    """Files to download from a web server into a repo that the object owns, one commit for each change."""
    config_map: CorpusConfigMap | None = None
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""
    layout: Layout = "auto"
    """Layout of the scripts; `auto` detects it per file."""
