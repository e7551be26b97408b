"""Reports from the field about containers on the LAN, as tests of their names."""

from __future__ import annotations

import json

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.lan import add_ext0, lose_ext0, make_lan, refused
from e2e.stage import make_network, make_sandbox, make_server, pings, place, within

MTU = "com.docker.network.driver.mtu"


def test_fr36_a_parent_that_is_not_there_yet_is_waited_for(host: Host, daemon: Daemon) -> None:
    add_ext0(host)
    make_lan(daemon, "mv1", parent="ext0")
    daemon.seaway("run", "-d", "--name", "c1", "--network", "mv1", "sleep", "60")
    daemon.seaway("stop", "-t", "0", "c1")
    network_id = daemon.seaway("network", "inspect", "-f", "{{.Id}}", "mv1").out
    daemon.stop()
    lose_ext0(host)

    daemon.start()

    assert "mv1" in daemon.seaway("network", "ls").out
    assert (
        "network mv1 waits for its parent ext0, which the host has not got: it comes up by itself "
        "when that is there"
    ) in daemon.seaway("status").out
    assert "the host has no interface ext0" in refused(daemon, "start", "c1")
    add_ext0(host).sh("ip address add 192.0.2.9/24 dev ext0")
    daemon.seaway("start", "c1")
    assert pings(daemon.sandbox("c1"), "192.0.2.9")
    assert daemon.seaway("network", "inspect", "-f", "{{.Id}}", "mv1").out == network_id
    daemon.seaway("sandbox", "rm", "--force", "c1")
    lose_ext0(host)
    daemon.seaway("network", "rm", "mv1")


@pytest.mark.parametrize("access", [(), ("--host-access",)], ids=["alone", "with the host"])
def test_fr36_a_parent_that_goes_and_returns_takes_nobody_off_the_lan(
    host: Host, daemon: Daemon, access: tuple[str, ...]
) -> None:
    add_ext0(host)
    make_lan(daemon, "mv1", *access, parent="ext0")
    c = make_server(daemon, "c1", "mv1")
    mac = place(daemon, "c1", "mv1")["MacAddress"]

    lose_ext0(host)
    assert "waits for its parent ext0" in daemon.seaway("status").out
    machine = add_ext0(host)
    machine.sh("ip address add 192.0.2.9/24 dev ext0")

    assert within(5, lambda: pings(machine, "192.0.2.129" if access else "192.0.2.128"))
    assert machine.ask("tcp", "192.0.2.129" if access else "192.0.2.128", 80) == "c1 192.0.2.9"
    assert str(mac) in c.sh("ip link show eth0").out
    assert "waits" not in daemon.seaway("status").out
    assert pings(host, "192.0.2.129" if access else "192.0.2.128") is bool(access)


def test_fr37_a_link_without_carrier_keeps_nobody_from_starting(host: Host, daemon: Daemon) -> None:
    machine = add_ext0(host)
    machine.sh("ip link set ext0 down")
    dual = ("--ipv6", "--subnet", "198.51.100.0/24", "--subnet", "2001:db8:0:2::/64")
    create = ("network", "create", "-d", "macvlan", "-o", "parent=ext0", *dual)
    daemon.seaway(*create, "mv2")

    make_sandbox(daemon, "c1", "mv2:ip=198.51.100.7,ip6=2001:db8:0:2::7")

    machine.sh("ip link set ext0 up; ip address add 2001:db8:0:2::2/64 dev ext0 nodad")
    assert within(3, lambda: pings(machine, "198.51.100.7"))
    assert within(3, lambda: pings(machine, "2001:db8:0:2::7"))


def test_fr38_without_ipv6_ipv4_works_and_ipv6_is_refused(
    host: Host, stopped_daemon: Daemon
) -> None:
    host.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
    stopped_daemon.start()
    create = ("network", "create", "-d", "macvlan", "-o", "parent=eth0")
    stopped_daemon.seaway(*create, "--subnet", "192.0.2.0/24", "lan")
    one = make_server(stopped_daemon, "one", "lan:ip=192.0.2.77")
    dual = ("--ipv6", "--subnet", "198.51.100.0/24", "--subnet", "2001:db8:0:9::/64")

    sentence = refused(stopped_daemon, *create, *dual, "six")

    assert pings(one, "192.0.2.2")
    assert "IPv6 is not available in this kernel" in sentence
    assert stopped_daemon.seaway("status").code == 0


def test_fr41_the_mtu_is_what_was_asked_for(host: Host, daemon: Daemon) -> None:
    host.sh("ip link set eth0 mtu 1450")
    make_lan(daemon, "lan", "-o", f"{MTU}=1400")
    assert "mtu 1400" in make_sandbox(daemon, "c1", "lan").sh("ip link show eth0").out
    daemon.seaway("sandbox", "rm", "--force", "c1")
    daemon.seaway("network", "rm", "lan")
    make_lan(daemon, "plain")
    assert "mtu 1450" in make_sandbox(daemon, "d1", "plain").sh("ip link show eth0").out

    large = make_network(daemon, 1, "-o", f"{MTU}=9000")
    assert "mtu 9000" in make_sandbox(daemon, "e1", large).sh("ip link show eth0").out


@pytest.mark.parametrize("mtu", ["0", "-1", "67", "70000", "abc", "1279", "1501"])
def test_fr41_an_mtu_that_cannot_be_is_refused(shared_daemon: Daemon, mtu: str) -> None:
    before = at_rest(shared_daemon.host, shared_daemon)
    create = ("network", "create", "-d", "macvlan", "--ipv6", "-o", "parent=eth0")

    sentence = refused(shared_daemon, *create, "-o", f"{MTU}={mtu}", "bad")

    why = {"1501": "eth0 has 1500, and nobody on it can have more"}
    needs = "an MTU is a number of bytes from 1280 (IPv6 needs that much) to 65535"
    assert sentence.endswith(f"option {MTU}={mtu}: {why.get(mtu, needs)}")
    assert leaked(before, shared_daemon.host, shared_daemon) == ()


def test_fr43_the_host_and_a_container_on_the_lan_talk(host: Host, daemon: Daemon) -> None:
    before = at_rest(host)
    make_lan(daemon, "mv1", "--host-access")
    c = make_sandbox(daemon, "c1", "mv1")

    assert pings(host, "192.0.2.129")
    assert pings(host, "2001:db8:0:1::81")
    assert pings(c, "192.0.2.1")
    assert pings(c, "192.0.2.128")  # the host's own address among them
    assert pings(c, "2001:db8:0:1::80")
    assert pings(c, "192.0.2.2")
    assert pings(host.neighbour, "192.0.2.129")
    assert pings(host, "192.0.2.2")
    shown = json.loads(daemon.seaway("network", "inspect", "mv1").out)
    aside = [config["AuxiliaryAddresses"]["host"] for config in shown[0]["IPAM"]["Config"]]
    assert aside == ["192.0.2.128", "2001:db8:0:1::80"]

    mac = str(place(daemon, "c1", "mv1")["MacAddress"])
    assert mac in host.neighbour.sh("ip neigh show 192.0.2.129").out
    own = host.sh("cat /sys/class/net/eth0/address").out.strip()
    host.neighbour.sh("ip neigh flush 192.0.2.1; ping -nqc1 -W1 192.0.2.1")
    assert own in host.neighbour.sh("ip neigh show 192.0.2.1").out
    daemon.seaway("sandbox", "rm", "--force", "c1")
    daemon.seaway("network", "rm", "mv1")
    assert leaked(before, host) == ()


def test_fr43_without_host_access_it_is_closed_and_told_why(host: Host, daemon: Daemon) -> None:
    make_lan(daemon, "mv1")
    c = make_sandbox(daemon, "c1", "mv1")

    assert not pings(host, "192.0.2.128")
    assert not pings(c, "192.0.2.1")
    assert (
        "the host and sandboxes on network mv1 (c1) do not reach each other, since the kernel keeps "
        "macvlan links and their parent apart: seaway network update mv1 --opt seaway.host_access=true"
    ) in daemon.seaway("status").out
