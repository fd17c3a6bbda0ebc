"""Which bucket keeps the data of an engine of Jobs: the options of the operator."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import click
from pydantic.dataclasses import dataclass

from scriptmodel_operator.options import DOCUMENTED, Json, Option

_BUCKET = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/(?!\.{1,2}(/|\Z))[A-Za-z0-9._-]+)*")
_SERVER = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_DAYS = 7 * 24 * 3600
"""The longest life of a presigned URL."""


class _Url(click.ParamType[str]):
    """A URL without a slash at its end; empty if it is not given."""

    name = "url"

    def __init__(self, problem: Callable[[str], str]) -> None:
        self._problem = problem

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        url = str(value).rstrip("/")
        if url and (problem := self._problem(url)):
            self.fail(f"{url!r} {problem}", param, ctx)
        return url


def _are_peers(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, dict) and each for each in found)


def _bucket_problem(url: str) -> str:
    return "" if _BUCKET.fullmatch(url) else "is not s3://BUCKET or s3://BUCKET/PATH, nor gs:// or az:// in its place"


def _server_problem(url: str) -> str:
    if not _SERVER.fullmatch(url):
        return "is not https://HOST[:PORT]"
    if url.startswith("http:") and not _is_near(urlsplit(url).hostname or ""):
        return "sends data as plain text outside of the cluster: use https"
    return ""


def _is_near(host: str) -> bool:
    """Return whether a host is this machine or in the cluster: a Service, or a private address."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or re.search(r"\.svc(\.cluster\.local)?\Z", host) is not None


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class StorageConfig:
    """A bucket, and how it is reached from the cluster and by people."""

    storage: Annotated[str, Option("--storage", "URL", _Url(_bucket_problem))] = ""
    """Run Jobs instead of a pachd's pipelines, and keep their data in this bucket, as s3://BUCKET/PATH, gs://BUCKET or
    az://CONTAINER. The environment has its credentials, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""
    storage_endpoint: Annotated[str, Option("--storage-endpoint", "URL", _Url(_server_problem))] = ""
    """S3 server of the bucket, as pods reach it. [default: that of AWS in the region]"""
    storage_public_url: Annotated[str, Option("--storage-public-url", "URL", _Url(_server_problem))] = ""
    """The same server, as people outside of the cluster reach it. [default: the endpoint]"""
    storage_region: Annotated[str, Option("--storage-region", "NAME")] = "us-east-1"
    """Region of the bucket."""
    storage_egress: Annotated[
        str, Option("--storage-egress", "JSON", Json("a list of NetworkPolicyPeers", _are_peers))
    ] = "[]"
    """List of NetworkPolicyPeers, as [{"ipBlock": {"cidr": "10.0.0.0/8"}}]: the pods of runs may connect to these
    alone, among which must be the bucket; with none to all."""
    url_lifetime: Annotated[int, Option("--url-lifetime", "SECONDS", click.IntRange(60, _DAYS))] = _DAYS
    """Life of the presigned URLs that pods get; they are renewed after half of it."""
