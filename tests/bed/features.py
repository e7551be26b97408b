"""What a kernel may lack. In the VM bed a test that is skipped counts as failed, so there nothing is."""

from __future__ import annotations

import functools
import subprocess

import pytest

_TRIES = {
    "dummy": "ip link add x0 type dummy",
    "ipvlan": "ip link add x0 type veth peer name x1; ip link add link x0 name x2 type ipvlan",
    "macvlan": "ip link add x0 type veth peer name x1; ip link add link x0 name x2 type macvlan",
    "sctp": "python3 -ISc 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)'",
    "vlan": "ip link add x0 type veth peer name x1; ip link add link x0 name x2 type vlan id 5",
    "vlan_filtering": "ip link add x0 type bridge vlan_filtering 1",
    "vrf": "ip link add x0 type vrf table 5",
    "vxlan": "ip link add x0 type vxlan id 5 dstport 4789",
    "wireguard": "ip link add x0 type wireguard",
    "br_netfilter": "test -e /proc/sys/net/bridge/bridge-nf-call-iptables",
}
"""By the kernel's name of each, what succeeds in a new network namespace if it is there."""
FEATURES = tuple(_TRIES)


@functools.cache
def has(feature: str) -> bool:
    """Whether the kernel that is running has *feature*."""
    argv = ["unshare", "--net", "sh", "-euc", _TRIES[feature]]
    return not subprocess.run(argv, check=False, capture_output=True).returncode


def need(*features: str) -> None:
    """Skip the test with a sentence when the kernel lacks one of *features*."""
    __tracebackhide__ = True  # the test is what is shown as skipped
    for feature in features:
        if not has(feature):
            pytest.skip(f"this kernel has no {feature}")
