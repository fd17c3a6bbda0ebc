"""The bridge on which pods and the host meet; there are no names, no kube-proxy and no iptables, only addresses."""

import ipaddress
import json
import subprocess
from pathlib import Path

BRIDGE = "scriptmodel0"
GATEWAY = ipaddress.ip_interface("10.231.0.1/16")
"""Pods' network, and the host's address in it: where pods reach processes of the host."""
ADDRESS = "0a:53:6d:00:00:01"
"""Fixed hardware address of the bridge. Without one it changes with each pod, and existing pods use the old one for
seconds.
"""
SERVICES = ipaddress.ip_interface("10.232.0.1/24")
"""Services' network. Its first address is that of the Service `kubernetes`: the API server listens on it itself."""


def up() -> None:
    """Create the bridge unless it exists."""
    if not exists():
        _ip("link", "add", BRIDGE, "address", ADDRESS, "type", "bridge")
    _ip("address", "replace", str(GATEWAY), "dev", BRIDGE)
    _ip("address", "replace", f"{SERVICES.ip}/32", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def down() -> None:
    """Take the bridge away, and with it its addresses and routes."""
    if exists():
        _ip("link", "delete", BRIDGE)


def exists() -> bool:
    """Return whether a bridge of that name exists."""
    return Path("/sys/class/net", BRIDGE).exists()


def taken_by() -> str:
    """Return the route of this machine that the pods' or services' network would shadow; empty if there is none."""
    said = subprocess.run(["ip", "-json", "-4", "route"], capture_output=True, text=True, check=True).stdout
    for route in json.loads(said):
        if route["dst"] != "default" and route.get("dev") != BRIDGE:
            network = ipaddress.ip_network(route["dst"], strict=False)
            if network.overlaps(GATEWAY.network) or network.overlaps(SERVICES.network):
                return f"{route['dst']} dev {route.get('dev')}"
    return ""


def cni(kept: Path) -> dict[str, object]:
    """Return the configuration by which the runtime puts pods on the bridge; `kept` is where addresses are noted."""
    addresses = {
        "type": "host-local",
        "dataDir": str(kept),
        "ranges": [[{"subnet": str(GATEWAY.network), "gateway": str(GATEWAY.ip)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "scriptmodel", "plugins": [bridge]}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
