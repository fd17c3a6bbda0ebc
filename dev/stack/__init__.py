"""The world of a ScriptModel as processes on loopback: a Kubernetes control plane, localpach, the operator.

The demo and the tests use the same code. Each part keeps its log and state below the folder it is given.
"""

import json
import secrets
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from dev.paths import OPERATOR_ENV, TRAINER_ENV
from dev.processes import Program, StartError, free_port
from dev.programs.built import find_or_build
from dev.stack.apiserver import ApiServer

TRAINER_IMAGE = "scriptmodel-trainer:dev"
"""The image name that the operator writes into pipelines and localpach maps to the trainer's environment."""
START_SECONDS = 240.0
"""The timeout of etcd, of the API server and of its kinds: many times what a cold start on one busy core needs."""


class ControlPlane:
    """etcd and kube-apiserver on free ports, with an administrator's kubeconfig.

    Without scheduler, kubelet and controller-manager objects are stored, validated and watched; nothing runs.
    """

    options: Sequence[str] = (
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",  # no controller-manager makes the accounts
        "--service-cluster-ip-range=10.96.0.0/24",
        # Both work all the time, also while nobody asks anything, and few clients of one server need neither.
        "--enable-priority-and-fairness=false",
        "--feature-gates=APIServerIdentity=false",
    )
    """Flags of the API server that a cluster with a node replaces."""

    def __init__(self, root: Path, audited: str = "", address: str = "") -> None:
        """Requests of the user `audited` are recorded in `audit_log`, one JSON object a line."""
        self.root = root
        self.kubeconfig = root / "kubeconfig"
        self.audit_log = root / "audit.log"
        self._audited = audited
        self._audit_policy = root / "audit-policy.json"
        self.address = address or f"127.0.0.1:{free_port()}"
        self.server = f"https://{self.address}"
        self.token = secrets.token_hex(16)
        self.users = {self.token: "admin,admin,system:masters"}
        """Name, uid and group of each token."""
        self._binaries = find_or_build()
        self.pki = root / "pki"
        self.etcd = self._etcd()
        self.apiserver = self._apiserver()

    @property
    def programs(self) -> list[Program]:
        """The processes in the order in which they are started."""
        return [self.etcd, self.apiserver]

    @property
    def kubectl_program(self) -> Path:
        """The kubectl of the same version as the server."""
        return self._binaries / "kubectl"

    def _etcd(self) -> Program:
        self._etcd_url, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        command = [
            str(self._binaries / "etcd"),
            f"--data-dir={self.root / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # the data lasts as long as the demo or the test
            "--heartbeat-interval=500",  # ms; it has no peers, and each heartbeat wakes it
            "--election-timeout=5000",
            "--log-level=warn",
        ]
        return Program("etcd", command, self.root / "etcd.log")

    def _apiserver(self) -> Program:
        tokens = self.root / "tokens.csv"
        key = self.pki / "apiserver.key"  # the server makes it at its start, with a certificate of its own authority
        host, _, port = self.address.rpartition(":")
        command = [
            str(self._binaries / "kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={host}",
            f"--secure-port={port}",
            f"--cert-dir={self.pki}",
            f"--token-auth-file={tokens}",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--endpoint-reconciler-type=none",
            *self.options,
        ]
        if self._audited:
            command += [f"--audit-policy-file={self._audit_policy}", f"--audit-log-path={self.audit_log}"]
        # Garbage is collected less often: a start takes a fifth less CPU, and 130 MB more memory.
        env = {"GOGC": "400"}
        return Program("kube-apiserver", command, self.root / "kube-apiserver.log", env, grace=20.0)

    def start(self) -> None:
        """Start both and wait until the API answers and the namespace `default` exists."""
        self.root.mkdir(parents=True, exist_ok=True)
        rules = [{"level": "Metadata", "users": [self._audited]}, {"level": "None"}]
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}
        self._audit_policy.write_text(json.dumps(policy))
        tokens = self.root / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text("".join(f"{token},{user}\n" for token, user in self.users.items()))
        self.etcd.start()
        self.etcd.wait_until(lambda: ApiServer(self._etcd_url).has("/health"), within=START_SECONDS)
        self.apiserver.start()
        self.apiserver.wait_until(self._ready, within=START_SECONDS)
        self.write_kubeconfig(self.kubeconfig, self.token)

    def _ready(self) -> bool:
        # The server makes its namespaces after it is ready; until then it refuses every object in them.
        made = (self.pki / "apiserver.crt").exists()
        return made and self.api.has("/readyz") and self.api.has("/api/v1/namespaces/default")

    @property
    def api(self) -> ApiServer:
        """The server, with an administrator's rights."""
        return ApiServer(self.server, self.token, self.pki / "apiserver.crt")

    def write_kubeconfig(self, path: Path, token: str) -> None:
        """Write a kubeconfig of the user whose token it is."""
        certificate = str(self.pki / "apiserver.crt")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "dev", "cluster": {"server": self.server, "certificate-authority": certificate}}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "user"}}],
            "current-context": "dev",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=2))  # JSON is YAML

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl against this server; with `check`, CalledProcessError carries its stderr as a note."""
        command = [str(self.kubectl_program), f"--kubeconfig={self.kubeconfig}", *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done

    def wait_for_definitions(self) -> None:
        """Wait until the kinds of all CRDs can be used; StartError if that takes too long.

        kubectl finds a kind in the discovery document, which follows a moment after the condition Established.
        """
        names = self.kubectl("get", "customresourcedefinitions", "--output=name").stdout.split()
        kinds = ",".join(name.partition("/")[2] for name in names)
        self.apiserver.wait_until(lambda: not self.kubectl("get", kinds, check=False).returncode, within=START_SECONDS)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End both, the server first."""
        for program in reversed(self.programs):
            program.stop()

    def __exit__(self, *_error: object) -> None:
        self.stop()


class Localpach(Program):
    """`localpach serve` at a socket in its root, the trainer's image mapped to the trainer's environment.

    With a `host` it serves at a free port there, whose clients need the token in `token_file`.
    """

    def __init__(
        self,
        root: Path,
        images: Mapping[str, Path] | None = None,
        options: Sequence[str] = (),
        host: str = "",
    ) -> None:
        self.root = root
        self.address = f"{host}:{free_port(host)}" if host else f"unix:{root / 'data' / 'socket'}"
        self.token_file = root / "data" / "token"
        images = {TRAINER_IMAGE: TRAINER_ENV} if images is None else images
        mapped = [f"--image={name}={environment}" for name, environment in images.items()]
        serve = [str(OPERATOR_ENV / "bin" / "localpach"), "serve"]
        command = [*serve, f"--root={root / 'data'}", f"--listen={self.address}"]
        super().__init__("localpach", [*command, *mapped, *options], root / "localpach.log")

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until(lambda: _accepts(self.address))
        except BaseException:
            self.stop()
            raise
        return self


class Operator(Program):
    """`scriptmodel-operator run` against a cluster and a Pachyderm, or the bucket that `options` name."""

    def __init__(  # every argument is one of the command's own options
        self,
        root: Path,
        kubeconfig: Path,
        pachd: str = "",
        *,
        trainer_image: str = TRAINER_IMAGE,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        command = [
            str(OPERATOR_ENV / "bin" / "scriptmodel-operator"),
            "run",
            f"--kubeconfig={kubeconfig}",
            *([f"--pachd={pachd}"] if pachd else []),
            f"--trainer-image={trainer_image}",
            *options,
        ]
        super().__init__("operator", command, root / "operator.log", env=env or {})

    def __enter__(self) -> Self:
        self.start()
        return self


def connected(address: str) -> socket.socket:
    """Connect to HOST:PORT or unix:PATH."""
    host, _, port = address.rpartition(":")
    if host != "unix":
        return socket.create_connection((host, int(port)), timeout=1)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(port)
    except OSError:
        connection.close()
        raise
    return connection


def _accepts(address: str) -> bool:
    try:
        connected(address).close()
    except OSError:
        return False
    return True


__all__ = ["TRAINER_IMAGE", "ControlPlane", "Localpach", "Operator", "StartError", "connected"]
