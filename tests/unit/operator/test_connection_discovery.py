"""The command finds pachd by flag, environment or ConfigMap, in this order, and reports what to set if it cannot."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from scriptmodel_cli.access import EngineAccess
from scriptmodel_cli.commands.objects import status, why
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.main import main
from scriptmodel_cli.program import Command
from scriptmodel_cli.publicconfig import PublicConfig, choose, parse
from scriptmodel_cli.session import Session
from tests.unit.operator.api_server import ApiServer
from tests.unit.operator.connecting import key_and_certificate, kubeconfig
from tests.unit.operator.fake_kubectl import FakeKubectl
from tests.unit.operator.versioned_pachd import pachd

Run = Callable[..., Result]
SERVICE = "pachd.ml.svc.cluster.local:30650"
SET = "set --pachd or SCRIPTMODEL_PACHD to its HOST:PORT"


@click.command("version", cls=Command)
@pass_session
def version(session: Session) -> None:
    with session.engine("its version") as gateway:
        click.echo(gateway.server_version())


class Cluster(ApiServer):
    """An API server that has nothing but the ConfigMaps in kube-public."""

    def __init__(self) -> None:
        super().__init__()
        self.valid, self.config_maps = "t", list[dict[str, Any]]()
        self.answers["/api/v1/namespaces/kube-public/configmaps"] = lambda *_: (
            self.status,
            {"items": self.config_maps, "message": "refused by the test"},
        )


@pytest.fixture
def server() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubectl:
    fake = FakeKubectl(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(fake.folder))
    return fake


@pytest.fixture
def run(server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command against the server, in the namespace `scripts`."""
    monkeypatch.setattr(main, "get_command", lambda _context, _name: version)
    file = kubeconfig(tmp_path / "config", cluster={"server": server.url("")}, context={"namespace": "scripts"})

    def invoke(*words: str, **env: str) -> Result:
        return CliRunner().invoke(main, ["version", *words], env={"KUBECONFIG": str(file), **env})

    return invoke


def config_map(pachd: str, name: str = "one", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"pachd": pachd, "releaseNamespace": "ml", **data}}


def refusal(done: Result, status: int = 1) -> str:
    """Return the message of a command that failed with one line."""
    assert done.exit_code == status, done.output
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    return done.stderr.removeprefix("Error: ").removesuffix("\n")


def test_a_flag_overrides_the_environment_and_that_overrides_the_config_map(
    server: Cluster, run: Run, kubectl: FakeKubectl
) -> None:
    with pachd() as (first, by_flag), pachd() as (second, by_environment), pachd() as (third, published):
        server.config_maps = [config_map(third)]
        for words, env, expected in (
            ([f"--pachd={first}"], {"SCRIPTMODEL_PACHD": second}, (1, 0, 0)),
            ([], {"SCRIPTMODEL_PACHD": second}, (1, 1, 0)),
            ([], {"SCRIPTMODEL_PACHD": ""}, (1, 1, 1)),
        ):
            assert run(*words, **env).output == "2.7.8\n"
            assert tuple(len(each.tokens) for each in (by_flag, by_environment, published)) == expected
    assert kubectl.calls == [], "none of these is a Service of the cluster"


def test_a_service_is_reached_by_a_port_forward_with_the_token_of_the_option(
    server: Cluster, run: Run, kubectl: FakeKubectl, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    server.config_maps = [config_map(SERVICE)]
    with pachd() as (address, answers):
        kubectl.leads_to(address)
        assert run(f"--pachd-token-file={token}").output == "2.7.8\n"
    assert answers.tokens == ["secret"]
    ((pid, words),) = kubectl.calls
    assert "port-forward --namespace=ml service/pachd" in " ".join(words)
    assert not Path(f"/proc/{pid}").exists(), "it ends with the command"


def test_a_port_of_this_users_localpach_is_called_with_its_token(run: Run, tmp_path: Path) -> None:
    (tmp_path / "localpach").mkdir()
    (tmp_path / "given").write_text("given")
    with pachd() as (address, answers):
        port = address.rpartition(":")[2]
        state = {"XDG_STATE_HOME": str(tmp_path)}
        assert run(f"--pachd={address}", **state).output == "2.7.8\n"
        (tmp_path / "localpach" / port).write_text("own\n")
        assert run(f"--pachd=grpc://localhost:{port}", **state).output == "2.7.8\n"
        assert run(f"--pachd={address}", f"--pachd-token-file={tmp_path}/given", **state).output == "2.7.8\n"
    assert [token or "" for token in answers.tokens] == ["", "own", "given"]


def test_published_certificates_are_checked_for_the_name_of_the_service(
    server: Cluster, run: Run, kubectl: FakeKubectl, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    right, wrong = key_and_certificate(SERVICE.partition(":")[0]), key_and_certificate("other.ml.svc")
    for pair, expected in ((wrong, []), (right, ["secret"])):
        server.config_maps = [config_map(f"grpcs://{SERVICE}", pachdCertificates=pair[1].decode())]
        with pachd(pair) as (address, answers):
            kubectl.leads_to(address)
            done = run(f"--pachd-token-file={token}")
        assert answers.tokens == expected
        if not expected:
            assert "(ConfigMap kube-public/one)" in refusal(done)
    assert done.output == "2.7.8\n"


def test_a_namespace_that_no_release_watches_is_named(
    server: Cluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.config_maps = [
        config_map("a:1", watchNamespaces="ml others"),
        config_map("", "two", engine="jobs", watchNamespaces="b"),
    ]
    reason = "no release of the operator watches namespace scripts (one watches ml, others; two watches b): "
    assert refusal(run()).startswith(reason)
    found = {
        "metadata": {
            "name": "thrones",
            "namespace": "scripts",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "uid": "1",
        },
        "spec": {"model": {"preset": "demo"}},
    }
    server.answers |= {
        "/apis/scriptmodel.dev/v1alpha1/namespaces/scripts/scriptmodels/thrones": found,
        "/apis/events.k8s.io/v1/namespaces/scripts/events": {},
    }
    for command in (status, why):
        monkeypatch.setattr(main, "get_command", lambda _context, _name, command=command: command)
        assert reason in run("thrones").stderr


def test_without_an_address_the_message_names_what_to_set(server: Cluster, run: Run) -> None:
    unknown = "the address of pachd, needed for its version, is unknown: "
    nothing = (
        "no release of the operator publishes it in kube-public for namespace scripts "
        "(publicConfig.create in its chart)"
    )
    assert refusal(run()) == f"{unknown}{nothing}; {SET}"
    server.config_maps = [config_map("")]
    assert refusal(run()) == f"{unknown}{nothing}; {SET}"
    server.status = 403
    listing = "listing ConfigMaps in kube-public: refused by the test (HTTP 403)"
    assert refusal(run()) == f"{unknown}{listing}; {SET}"


def test_releases_that_disagree_are_named_and_the_namespace_decides(server: Cluster, run: Run) -> None:
    with pachd() as (address, _answers):
        server.config_maps = [
            config_map("a.example.com:1", "one"),
            config_map("b.example.com:1", "two"),
            config_map(address, "three", watchNamespaces="plays films"),
        ]
        message = refusal(run())
        assert "several releases of the operator serve namespace scripts" in message
        assert "one (a.example.com:1), two (b.example.com:1)" in message
        assert "three" not in message
        assert message.endswith(SET)
        assert run("--namespace=films").output == "2.7.8\n"


@pytest.mark.parametrize("address", ["http://pachd:1", "pachd:port", "two words", "a:1\n\x1b[2Jb", "pachd:1/path"])
def test_an_address_that_is_not_valid_is_reported_with_its_config_map(server: Cluster, run: Run, address: str) -> None:
    server.config_maps = [config_map(address)]
    message = refusal(run())
    assert message.startswith(f"ConfigMap kube-public/one publishes what is not valid: {address!r} is not HOST:PORT")
    assert SET in message
    assert "\x1b" not in message


def test_a_forbidden_port_forward_names_the_role_that_grants_it(
    server: Cluster, run: Run, kubectl: FakeKubectl
) -> None:
    kubectl.fails('Error from server (Forbidden): services "pachd" is forbidden: User "u" cannot get it')
    server.config_maps = [config_map(SERVICE, portForwardRole="release-pachd")]
    message = refusal(run())
    assert message.startswith(f"cannot forward a port to pachd at {SERVICE} (ConfigMap kube-public/one): Error from ")
    assert "`kubectl -n ml create rolebinding release-pachd-YOU --role=release-pachd --user=YOU`" in message
    assert message.endswith(SET)
    server.config_maps = [config_map(SERVICE)]
    assert "set rbac.portForward.create and rbac.portForward.subjects in the operator's chart" in refusal(run())


def test_a_call_after_the_pod_was_replaced_reaches_the_new_one(
    server: Cluster, run: Run, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("versions", cls=Command)
    @pass_session
    def versions(session: Session) -> None:
        with session.engine("its version") as gateway:
            click.echo(gateway.server_version())
            kubectl.leads_to(second)
            kubectl.replace()
            click.echo(gateway.server_version())

    monkeypatch.setattr(main, "get_command", lambda _context, _name: versions)
    server.config_maps = [config_map(SERVICE)]
    with pachd() as (first, _answers), pachd() as (second, later):
        kubectl.leads_to(first)
        assert run().output == "2.7.8\n2.7.8\n"
    assert len(later.tokens) == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid, _words in kubectl.calls)


@click.command("tunnel", cls=Command)
@pass_session
def tunnel(session: Session) -> None:
    with closing(EngineAccess(session)) as access:
        click.echo(access.s3_tunnel())


@pytest.mark.parametrize("public", ["", "https://s3.example.com"])
def test_a_bucket_is_reached_by_a_port_forward_unless_its_address_is_public(
    server: Cluster, run: Run, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, public: str
) -> None:
    monkeypatch.setattr(main, "get_command", lambda _context, _name: tunnel)
    kubectl.leads_to("127.0.0.1:1")
    data = {"engine": "jobs", "service": "s3.operators.svc:30650", **({"publicUrl": public} if public else {})}
    server.config_maps = [{"metadata": {"name": "one"}, "data": data}]
    assert run().output.startswith("\n" if public else "127.0.0.1:")
    assert len(kubectl.calls) == (0 if public else 1)


def published(pachd: str, *watched: str, name: str = "one") -> PublicConfig:
    return PublicConfig(name, "operators", watched, pachd, "", "")


def test_a_release_with_a_bucket_is_not_confused_with_one_of_a_pachd() -> None:
    with_bucket = parse({"metadata": {"name": "two"}, "data": {"engine": "jobs"}})
    assert with_bucket is not None
    with pytest.raises(click.ClickException, match=r"one \(a:1\), two \(jobs\)"):
        choose([published("a:1"), with_bucket], "ml")
