"""Who on a LAN has an address: asked by an interface of the host, with frames that others answer."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from bed.pace import SILENCE
from e2e.frames import tagged
from netns.kernel_stage import Stage
from seaway.codec.frames import arp_probe, duplicate_solicitation, gratuitous_arp
from seaway.codec.frames import unsolicited_advertisement as advertisement
from seaway.model.ids import Address, IfName, Mac
from seaway.plan.operations import CreateNetns

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

ETH0 = IfName("eth0")
LOWER, HOST, THEIRS = (Mac(f"02:00:00:00:00:{n}") for n in ("01", "05", "09"))
"""Those of the host and of the machine on the LAN, and one below both."""
FOUR, SIX = IPv4Address("192.0.2.50"), IPv6Address("2001:db8:0:1::50")
SHORT = 0.05 * SILENCE
"""Seconds within which somebody answers who is there."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host whose eth0 leads to a machine, in the namespace "machine"."""
    stage = Stage(tmp_path)
    machine = stage.netns("machine")
    await stage.kernel.apply([CreateNetns(path=machine)])
    ends = ("eth0", "netns", str(machine), "address", THEIRS)
    stage.run("ip", "link", "add", "eth0", "address", HOST, "type", "veth", "peer", "name", *ends)
    stage.run("ip", "link", "set", "eth0", "up")
    stage.run("ip", "link", "set", "eth0", "up", netns=machine)
    yield stage
    await stage.close()


def give(stage: Stage, *addresses: str) -> None:
    """Give the machine *addresses*."""
    for address in addresses:
        command = f"ip address add {address} dev eth0 {'nodad' if ':' in address else ''}"
        stage.run("sh", "-c", command, netns=stage.netns("machine"))


async def who_has(stage: Stage, *addresses: Address, seconds: float = SHORT) -> dict[Address, str]:
    """Who says so."""
    return dict(await stage.kernel.who_has(ETH0, addresses, seconds))


@contextmanager
def answering(
    stage: Stage, *frames: bytes, echo: bool = False, after: float = 0
) -> Generator[None]:
    """A machine that sends *frames* when it hears anything, *after* seconds; *echo*: and what it heard."""
    sock = stage.inside(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
        stage.netns("machine"),
    )
    loop = asyncio.get_running_loop()

    def answer() -> None:
        heard, (_, _, kind, *_) = sock.recvfrom(2000)
        if kind != socket.PACKET_OUTGOING:
            for frame in (*frames, *([heard] if echo else [])):
                loop.call_later(after, sock.send, frame)

    with sock:
        sock.bind((ETH0, 3))
        sock.setblocking(False)
        loop.add_reader(sock, answer)
        try:
            yield
        finally:
            loop.remove_reader(sock)


async def test_a_machine_that_has_addresses_says_where_it_is(stage: Stage) -> None:
    give(stage, "192.0.2.50/24", "2001:db8:0:1::50/64")

    found = await who_has(stage, FOUR, SIX, IPv4Address("192.0.2.51"), IPv6Address("2001:db8::51"))

    assert found == {FOUR: THEIRS, SIX: THEIRS}


async def test_the_host_needs_no_address_of_its_own_to_ask(stage: Stage) -> None:
    give(stage, "192.0.2.50/24", "2001:db8:0:1::50/64")
    stage.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")

    assert await who_has(stage, FOUR, SIX) == {FOUR: THEIRS, SIX: THEIRS}
    neighbours = stage.run("ip", "neigh", netns=stage.netns("machine"))
    assert HOST not in neighbours


async def test_a_macvlan_link_takes_no_answer_away(stage: Stage) -> None:
    give(stage, "192.0.2.50/24", "2001:db8:0:1::50/64")
    link = ("link", "add", "link", "eth0", "name", "whole", "up")
    stage.run("ip", *link, "type", "macvlan", "mode", "passthru")

    assert await who_has(stage, FOUR, SIX) == {FOUR: THEIRS, SIX: THEIRS}


async def test_silence_is_waited_for_as_long_as_was_asked(stage: Stage) -> None:
    begin = time.monotonic()

    assert await who_has(stage, FOUR, SIX, seconds=0.2) == {}
    assert 0.2 <= time.monotonic() - begin < 0.2 + SILENCE


async def test_who_answers_late_is_heard_by_whoever_listens_so_long(stage: Stage) -> None:
    with answering(stage, gratuitous_arp(THEIRS, FOUR), after=0.1 * SILENCE):
        assert await who_has(stage, FOUR, seconds=0.02) == {}
        assert await who_has(stage, FOUR, seconds=SILENCE) == {FOUR: THEIRS}


async def test_an_interface_that_is_down_is_not_waited_for(stage: Stage) -> None:
    stage.run("ip", "link", "set", "eth0", "down")

    assert await who_has(stage, FOUR, SIX, seconds=60) == {}


async def test_what_comes_back_from_the_switch_is_nobody_elses(stage: Stage) -> None:
    with answering(stage, gratuitous_arp(HOST, FOUR), advertisement(HOST, SIX), echo=True):
        assert await who_has(stage, FOUR, SIX) == {}


async def test_an_answer_of_another_vlan_is_no_answer(stage: Stage) -> None:
    of_vlan_7 = tagged(gratuitous_arp(THEIRS, FOUR), number=7)
    with answering(stage, of_vlan_7, tagged(advertisement(THEIRS, SIX), number=7)):
        assert await who_has(stage, FOUR, SIX) == {}


async def test_an_answer_with_a_priority_counts(stage: Stage) -> None:
    with answering(stage, tagged(gratuitous_arp(THEIRS, FOUR))):
        assert await who_has(stage, FOUR) == {FOUR: THEIRS}


@pytest.mark.parametrize(("other", "goes_before"), [(LOWER, True), (THEIRS, False)])
async def test_of_two_that_ask_at_once_the_one_with_the_lower_mac_gets_the_address(
    stage: Stage, other: Mac, goes_before: bool
) -> None:
    stage.run(
        "ip", "link", "set", "eth0", "allmulticast", "on"
    )  # as a network card that lets all in
    with answering(stage, arp_probe(other, FOUR), duplicate_solicitation(other, SIX)):
        found = await who_has(stage, FOUR, SIX)

    assert found == ({FOUR: other, SIX: other} if goes_before else {})


async def test_answers_for_everything_are_told_with_who_gives_them(stage: Stage) -> None:
    asked = [IPv4Address(f"192.0.2.{n}") for n in range(50, 66)]
    with answering(stage, *(gratuitous_arp(THEIRS, a) for a in asked)):
        assert await who_has(stage, *asked) == dict.fromkeys(asked, THEIRS)


async def test_a_question_leaves_no_socket_behind(stage: Stage) -> None:
    def sockets() -> int:
        return len(stage.inside(lambda: Path("/proc/net/packet").read_text()).splitlines()) - 1

    await asyncio.gather(*(who_has(stage, FOUR, SIX, seconds=0.01) for _ in range(20)))

    for _ in range(300):
        if not sockets():
            break
        await asyncio.sleep(0.01)
    assert sockets() == 0
