"""Networks on the interface of a host, for the tests of macvlan and ipvlan.

The LAN is 192.0.2.0/24 and 2001:db8:0:1::/64: the host .1, its neighbour .2, which is its router too;
sandboxes get .128 and ::80, .129 and ::81, in the order of connecting.
"""

from __future__ import annotations

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Result, Spot

RANGES = ("--ip-range", "192.0.2.128/26", "--ip-range", "2001:db8:0:1::80/121")
LAN = ("--ipv6", "--subnet", "192.0.2.0/24", "--subnet", "2001:db8:0:1::/64", *RANGES)


def make_lan(
    daemon: Daemon, name: str, *flags: str, driver: str = "macvlan", parent: str = "eth0"
) -> str:
    """Make a network on *parent* in both families; gives its name."""
    daemon.seaway("network", "create", "-d", driver, "-o", f"parent={parent}", *LAN, *flags, name)
    return name


def refused(daemon: Daemon, *command: str) -> str:
    """The sentence with which a command is refused."""
    found: Result = daemon.seaway(*command, check=False)
    assert found.code != 0, found.out
    return found.err.strip()


def add_ext0(host: Host, name: str = "ext0") -> Spot:
    """Give the host an interface more, with a machine behind it: 198.51.100.0/24, it .2 and ::2."""
    path = f"/run/{name}"
    host.sh(
        f"touch {path}; unshare --net={path} sysctl -qw net.ipv6.conf.default.accept_dad=0;"
        f"ip link add {name} type veth peer name {name} netns {path};"
        f"ip address add 198.51.100.1/24 dev {name};"
        f"ip address add 2001:db8:0:2::1/64 dev {name} nodad; ip link set {name} up"
    )
    machine = host.at(path)
    machine.sh(
        f"ip link set lo up; ip address add 198.51.100.2/24 dev {name};"
        f"ip address add 2001:db8:0:2::2/64 dev {name} nodad; ip link set {name} up"
    )
    return machine


def lose_ext0(host: Host, name: str = "ext0") -> None:
    """Take away what ``add_ext0`` gave."""
    host.sh(f"ip link delete {name}; umount /run/{name}; rm /run/{name}")
