"""Installing, checking and stopping an operator: the options of a bucket, and one engine exactly."""

import pytest
from click.testing import CliRunner

from scriptmodel_operator.cli import main
from scriptmodel_operator.installation import check_bucket, reported
from scriptmodel_operator.jobs.storage import StorageConfig

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


@pytest.mark.parametrize(
    "option",
    [
        *(f"--storage={url}" for url in ("s3://plays", "s3://plays/", "s3://my.plays-2/a/b_c.d")),
        *(
            f"{option}={url}"
            for option in ("--storage-endpoint", "--storage-public-url")
            for url in (
                "https://s3.example.com:9000/",
                "http://localhost:7070",
                "http://[::1]:7070",
                "http://10.0.0.7",
                "http://s3",
                "http://s3.scriptmodel.svc.cluster.local",
            )
        ),
        "--url-lifetime=60",
        "--url-lifetime=604800",
        '--storage-egress=[{"ipBlock": {"cidr": "10.0.0.0/8"}}]',
    ],
)
def test_a_bucket_its_server_by_https_or_near_and_its_limits(option: str) -> None:
    assert accepted(BUCKET, option)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        *(
            ("--storage", url, "is not s3://BUCKET or s3://BUCKET/PATH, nor gs:// or az:// in its place")
            for url in ("plays", "https://plays", "s3://", "s3://P", "s3://plays//a", "s3://plays/../a", "s3://a@b")
        ),
        *(
            ("--storage-endpoint", f"http://{host}", "sends data as plain text outside of the cluster: use https")
            for host in ("s3.example.com", "8.8.8.8", "s3.svc.example.com", "svc.cluster.local.example.com")
        ),
        *(
            ("--storage-endpoint", url, "is not https://HOST[:PORT]")
            for url in ("s3", "ftp://s3", "https://s3/path", "https://user@s3", "https://s3?x", "https://")
        ),
        ("--url-lifetime", "59", "59"),
        ("--url-lifetime", "604801", "604801"),
        *(("--storage-egress", v, "is not a list of NetworkPolicyPeers as JSON") for v in ("{}", "[", "[1]", "[{}]")),
    ],
)
def test_a_value_of_another_form_is_refused(option: str, value: str, words: str) -> None:
    assert words in refusal(BUCKET, f"{option}={value}")


def test_a_bucket_that_is_away_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    away = StorageConfig(storage="s3://plays", storage_endpoint="http://127.0.0.1:1")
    (found,) = reported(check_bucket(away), "--storage")
    assert found.startswith("FAILED  reading v1/engine.json in s3://plays: ")
    assert "check --storage" in found


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(
            (option, value)
            for option in ("request", "limit")
            for value in ("", "cpu", "=1", "cpu=", "cpu=half", "cpu=1 ")
        ),
        ("label", "team"),
        ("label", "=a"),
    ],
)
def test_a_default_of_runs_has_a_name_and_a_value(option: str, value: str) -> None:
    done = CliRunner().invoke(main, ["run", "--pachd=pachd:1", "--trainer-image=x", f"--run-{option}={value}"])
    assert (done.exit_code, f"{value!r} is not NAME=" in done.stderr) == (2, True)
