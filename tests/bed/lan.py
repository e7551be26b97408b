"""A LAN made of namespaces beside a host: a switch, and machines on it, in VLANs where the kernel has them.

The host's interface is lan0. Untagged the LAN is 198.51.100.0/24 and 2001:db8:0:2::/64, in VLAN v
10.v.0.0/24 and fd00:v::/64; the host is .1 and ::1 in the untagged one, and nobody in the others.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from bed.host import Host
from bed.router import Router
from bed.spot import Spot

UPLINK = "lan0"


class Lan:
    """What is behind the host's interface lan0."""

    def __init__(self, host: Host, vlans: Sequence[int] = (), *, held: bool = True) -> None:
        """*vlans* come to the host tagged, by lan0 as a trunk; they need a bridge that filters them.

        *held*: whether lan0 is up and has the addresses of the host; else it is as it was plugged in.
        """
        self._host, self._vlans, self._held = host, vlans, held
        self.switch = self._namespace("switch")
        filtering = " vlan_filtering 1" if vlans else ""
        self.switch.sh(
            f"ip link add br0 type bridge forward_delay 0{filtering}; ip link set br0 up"
        )
        self.plug_in()

    def machine(self, name: str, number: int, vlan: int = 0) -> Spot:
        """A machine on the switch, with address *number* of the LAN, or of a *vlan* that it knows nothing of."""
        machine = self._namespace(name)
        self._host.sh(
            f"nsenter --net=/run/switch ip link add {name} type veth peer name eth0 netns /run/{name}"
        )
        access = f"; bridge vlan del dev {name} vid 1; bridge vlan add dev {name} vid {vlan} pvid untagged"
        self.switch.sh(_connect(name) + (access if vlan else ""))
        machine.sh(f"ip link set lo up; {_bring_up('eth0', number, vlan)}")
        return machine

    def join(self, other: Host, number: int) -> None:
        """Plug in another host as well: its interface is lan0 too, with address *number* of the LAN."""
        port, there = f"host{number}", f"/proc/{other.pid}/ns/net"
        switch = self._host.path("/run/switch")
        link = ("ip", "link", "add", port, "type", "veth", "peer", "name", UPLINK, "netns", there)
        subprocess.run(["nsenter", f"--net={switch}", *link], check=True)
        self.switch.sh(_connect(port))
        other.sh(_bring_up(UPLINK, number))

    def router(self) -> Router:
        """A router at .254 and ::fe, of which the machines know nothing until it tells them."""
        return Router(self._host, self.machine("router", 254), self._namespace("internet"))

    def unplug(self) -> None:
        """The host loses its interface."""
        self._host.sh(f"ip link delete {UPLINK}")

    def plug_in(self) -> None:
        """It gets one, with another index and MAC address each time."""
        held = f"; {_bring_up(UPLINK, 1)}" if self._held else ""
        self._host.sh(f"ip link add {UPLINK} type veth peer name host netns /run/switch{held}")
        self.switch.sh(_connect("host"))
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


def _connect(port: str) -> str:
    return f"ip link set {port} master br0; ip link set {port} up"


def _bring_up(link: str, number: int, vlan: int = 0) -> str:
    """Give *link* the addresses *number*: .254 and ::fe for 254."""
    prefix4, prefix6 = subnets(vlan)
    return (
        f"ip address add {prefix4}.{number}/24 dev {link};"
        f"ip address add {prefix6}::{number:x}/64 dev {link} nodad; ip link set {link} up"
    )
