"""All clients of a family, with a server that is played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import pytest

import seaway.dhcp.clients
from seaway.dhcp.clients import LeaseClients, Patience
from seaway.dhcp.clock import SteadyClock
from seaway.dhcp.family import Dispose
from seaway.faults import NoFaults
from seaway.model.dhcp4 import Kind4, Message4
from seaway.model.errors import AddressTaken, Unavailable
from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.lease import Lease4, LeaseClient
from seaway.plan.dhcp4 import Machine4, State4, Timing4, Turn4
from seaway.plan.leasing import SECOND, Draw, Send

WEB = LeaseClient(
    id="lan web",
    network=NetworkName("lan"),
    holder="web",
    netns=None,
    ifname=IfName("eth0"),
    mac=Mac("02:42:0a:4d:01:02"),
)
DB = replace(WEB, id="lan db", holder="db")
SOON = Timing4(first=0.05, between_renewals=0.05, shortest_lease=1, shortest_renewal=0.0)
Clients = LeaseClients[State4, Message4, Lease4]


@dataclass
class Lan:
    """A family whose messages stay in the test, with a server that lends for *lends* seconds."""

    lends: int = 1000
    silent: bool = False
    gone: bool = False
    breaks: int = 0
    """So many turns of a machine break."""
    seen: list[str] = field(default_factory=list[str])
    wires: list[FakeWire] = field(default_factory=list["FakeWire"])
    change: asyncio.Event = field(default_factory=asyncio.Event)

    def machine(self, client: LeaseClient) -> Machine4:
        """A real one, which may break."""
        return BrittleMachine(client=client, timing=SOON, lan=self)

    async def open(self, client: LeaseClient, dispose: Dispose) -> FakeWire:
        """Listen; raises Unavailable where the link is gone."""
        if self.gone:
            raise Unavailable("the link is gone")
        self.wires.append(FakeWire(self))
        return self.wires[-1]

    async def until(self, count: int) -> None:
        """Wait until the server saw *count* messages."""
        async with asyncio.timeout(5):
            while len(self.seen) < count:
                self.change.clear()
                await self.change.wait()

    def reply(self, message: Message4) -> Message4 | None:
        """What the server says to *message*."""
        kinds = {Kind4.DISCOVER: Kind4.OFFER, Kind4.REQUEST: Kind4.ACK}
        if self.silent or message.kind not in kinds:
            return None
        return Message4(
            kind=kinds[message.kind],
            xid=message.xid,
            mac=message.mac,
            yiaddr=IPv4Address("192.0.2.10"),
            server=IPv4Address("192.0.2.1"),
            lease_time=self.lends,
            prefix_length=24,
            mtu=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrittleMachine(Machine4):
    lan: Lan

    def step(self, state: State4, heard: Message4 | None, now: int, draw: Draw) -> Turn4:
        """A turn, or an error."""
        if self.lan.breaks:
            self.lan.breaks -= 1
            raise RuntimeError("the test wants it to break")
        return super(BrittleMachine, self).step(state, heard, now, draw)


class FakeWire:
    """A link whose other end is the test."""

    def __init__(self, lan: Lan) -> None:
        self._lan = lan
        self._heard = asyncio.Queue[Message4]()
        self.is_open = True

    async def send(self, send: Send[Message4]) -> None:
        """Let the server see it."""
        self._lan.seen.append(send.message.kind.name)
        self._lan.change.set()
        if (reply := self._lan.reply(send.message)) is not None:
            self._heard.put_nowait(reply)

    async def flush(self) -> None:
        """All has left."""

    async def hear(self) -> Message4:
        """What the server said."""
        return await self._heard.get()

    def close(self) -> None:
        """Listen no more."""
        self.is_open = False


@asynccontextmanager
async def clients(lan: Lan, answer: float = 0.2) -> AsyncGenerator[Clients]:
    patience = Patience(acquire=0.2, answer=answer)
    async with LeaseClients(lan, NoFaults(), patience=patience) as leases:
        yield leases


async def ignore(lease: Lease4 | None) -> None:
    """Whoever keeps a lease need not care."""


async def test_the_end_of_the_daemon_is_silent() -> None:
    lan = Lan()
    async with clients(lan) as leases:
        lease = await leases.acquire(WEB)
        leases.keep(WEB, lease, ignore)

    assert lan.seen == ["DISCOVER", "REQUEST"]
    assert [wire.is_open for wire in lan.wires] == [False]


async def test_an_end_in_the_middle_of_a_question_leaves_nothing_open() -> None:
    lan = Lan(silent=True)
    async with clients(lan) as leases:
        leases.keep(WEB, None, ignore)
        await lan.until(1)
        assert lan.wires[0].is_open

    assert [wire.is_open for wire in lan.wires] == [False]


async def test_who_gives_up_waiting_leaves_nothing_open() -> None:
    lan = Lan(silent=True)
    async with clients(lan) as leases:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await leases.acquire(WEB)

        assert [wire.is_open for wire in lan.wires] == [False]


async def test_what_is_not_believed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with clients(Lan()) as leases:
        await leases.acquire(WEB)

    record = caplog.records[-1]
    assert record.getMessage() == "a DHCP server said what is not believed"
    assert vars(record)["network"] == "lan"
    assert vars(record)["reason"] == "an MTU of 0 bytes is left out: too little"


async def test_a_listener_that_fails_does_not_end_the_renewals(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lan = Lan()

    async def fail(lease: Lease4 | None) -> None:
        raise RuntimeError("the test wants it to fail")

    async with clients(lan) as leases:
        lease = await leases.acquire(WEB)
        leases.keep(WEB, expired(lease), fail)
        await lan.until(4)

    assert "a changed lease was not taken over" in caplog.messages


async def test_who_hears_of_a_lost_lease_may_stop_at_once() -> None:
    lan, heard = Lan(silent=True), list[Lease4 | None]()
    async with clients(Lan()) as leases:
        lease = await leases.acquire(WEB)

    async with clients(lan) as leases:

        async def stop(lease: Lease4 | None) -> None:
            heard.append(lease)
            await leases.stop(WEB)

        leases.keep(WEB, expired(lease), stop)
        await asyncio.sleep(0.1)

    assert heard == [None]
    assert (lan.seen, lan.wires) == ([], [])


async def test_a_lease_that_is_refused_is_declined_and_another_asked_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seaway.dhcp.clients, "DECLINED", 0.5)
    lan = Lan()
    took: list[Lease4 | None] = []

    async def take_over(lease: Lease4 | None) -> None:
        if not took:
            took.append(lease)
            raise AddressTaken(IPv4Address("192.0.2.10"), "lan", "used by 02:00:00:00:99:99")
        took.append(lease)

    async with clients(lan) as leases:
        leases.keep(WEB, None, take_over)
        await lan.until(3)
        assert lan.seen == ["DISCOVER", "REQUEST", "DECLINE"]
        await asyncio.sleep(0.05)
        assert len(lan.seen) == 3
        await lan.until(5)
        await asyncio.sleep(0)

    assert lan.seen[3:] == ["DISCOVER", "REQUEST"]
    assert [lease is None for lease in took] == [False, True, False]
    assert not any(wire.is_open for wire in lan.wires)


async def test_a_client_that_breaks_does_not_end_others(caplog: pytest.LogCaptureFixture) -> None:
    lan = Lan(breaks=1)
    async with clients(lan) as leases:
        leases.keep(WEB, None, ignore)
        leases.keep(DB, None, ignore)
        await lan.until(2)
        await asyncio.sleep(0.05)

    assert caplog.messages.count("a DHCP client broke") == 1
    assert lan.seen == ["DISCOVER", "REQUEST"]


async def test_a_link_that_is_gone_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    lan = Lan(gone=True)
    async with clients(lan) as leases:
        leases.keep(WEB, None, ignore)
        await asyncio.sleep(0.02)
        lan.gone = False
        await lan.until(2)

    assert "a lease could not be prolonged" in caplog.messages
    assert lan.seen == ["DISCOVER", "REQUEST"]


async def test_nobody_listens_on_for_a_server_that_is_silent() -> None:
    lan = Lan(silent=True)
    async with clients(Lan()) as leases:
        lease = await leases.acquire(WEB)

    async with clients(lan, answer=0.03) as leases:
        now = SteadyClock().now()
        late = replace(lease, renew_at=now, rebind_at=now + SECOND, expires_at=now + 2 * SECOND)
        leases.keep(WEB, late, ignore)
        await lan.until(1)
        await asyncio.sleep(0.1)

        assert [wire.is_open for wire in lan.wires] == [False]
        assert lan.seen == ["REQUEST"]
        await lan.until(2)


async def test_a_lease_is_given_back_where_nobody_hears_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lan = Lan()
    async with clients(lan) as leases:
        lease = await leases.acquire(WEB)
        leases.keep(WEB, lease, ignore)
        lan.gone = True

        await leases.release(WEB, lease)
        await leases.stop(WEB)

    assert "a DHCP server was not told" in caplog.messages


async def test_messages_that_nobody_answers_are_sent_once() -> None:
    lan = Lan()
    async with clients(lan) as leases:
        lease = await leases.acquire(WEB)

        await leases.release(WEB, lease)
        await leases.decline(WEB, lease)

    assert lan.seen[2:] == ["RELEASE", "DECLINE"]


def expired(lease: Lease4) -> Lease4:
    """*lease*, at its end."""
    return replace(lease, renew_at=0, rebind_at=0, expires_at=0)


def test_the_clock_is_that_of_the_host_and_goes_on() -> None:
    clock = SteadyClock()

    first, second = clock.now(), clock.now()

    assert 1_700_000_000 * SECOND < first <= second
