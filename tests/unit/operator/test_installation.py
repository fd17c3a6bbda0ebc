"""Installing, checking and stopping an operator: the options of a bucket, and one engine exactly."""

from typing import Any

import pytest
from click.testing import CliRunner

from scriptmodel_operator import installation
from scriptmodel_operator.cli import main
from scriptmodel_operator.installation import check_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.kube.errors import KubeUnavailableError

BUCKET = "--storage=s3://plays/team"


def refusal(*options: str) -> str:
    """Return the last line of an operator that does not start with these options."""
    done = CliRunner().invoke(main, ["check", "--kubeconfig=/nowhere", *options])
    assert done.exit_code in (1, 2)
    return done.output.splitlines()[-1]


def accepted(*options: str) -> bool:
    return refusal(*options) == "Error: kubeconfig /nowhere does not exist"


@pytest.mark.parametrize("options", [(), ("--pachd=pachd:30650", BUCKET)])
def test_exactly_one_engine_is_required(options: tuple[str, ...]) -> None:
    assert refusal(*options) == "Error: give exactly one of --pachd HOST:PORT and --storage s3://BUCKET/PATH"
    assert accepted("--pachd=pachd:30650")
    assert accepted(BUCKET)


def test_an_environment_variable_names_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTMODEL_STORAGE", "s3://plays")
    assert accepted()


@pytest.mark.parametrize("url", ["s3://plays", "s3://plays/", "s3://my.plays-2/a/b_c.d"])
def test_a_bucket_and_a_path(url: str) -> None:
    assert accepted(f"--storage={url}")


@pytest.mark.parametrize(
    "url", ["plays", "https://plays", "s3://", "s3://P", "s3://plays//a", "s3://plays/../a", "s3://a@b"]
)
def test_no_bucket(url: str) -> None:
    said = "is not s3://BUCKET or s3://BUCKET/PATH, nor gs:// or az:// in its place"
    assert refusal(f"--storage={url}").endswith(f"{url.rstrip('/')!r} {said}")


@pytest.mark.parametrize("option", ["--storage-endpoint", "--storage-public-url"])
@pytest.mark.parametrize(
    "url",
    [
        "https://s3.example.com",
        "https://s3.example.com:9000/",
        "http://localhost:7070",
        "http://127.0.0.1:7070",
        "http://[::1]:7070",
        "http://10.0.0.7",
        "http://s3",
        "http://s3.scriptmodel.svc:7070",
        "http://s3.scriptmodel.svc.cluster.local",
    ],
)
def test_a_server_by_https_or_near(option: str, url: str) -> None:
    assert accepted(BUCKET, f"{option}={url}")


@pytest.mark.parametrize("host", ["s3.example.com", "8.8.8.8", "s3.svc.example.com", "svc.cluster.local.example.com"])
def test_a_server_that_is_far_without_https(host: str) -> None:
    assert "sends data as plain text outside of the cluster: use https" in refusal(
        BUCKET, f"--storage-endpoint=http://{host}"
    )


@pytest.mark.parametrize("url", ["s3", "ftp://s3", "https://s3/path", "https://user@s3", "https://s3?x", "https://"])
def test_no_server(url: str) -> None:
    assert refusal(BUCKET, f"--storage-endpoint={url}").endswith("is not https://HOST[:PORT]")


@pytest.mark.parametrize(("seconds", "good"), [("59", False), ("60", True), ("604800", True), ("604801", False)])
def test_presigned_urls_last_for_a_minute_to_a_week(seconds: str, good: bool) -> None:
    assert accepted(BUCKET, f"--url-lifetime={seconds}") == good


def test_a_bucket_that_is_away_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (found,) = check_bucket(StorageConfig(storage="s3://plays", storage_endpoint="http://127.0.0.1:1"))
    assert found.startswith("FAILED  reading v1/engine.json in s3://plays: ")
    assert "check --storage" in found


@pytest.mark.parametrize("value", ["{}", "[", "[1]", "[{}]"])
def test_peers_are_a_list_of_objects(value: str) -> None:
    said = refusal(BUCKET, f"--storage-egress={value}")
    assert said.endswith(f"{value!r} is not a list of NetworkPolicyPeers as JSON")
    assert accepted(BUCKET, '--storage-egress=[{"ipBlock": {"cidr": "10.0.0.0/8"}}]')


POD = {"metadata": {"name": "operator-0"}}


class Server:
    """Answers like a Deployment whose pods are listed as `answers` say, the last one forever."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self.answers = list(answers)
        self.scaled = False

    def request(self, method: str, path: str, *_: object) -> dict[str, Any]:
        if method == "PATCH":
            self.scaled = True
            return {}
        if "/pods" not in path:
            return {"spec": {"selector": {"matchLabels": {"app": "operator"}}}}
        assert self.scaled, "it is scaled down first"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"items": answer}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "POLL_SECONDS", 0.001)


def test_it_waits_until_all_pods_are_gone_though_the_api_server_is_away_for_a_while() -> None:
    server = Server([POD], KubeUnavailableError("listing", 0, "TimeoutError"), [])
    installation.stop(server, "ns", "operator", 60)
    assert server.answers == [[]]


def test_pods_that_did_not_end_in_time_are_named() -> None:
    with pytest.raises(TimeoutError, match="these pods still run: operator-0"):
        installation.stop(Server([POD]), "ns", "operator", 0.01)
