"""A sandbox that may change its own interfaces gains nothing by it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from netns.kernel_stage import Stage, bridge, default_route, detach, veth
from seaway.kernel.reaper import Reaper
from seaway.model.ids import IfName
from seaway.plan.operations import (
    DOOMED_GROUP,
    ChangeAddresses,
    ChangeGateways,
    ChangeGuard,
    ChangeMtu,
    CreateNetns,
    DeleteLink,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

ALL_PROTOCOLS = 0x0003
FROM_INSIDE = bytes.fromhex("ffffffffffff02000000010288b5") + b"from inside" * 5
FROM_OUTSIDE = bytes.fromhex("02000000010202000000010388b5") + b"from outside" * 5
TO_ALL = bytes.fromhex("ffffffffffff02000000010388b5") + b"from outside" * 5


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host with a kernel."""
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


@pytest.fixture
def undeleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detached links stay as they were left, as if the kernel thread were never idle."""
    monkeypatch.setattr(Reaper, "has_work", False)


@pytest.mark.usefixtures("undeleted")
@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("toggles", [True, False])
async def test_no_frame_passes_a_detached_link_whatever_its_sandbox_does(
    stage: Stage, guarded: bool, toggles: bool
) -> None:
    a, b = stage.netns("a"), stage.netns("b")
    pairs = [veth(a, 2, guarded=guarded), veth(b, 3, guarded=guarded)]
    await stage.kernel.apply([bridge(), CreateNetns(path=a), CreateNetns(path=b), *pairs])
    with packet_socket(stage, a) as inside, packet_socket(stage, b) as outside:
        before = exchange(inside, outside)

        await stage.kernel.remove([detach(pairs[0])])
        if toggles:  # a change of carrier lets bridge ports forward again
            (link,) = set(stage.links(a)) - {"lo"}
            stage.run("sh", "-c", f"ip link set {link} down; ip link set {link} up", netns=a)
        after = exchange(inside, outside)

    assert before == {b"from inside", b"from outside"}
    assert after == set()


@pytest.mark.usefixtures("undeleted")
async def test_the_names_of_a_detached_link_are_free_while_it_waits_for_its_deletion(
    stage: Stage,
) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a), veth(a, 2)])

    await stage.kernel.remove([detach(veth(a, 2))])
    await stage.kernel.apply([veth(a, 2)])

    (far,) = set(stage.links(a)) - {"lo", "eth0"}
    (near,) = set(stage.links()) - {"lo", "sw-web", "sv-000000000002"}
    assert far.startswith("sx-")
    assert near.startswith("sx-")
    assert stage.works("ping", "-c1", "-w2", "10.7.0.1", netns=a)


async def test_a_detached_link_leads_to_nobody_when_its_bridge_goes(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a), veth(a, 2)])

    await stage.kernel.remove([detach(veth(a, 2)), DeleteLink(name=IfName("sw-web"))])

    near = (await stage.kernel.observe()).links.get(IfName("sv-000000000002"))
    assert near is None or not near.up


async def test_a_detached_link_is_never_up_without_a_bridge(stage: Stage) -> None:
    a = stage.netns("a")
    pairs = [veth(a, number, ifname=f"eth{number}") for number in range(2, 12)]
    await stage.kernel.apply([bridge(), CreateNetns(path=a), *pairs])
    observer = stage.new_kernel()

    await stage.kernel.remove([detach(pair) for pair in pairs])

    for _ in range(300):
        links = (await observer.observe()).links.values()
        doomed = [link for link in links if link.group == DOOMED_GROUP]
        assert not [link for link in doomed if link.up and link.master is None]
        if not doomed:
            break
        await asyncio.sleep(0.002)


async def test_a_detached_link_has_no_place_in_the_bridges_table(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a), veth(a, 2)])

    await stage.kernel.remove([detach(veth(a, 2))])

    assert "02:00:00:00:01:02" not in stage.run("bridge", "fdb", "show", "br", "sw-web")


async def test_a_sandbox_cannot_keep_a_detach_from_freeing_its_name(stage: Stage) -> None:
    a, b = stage.netns("a"), stage.netns("b")
    pairs = [veth(a, 2), veth(b, 3)]
    await stage.kernel.apply([bridge(), CreateNetns(path=a), CreateNetns(path=b), *pairs])
    stage.run("ip", "link", "add", "sx-2", "type", "bridge", netns=a)  # what eth0 would be called

    await stage.kernel.remove([detach(pairs[0])])
    await stage.kernel.apply([pairs[0]])

    assert stage.works("ping", "-c1", "-w2", "10.7.0.3", netns=a)


def packet_socket(stage: Stage, netns: Path) -> socket.socket:
    """A socket for whole frames in *netns*."""

    def opened() -> socket.socket:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))

    sock = stage.inside(opened, netns)
    sock.settimeout(0.05)
    return sock


def exchange(inside: socket.socket, outside: socket.socket) -> set[bytes]:
    """Which frames came through, sent both ways several times."""
    for sock in (inside, outside):
        drain(sock)
    for _ in range(3):
        with suppress(OSError):  # it may be called something else by now
            inside.sendto(FROM_INSIDE, ("eth0", 0))
        outside.sendto(FROM_OUTSIDE, ("eth0", 0))
        outside.sendto(TO_ALL, ("eth0", 0))
    return heard(outside, b"from inside") | heard(inside, b"from outside")


def drain(sock: socket.socket) -> None:
    """Forget what arrived before."""
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            sock.recv(2000)
    sock.settimeout(0.05)


def heard(sock: socket.socket, what: bytes) -> set[bytes]:
    """*what*, if a frame with it arrives that was not sent from here."""
    with suppress(TimeoutError):
        while True:
            frame, (_, _, kind, *_) = sock.recvfrom(2000)
            if what in frame and kind != socket.PACKET_OUTGOING:
                return {what}
    return set()


MEDDLING = {
    "renamed": "ip link set eth0 down; ip link set eth0 name mine up",
    "deleted": "ip link delete eth0",
    "down": "ip link set eth0 down",
    "other addresses": "ip address flush dev eth0; ip address add 10.9.9.9/24 dev eth0",
    "too small for IPv6": "ip link set eth0 mtu 600",
    "the address already": "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0;"
    "ip address add fd00:7::2/64 dev eth0 nodad",
    "moved away": "unshare -n sleep 9 >/dev/null 2>&1 & sleep 0.2; ip link set eth0 netns $!",
}


@pytest.mark.parametrize("meddling", MEDDLING.values(), ids=MEDDLING)
async def test_a_sandbox_cannot_keep_its_network_from_changing(stage: Stage, meddling: str) -> None:
    a, b = stage.netns("a"), stage.netns("b")
    pairs = [veth(n, i, addresses=[ip_interface(f"10.7.0.{i}/24")]) for n, i in ((a, 2), (b, 3))]
    four, six = pairs[0].addresses, (ip_interface("fd00:7::2/64"),)
    gateways = (ip_interface("10.7.0.1/24"),), (ip_interface("fd00:7::1/64"),)
    await stage.kernel.apply(
        [bridge("sw-web", "10.7.0.1/24"), CreateNetns(path=a), CreateNetns(path=b), *pairs]
    )
    stage.run("sh", "-c", meddling, netns=a)

    await stage.kernel.apply(
        [
            ChangeGateways(
                bridge=pairs[0].bridge, old=gateways[0], new=(*gateways[0], *gateways[1])
            ),
            *(ChangeMtu(link=p.link, old=1400, new=1300) for p in pairs),
            *(ChangeMtu(link=p.link, netns=p.netns, old=1400, new=1300) for p in pairs),
            ChangeAddresses(
                link=pairs[0].link,
                netns=a,
                ifname=pairs[0].ifname,
                mac=pairs[0].mac,
                old=four,
                new=(*four, *six),
            ),
            ChangeGuard(link=pairs[0].link, mac=pairs[0].mac, old=True, new=False),
            replace(default_route(a, "fd00:7::1"), settled=True),
        ]
    )

    assert "mtu 1300" in stage.run("ip", "link", "show", "eth0", netns=b)
