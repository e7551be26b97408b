"""br_netfilter comes and goes while sandboxes run, as when Docker starts on the same host: nothing changes."""

from __future__ import annotations

from bed.daemon import Daemon
from bed.host import Host
from e2e.frames import (
    ALL_NODES,
    ALL_NODES_MAC,
    ARP,
    BROADCAST,
    IPV4,
    IPV6,
    arp,
    datagram,
    ethernet,
    listening,
    mac_of,
    send,
)
from e2e.stage import answer, make_network, make_sandbox, make_server


def switch(host: Host, value: int) -> None:
    for family in ("iptables", "ip6tables"):
        host.sh(f"sysctl -w net.bridge.bridge-nf-call-{family}={value}")


def test_published_ports_and_isolation_do_not_depend_on_when_br_netfilter_comes(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2, "-o", "com.docker.network.bridge.enable_icc=false")
    one, two = (make_server(daemon, f"web{n}", f"n{n}") for n in (1, 2))
    brothers = [make_sandbox(daemon, f"brother{n}", f"n{n}") for n in (1, 2)]
    for n in (1, 2):
        daemon.seaway("publish", f"web{n}", f"808{n}:80", f"808{n}:80/udp")

    for value in (0, 1, 0):
        switch(host, value)
        for n, web, brother in ((1, one, brothers[0]), (2, two, brothers[1])):
            for proto in ("tcp", "udp"):
                for address, seen in (
                    ("192.0.2.1", f"web{n} 10.77.{n}.1"),
                    ("2001:db8:0:1::1", f"web{n} fd77:{n}::1"),
                ):
                    assert answer(web, proto, address, 8080 + n) == seen
                    assert answer(brother, proto, address, 8080 + n) == seen
        assert answer(brothers[0], "tcp", "10.77.1.2", 80) == "web1 10.77.1.3"
        assert answer(brothers[1], "tcp", "10.77.2.2", 80, 0.5) == "silent"
        assert answer(brothers[1], "tcp", "fd77:2::2", 80, 0.5) == "silent"


def test_no_sandbox_hears_what_it_says_to_all(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    box, brother = (make_sandbox(daemon, name, "n1") for name in ("box", "brother"))
    mine, theirs = mac_of(box), mac_of(brother)
    to_all = (
        ethernet(BROADCAST, mine, ARP, arp(mine, "10.77.1.2", "10.77.1.77")),
        ethernet(BROADCAST, mine, IPV4, datagram("10.77.1.2", "255.255.255.255", 9, b"mine")),
        ethernet(ALL_NODES_MAC, mine, IPV6, datagram("fd77:1::2", ALL_NODES, 9, b"mine")),
    )
    answer_to_all = datagram("10.77.1.3", "255.255.255.255", 9, b"theirs")

    for value in (0, 1):
        switch(host, value)
        with listening(box) as at_home, listening(brother) as outside:
            send(box, *to_all)
            send(brother, ethernet(BROADCAST, theirs, IPV4, answer_to_all))
            send(
                box,
                ethernet(
                    BROADCAST, mine, IPV4, datagram("10.77.1.2", "255.255.255.255", 9, b"end")
                ),
            )

            assert [f for f in at_home.until(b"theirs") if f in to_all] == []
            assert [f for f in outside.until(b"end") if f in to_all] == list(to_all)
