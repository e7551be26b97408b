"""A kernel that was started without IPv6 (``ipv6.disable=1``): all else works, and IPv6 is refused.

Field case FR-38; the variant in which only settings switch IPv6 off is in tests/e2e.
"""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.host import a_host
from e2e.resolving import resolve
from e2e.stage import pings
from vm.networks import must, networks, refusal, sandboxes

pytestmark = pytest.mark.without_ipv6


def body(name: str, *subnets: str, driver: str = "bridge", **options: str) -> dict[str, object]:
    """A network of these subnets."""
    return {
        "Name": name,
        "Driver": driver,
        "Options": options,
        "EnableIPv6": any(":" in subnet for subnet in subnets),
        "IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets]},
    }


def test_fr38_published_ports_and_names_work_by_ipv4_with_one_warning_at_most(
    daemon: Daemon,
) -> None:
    with (
        networks(daemon, body("n1", "10.77.1.0/24")),
        sandboxes(daemon, ("web", "n1"), ("other", "n1")) as (web, other),
    ):
        for proto in ("tcp", "udp"):
            web.serve("web", proto, 80, "0.0.0.0")
        must(daemon, "POST", "/seaway/sandboxes/web/publish", {"Ports": ["8090:80", "8090:80/udp"]})

        for proto in ("tcp", "udp"):
            assert daemon.host.neighbour.ask(proto, "192.0.2.1", 8090) == "web 192.0.2.2"
        assert other.ask("tcp", "10.77.1.2", 80) == "web 10.77.1.3"
        assert pings(other, "192.0.2.2")
        assert resolve(other, "web") == ["10.77.1.2"]
    assert daemon.log.count(" warning ") <= 2  # one of them on the group of the socket


def test_fr38_a_network_with_ipv6_is_refused(daemon: Daemon) -> None:
    both = body("six", "10.77.2.0/24", "fd00:77::/64")

    assert "IPv6 is not available in this kernel" in refusal(daemon, "/networks/create", both)


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_fr38_sandboxes_are_on_the_lan_by_ipv4(daemon: Daemon, driver: str) -> None:
    lan = body("lan", "192.0.2.0/24", driver=driver, parent="eth0")
    with networks(daemon, lan), sandboxes(daemon, ("one", "lan"), ("two", "lan")) as (one, two):
        assert pings(one, "192.0.2.2")
        there = two.sh("ip -4 -o address show eth0").out.split()[3].partition("/")[0]
        assert pings(one, there)


def test_fr38_a_killed_daemon_is_followed_by_one_that_keeps_all(daemon: Daemon) -> None:
    with (
        networks(daemon, body("n1", "10.77.1.0/24")),
        sandboxes(daemon, ("web", "n1")) as (web,),
    ):
        daemon.kill()
        daemon.start()
        assert pings(web, "192.0.2.2")


def test_the_host_is_as_any_other_but_for_ipv6() -> None:
    with a_host() as host:
        assert "inet6" not in host.sh("ip address").out
        assert pings(host, "192.0.2.2")
