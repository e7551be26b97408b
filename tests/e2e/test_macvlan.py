"""macvlan networks: sandboxes are machines on the LAN, with packets."""

from __future__ import annotations

from bed.daemon import Daemon
from bed.host import Host
from e2e.stage import make_sandbox, pings, within

SUBNETS = ("--ipv6", "--subnet", "192.0.2.0/24", "--subnet", "2001:db8:0:1::/64")


def make_lan(daemon: Daemon, name: str, *flags: str, driver: str = "macvlan") -> str:
    """Make a network on the host's eth0 in both families; endpoints get 192.0.2.128 and on."""
    place = ("-o", "parent=eth0", "--ip-range", "192.0.2.128/26")
    daemon.seaway("network", "create", "-d", driver, *SUBNETS, *place, *flags, name)
    return name


def test_a_sandbox_is_a_machine_on_the_lan(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    one, two = make_sandbox(daemon, "one", lan), make_sandbox(daemon, "two", lan)

    assert pings(one, "192.0.2.2")
    assert pings(one, "2001:db8:0:1::2")
    assert pings(host.neighbour, "192.0.2.129")
    assert pings(one, "192.0.2.129")
    assert pings(two, "192.0.2.128")
