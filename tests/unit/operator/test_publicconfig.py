"""Which release's address of pachd counts, and which addresses are inside the cluster."""

from typing import Any

import click
import pytest

from scriptmodel_cli.publicconfig import PublicConfig, ServiceAddress, choose, parse


def published(pachd: str, *watched: str, name: str = "one") -> PublicConfig:
    return PublicConfig(name, "operators", watched, pachd, "", "")


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("pachd.ml.svc:30650", ServiceAddress("ml", "pachd", 30650)),
        ("grpcs://pachd.ml.svc.cluster.local:1", ServiceAddress("ml", "pachd", 1)),
        ("pachd:30650", ServiceAddress("operators", "pachd", 30650)),
        ("pachd.example.com:443", None),
        ("localhost:30650", None),
        ("10.0.0.1:30650", None),
        ("unix:/run/pachd", None),
    ],
)
def test_an_address_inside_the_cluster_names_a_service(address: str, service: ServiceAddress | None) -> None:
    assert published(address).service == service


def test_a_release_that_names_the_namespace_goes_before_one_for_the_whole_cluster() -> None:
    everywhere, here = published("a:1"), published("b:1", "ml", "other", name="two")
    assert choose([everywhere, here], "ml") == here
    assert choose([everywhere, here], "else") == everywhere
    assert choose([here], "else") is None


def test_releases_that_disagree_are_named_with_their_addresses() -> None:
    with pytest.raises(click.ClickException, match=r"one \(a:1\), two \(b:1\)"):
        choose([published("b:1", name="two"), published("a:1")], "ml")
    assert choose([published("a:1", name="two"), published("a:1")], "ml") == published("a:1")


@pytest.mark.parametrize("data", [None, {}, {"pachd": ""}])
def test_a_config_map_without_an_address_publishes_nothing(data: Any) -> None:
    assert parse({"metadata": {"name": "one"}, "data": data}) is None


def test_a_config_map_of_the_chart_is_read() -> None:
    data = {"pachd": "grpcs://pachd.ml.svc:1", "watchNamespaces": "ml other", "releaseNamespace": "operators"}
    found = parse({"metadata": {"name": "one"}, "data": data})
    assert found == published("grpcs://pachd.ml.svc:1", "ml", "other")


@pytest.mark.parametrize("namespace", ["", "../../kube-system", "a b", "UPPER"])
def test_a_name_without_dots_is_a_service_only_in_a_valid_namespace(namespace: str) -> None:
    data = {"pachd": "pachd:1", "releaseNamespace": namespace, "portForwardRole": namespace}
    found = parse({"metadata": {"name": "one"}, "data": data})
    assert found is not None
    assert found.service is None
    assert found.port_forward_role == ""


@pytest.mark.parametrize(
    ("more", "service"),
    [
        ({}, None),
        ({"service": "s3.operators.svc:7070"}, ServiceAddress("operators", "s3", 7070)),
        ({"service": "s3.operators.svc:7070", "publicUrl": "https://s3.example.com"}, None),
    ],
)
def test_a_release_with_a_bucket_names_the_service_to_which_a_port_is_forwarded(
    more: dict[str, str], service: ServiceAddress | None
) -> None:
    found = parse({"metadata": {"name": "one"}, "data": {"engine": "jobs", "releaseNamespace": "operators", **more}})
    assert found is not None
    assert found.uses_jobs
    assert found.service == service


def test_a_release_with_a_bucket_is_not_confused_with_one_of_a_pachd() -> None:
    with_bucket = parse({"metadata": {"name": "two"}, "data": {"engine": "jobs"}})
    assert with_bucket is not None
    with pytest.raises(click.ClickException, match=r"one \(a:1\), two \(jobs\)"):
        choose([published("a:1"), with_bucket], "ml")
