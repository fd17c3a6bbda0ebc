"""A control plane that runs pods: with kubelet, controller-manager, scheduler and containerd."""

import json
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dev.cluster import network
from dev.cluster.runtime import Runtime
from dev.processes import Program
from dev.programs import built
from dev.stack import ControlPlane

NAME = "node1"
OPERATOR = "system:serviceaccount:scriptmodel-system:scriptmodel-scriptmodel-operator"
"""The operator of the release that the tests install, whose requests the API server records."""
GIVEN = {"manager": "system:kube-controller-manager", "scheduler": "system:kube-scheduler"}


class Node(ControlPlane):
    """One node and its control plane; the runtime has the images, which outlive it."""

    def __init__(self, runtime: Runtime) -> None:
        root = runtime.root
        self.client_certificate = root / "pki" / "kubelet-client.crt"
        self.options = (
            "--authorization-mode=Node,RBAC",
            f"--service-cluster-ip-range={network.SERVICES.network}",
            f"--advertise-address={network.GATEWAY.ip}",
            f"--kubelet-client-certificate={self.client_certificate}",
            f"--kubelet-client-key={self.client_certificate.with_suffix('.key')}",
            "--kubelet-preferred-address-types=InternalIP",  # there is no DNS that knows the node's name
        )
        super().__init__(root, audited=OPERATOR, address=f"{network.SERVICES.ip}:443")
        self.runtime = runtime
        self._tokens = {name: secrets.token_hex(16) for name in (*GIVEN, "kubelet")}
        self.users |= {self._tokens[name]: f"{user},{name}" for name, user in GIVEN.items()}
        self.users[self._tokens["kubelet"]] = f"system:node:{NAME},kubelet,system:nodes"
        node = built.node()
        self.manager = self._program("manager", node / "kube-controller-manager", self._manager_options())
        self.scheduler = self._program(
            "scheduler", node / "kube-scheduler", ["--secure-port=0", "--leader-elect=false"]
        )
        self.containerd = runtime.program()
        self.kubelet = self._program("kubelet", node / "kubelet", self._kubelet_options())

    @property
    def programs(self) -> list[Program]:
        """The processes in the order in which they are started."""
        return [*super().programs, self.manager, self.scheduler, self.containerd, self.kubelet]

    def start(self) -> None:
        """Start all but the kubelet, which needs the images first."""
        self._make_client_certificate()
        network.up()
        super().start()
        for name in ("manager", "scheduler", "kubelet"):
            self.write_kubeconfig(self.root / f"{name}.kubeconfig", self._tokens[name])
        self._configure_kubelet()
        self.manager.start()
        self.scheduler.start()
        self.containerd.start()
        self.containerd.wait_until(self.runtime.answers)

    def start_kubelet(self) -> None:
        """Start the kubelet and wait until the node takes pods."""
        self.kubelet.start()
        self.kubelet.wait_until(self._node_is_ready, within=120)

    def _node_is_ready(self) -> bool:
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.kubectl("get", "node", NAME, f"--output=jsonpath={path}", check=False).stdout == "True"

    def _program(self, name: str, program: Path, options: Sequence[str]) -> Program:
        command = [str(program), f"--kubeconfig={self.root / name}.kubeconfig", *options]
        return Program(program.name, command, self.root / f"{program.name}.log")

    def _manager_options(self) -> list[str]:
        return [
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.pki / 'apiserver.key'}",
            f"--root-ca-file={self.pki / 'apiserver.crt'}",
        ]

    def _kubelet_options(self) -> list[str]:
        return [
            f"--config={self.root / 'kubelet.yaml'}",
            f"--root-dir={self.root / 'kubelet'}",
            f"--cert-dir={self.pki}",
            f"--hostname-override={NAME}",
            f"--node-ip={network.GATEWAY.ip}",
        ]

    def _make_client_certificate(self) -> None:
        """Make the one that the API server shows to the kubelet, its own authority."""
        self.pki.mkdir(parents=True, exist_ok=True)
        files = ["-keyout", str(self.client_certificate.with_suffix(".key")), "-out", str(self.client_certificate)]
        subject = ["-subj", "/CN=kube-apiserver", "-addext", "extendedKeyUsage=clientAuth", "-days", "30"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
        subprocess.run(command, check=True, capture_output=True)

    def _configure_kubelet(self) -> None:
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": str(network.GATEWAY.ip),
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self.client_certificate)},
            },
            "authorization": {"mode": "AlwaysAllow"},  # whoever has the one certificate that it knows
            "cgroupDriver": "cgroupfs",
            "containerRuntimeEndpoint": f"unix://{self.runtime.socket}",
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "resolvConf": "",
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        }
        (self.root / "kubelet.yaml").write_text(json.dumps(kubelet))
