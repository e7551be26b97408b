"""A LAN made of namespaces beside a host: a switch, and machines on it, in VLANs where the kernel has them.

The host's interface is lan0. Untagged the LAN is 198.51.100.0/24 and 2001:db8:0:2::/64, in VLAN v
10.v.0.0/24 and fd00:v::/64; the host is .1 and ::1 in the untagged one, and nobody in the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from bed.host import Host
from bed.spot import Spot

UPLINK = "lan0"


class Lan:
    """What is behind the host's interface lan0."""

    def __init__(self, host: Host, vlans: Sequence[int] = ()) -> None:
        """*vlans* come to the host tagged, by lan0 as a trunk; they need a bridge that filters them."""
        self._host, self._vlans = host, vlans
        self.switch = self._namespace("switch")
        filtering = " vlan_filtering 1" if vlans else ""
        self.switch.sh(
            f"ip link add br0 type bridge forward_delay 0{filtering}; ip link set br0 up"
        )
        self.plug_in()

    def machine(self, name: str, number: int, vlan: int = 0) -> Spot:
        """A machine on the switch, with address *number* of the LAN, or of a *vlan* that it knows nothing of."""
        machine = self._namespace(name)
        prefix4, prefix6 = subnets(vlan)
        self._host.sh(
            f"nsenter --net=/run/switch ip link add {name} type veth peer name eth0 netns /run/{name}"
        )
        access = f"; bridge vlan del dev {name} vid 1; bridge vlan add dev {name} vid {vlan} pvid untagged"
        self.switch.sh(
            f"ip link set {name} master br0; ip link set {name} up" + (access if vlan else "")
        )
        machine.sh(
            f"ip link set lo up; ip address add {prefix4}.{number}/24 dev eth0;"
            f"ip address add {prefix6}::{number}/64 dev eth0 nodad; ip link set eth0 up"
        )
        return machine

    def unplug(self) -> None:
        """The host loses its interface."""
        self._host.sh(f"ip link delete {UPLINK}")

    def plug_in(self) -> None:
        """It gets one, with another index and MAC address each time."""
        self._host.sh(
            f"ip link add {UPLINK} type veth peer name host netns /run/switch;"
            f"ip address add 198.51.100.1/24 dev {UPLINK};"
            f"ip address add 2001:db8:0:2::1/64 dev {UPLINK} nodad; ip link set {UPLINK} up"
        )
        self.switch.sh("ip link set host master br0; ip link set host up")
        for vlan in self._vlans:
            self.switch.sh(f"bridge vlan add dev host vid {vlan}")

    def _namespace(self, name: str) -> Spot:
        path = f"/run/{name}"
        self._host.sh(
            f"touch {path}; unshare --net={path} sysctl -qw net.ipv6.conf.default.accept_dad=0"
        )
        return self._host.at(path)


def subnets(vlan: int = 0) -> tuple[str, str]:
    """How the addresses of the LAN, or of one of its VLANs, begin in each family."""
    return (f"10.{vlan}.0", f"fd00:{vlan}") if vlan else ("198.51.100", "2001:db8:0:2")
