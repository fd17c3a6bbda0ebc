"""The bridge on which pods and host meet."""

from pathlib import Path

from dev.cluster import network
from dev.cluster.runtime import Runtime

SET = "3"
"""NET_ADDR_SET of the kernel: an address that was set explicitly, so that the kernel never changes it."""


def test_the_bridge_keeps_its_address_when_pods_change(runtime: Runtime) -> None:
    device = Path("/sys/class/net", network.BRIDGE)
    assert (device / "addr_assign_type").read_text().strip() == SET
    assert (device / "address").read_text().strip() == network.ADDRESS
