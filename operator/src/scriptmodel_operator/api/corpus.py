"""`spec.corpus`: the source of the scripts."""

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
from scriptmodel_operator.api.urls import (
    BUCKET_PATTERN,
    IPV4_PATTERN,
    NUMBER_PATTERN,
    URL_PATTERN,
    host_of,
    without_query,
)

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
            must_match(
                IPV4_PATTERN, "must have an IPv4 address in full, such as 192.0.2.1, as its host", NUMBER_PATTERN
            ),
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

    urls: Annotated[list[Url], Field(min_length=1, max_length=100, json_schema_extra=rules(_DISTINCT_NAMES))]
    """Addresses of the files: texts or archives (.zip, .tar, .tar.gz). Each file has the last part of the path as its
    name."""
    interval: Interval = "1h"
    """How often to check for changed files, at least 10m. Equal files are never committed again."""

    @property
    def digest(self) -> str:
        """A digest of the URLs, by which status tells what a commit was made from."""
        return _digest(sorted(self.urls))

    @property
    def seconds(self) -> float:
        return parse_duration(self.interval).total_seconds()

    @property
    def hosts(self) -> list[str]:
        return sorted({host_of(url) for url in self.urls})

    def __str__(self) -> str:
        others = f" and {len(self.urls) - 1} more" if len(self.urls) > 1 else ""
        return f"{without_query(self.urls[0])}{others}"


class CorpusSecret(ApiModel):
    """A Secret in the object's namespace."""

    name: DnsName
    """Name of the Secret."""


class CorpusBucket(ApiModel):
    """Objects of a bucket, which a Job fetches into a repo that the object owns, one commit for each change."""

    url: Annotated[
        str,
        formatted(
            BUCKET_PATTERN,
            "s3://BUCKET or s3://BUCKET/PATH, with 3 to 63 of a-z, 0-9, . and - in BUCKET, and no spaces, ? and #",
            max_length=512,
        ),
    ]
    """The bucket, or the part of it below a path, as s3://my-plays/shaw."""
    secret_ref: CorpusSecret
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and where needed AWS_REGION, AWS_ENDPOINT_URL and
    AWS_SESSION_TOKEN. Only the pod of the Job reads it."""
    interval: Interval = "1h"
    """How often to list the bucket, at least 10m. Objects that have changed are fetched."""

    @property
    def digest(self) -> str:
        """A digest of the bucket and the Secret's name, by which status tells what a commit was made from."""
        return _digest([self.url, self.secret_ref.name])

    @property
    def seconds(self) -> float:
        return parse_duration(self.interval).total_seconds()

    def __str__(self) -> str:
        return self.url


CorpusDownload = CorpusHttp | CorpusBucket
"""What is fetched, and checked regularly."""


def _digest(what: list[str]) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:_DIGEST_DIGITS]


class CorpusConfigMap(ApiModel):
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""

    name: DnsName
    """Name of the ConfigMap."""


class Corpus(ApiModel):
    """The scripts to train on: exactly one source, and their layout."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.repo), has(self.http), has(self.bucket), has(self.configMap)].filter(x, x).size() == 1",
                "name exactly one source of the corpus: repo, http, bucket or configMap",
            )
        )
    )

    repo: CorpusRepo | None = None
    """A branch of an existing Pachyderm repo. The operator only reads it."""
    http: CorpusHttp | None = None
    """Files that are fetched from web servers into a repo that the object owns, one commit for each change."""
    bucket: CorpusBucket | None = None
    """Objects of a bucket, which a Job fetches into a repo that the object owns, one commit for each change."""
    config_map: CorpusConfigMap | None = None
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""
    layout: Layout = "auto"
    """Layout of the scripts; `auto` detects it per file."""

    @property
    def download(self) -> CorpusDownload | None:
        return self.http or self.bucket
