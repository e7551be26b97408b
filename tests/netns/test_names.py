"""Names at 127.0.0.11, asked from inside namespaces, with name servers of others around."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.reversename
import pytest
import pytest_asyncio

from netns.names_stage import (
    REDIRECT,
    Asker,
    NoSteps,
    Sockets,
    Upstream,
    a_netns,
    data_of,
    run_in,
    socket_in,
)
from seaway.contracts import Kernel
from seaway.dns.limits import Limits
from seaway.dns.names import NameServers
from seaway.dns.upstream import framed
from seaway.model.errors import Unavailable
from seaway.model.ids import EndpointId, NetworkId, SandboxId
from seaway.plan import zone
from seaway.plan.zone import Holder, View

N1, N2 = NetworkId("1" * 64), NetworkId("2" * 64)
BOX = SandboxId("b" * 64)


def holder(end: str, *names: str, addresses: tuple[str, ...] = ()) -> Holder:
    return Holder(
        endpoint=EndpointId(end * 64),
        name=names[0],
        names=names,
        addresses=tuple(ip_address(a) for a in addresses),
    )


LISTENING = 2
"""Sockets of a server that asked nobody: UDP and TCP."""
FOR_EVER = 60.0
"""Seconds: longer than an asker waits."""
SRV = holder("a", "srv", "web", "0123456789ab", addresses=("10.1.0.2",))


@dataclass
class Stage:
    host: Path
    box: Path
    resolv_conf: Path
    kernel: Sockets
    steps: NoSteps
    names: NameServers
    asker: Asker
    exits: AsyncExitStack

    async def upstream(self, server: Upstream) -> Upstream:
        server.start()
        self.exits.callback(server.stop)
        return server

    def configure(self, *addresses: str) -> None:
        """Replace the host's resolv.conf by rename."""
        new = self.resolv_conf.with_suffix(".new")
        new.write_text("".join(f"nameserver {a}\n" for a in addresses))
        new.rename(self.resolv_conf)


@pytest.fixture
def host() -> Generator[Path]:
    with a_netns() as netns:
        yield netns


@pytest.fixture
def box() -> Generator[Path]:
    with a_netns() as netns:
        run_in(netns, "nft", "-f", "-", text=REDIRECT)
        yield netns


@asynccontextmanager
async def a_stage(
    host: Path, box: Path, tmp_path: Path, limits: Limits | None = None
) -> AsyncGenerator[Stage]:
    """One open sandbox on n1, without anybody on it, behind an empty resolv.conf."""
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("")
    kernel, steps = Sockets(host), NoSteps()
    async with AsyncExitStack() as exits:
        names = await exits.enter_async_context(
            NameServers(_as_kernel(kernel), steps, resolv_conf=resolv_conf, limits=limits)
        )
        names.name_network(N1, "n1")
        names.name_network(N2, "n2")
        await names.open(BOX, box, View(networks=(N1,)))
        yield Stage(host, box, resolv_conf, kernel, steps, names, Asker(box), exits)


def _as_kernel(sockets: Sockets) -> Kernel:
    return sockets  # type: ignore[return-value] # pyright: ignore[reportReturnType] - name servers open sockets only


@pytest_asyncio.fixture
async def stage(host: Path, box: Path, tmp_path: Path) -> AsyncGenerator[Stage]:
    async with a_stage(host, box, tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("name", ["srv", "web", "0123456789ab", "srv.n1", "WEB.N1", "sRv"])
async def test_every_name_of_a_holder_leads_to_it(stage: Stage, name: str, tcp: bool) -> None:
    stage.names.join(N1, SRV)

    assert await stage.asker.ask(name, tcp=tcp) == ["10.1.0.2"]


async def test_the_question_comes_back_in_the_asker_s_spelling(stage: Stage) -> None:
    stage.names.join(N1, SRV)

    answer = await stage.asker.exchange(dns.message.make_query("sRv.", "A"))

    assert answer.question[0].to_text() == "sRv. IN A"
    assert answer.answer[0].to_text() == "sRv. 0 IN A 10.1.0.2"


@pytest.mark.parametrize("kind", ["AAAA", "MX", "TXT", "PTR"])
async def test_a_name_without_what_was_asked_for_exists_all_the_same(
    stage: Stage, kind: str
) -> None:
    stage.names.join(N1, SRV)

    assert await stage.asker.ask("srv", kind) == []


async def test_an_unknown_name_does_not_exist_where_there_is_no_upstream(stage: Stage) -> None:
    assert await stage.asker.ask("nosuch") == ["NXDOMAIN"]


async def test_an_unknown_domain_fails_at_once_where_there_is_no_upstream(stage: Stage) -> None:
    assert await stage.asker.ask("www.example") == ["SERVFAIL"]
    assert stage.kernel.opened == LISTENING


async def test_both_families_and_the_way_back(stage: Stage) -> None:
    stage.names.join(N1, holder("a", "srv", addresses=("10.1.0.2", "fd00::2")))

    assert await stage.asker.ask("srv", "AAAA") == ["fd00::2"]
    assert await stage.asker.ask("srv", "ANY") == ["10.1.0.2", "fd00::2"]
    assert await stage.asker.ask("2.0.1.10.in-addr.arpa", "PTR") == ["srv."]
    assert await stage.asker.ask(dns.reversename.from_address("fd00::2").to_text(), "PTR") == [
        "srv."
    ]


async def test_a_sandbox_s_own_server_may_have_port_53_on_all_addresses(stage: Stage) -> None:
    stage.names.join(N1, SRV)

    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        own = socket_in(stage.box, socket.AF_INET, kind)
        stage.exits.callback(own.close)
        own.bind(("0.0.0.0", 53))
        if kind == socket.SOCK_STREAM:
            own.listen()

    assert await stage.asker.ask("srv") == ["10.1.0.2"]
    assert await stage.asker.ask("srv", tcp=True) == ["10.1.0.2"]


async def test_changes_show_at_the_next_question(stage: Stage) -> None:
    asker, names = stage.asker, stage.names
    names.join(N1, SRV)
    assert await asker.ask("srv") == ["10.1.0.2"]

    names.join(N1, holder("a", "renamed", addresses=("10.1.0.2",)))
    assert await asker.ask("srv") == ["NXDOMAIN"]
    assert await asker.ask("renamed") == ["10.1.0.2"]

    names.leave(N1, SRV.endpoint)
    assert await asker.ask("renamed") == ["NXDOMAIN"]

    names.join(N2, SRV)
    assert await asker.ask("srv") == ["NXDOMAIN"]
    names.show(BOX, View(networks=(N1, N2)))
    assert await asker.ask("srv") == ["10.1.0.2"]
    assert await asker.ask("srv.n2") == ["10.1.0.2"]


async def test_several_holders_of_one_name_take_turns_at_being_first(stage: Stage) -> None:
    for number, end in enumerate("abc", start=2):
        stage.names.join(
            N1, holder(end, "Pool" if end == "b" else "pool", addresses=(f"10.1.0.{number}",))
        )

    first: list[str] = []
    for _ in range(6):
        answer = await stage.asker.exchange(dns.message.make_query("pool", "A"))
        assert sorted(data_of(answer)) == ["10.1.0.2", "10.1.0.3", "10.1.0.4"]
        first.append(answer.to_text().partition(";ANSWER\n")[2].split()[4])

    assert sorted(first) == sorted(["10.1.0.2", "10.1.0.3", "10.1.0.4"] * 2)


async def test_what_does_not_fit_a_datagram_comes_by_tcp(stage: Stage) -> None:
    addresses = tuple(f"10.1.0.{n}" for n in range(2, 202))
    stage.names.join(N1, holder("a", "pool", addresses=addresses))

    plain = await stage.asker.exchange(dns.message.make_query("pool", "A"))
    large = await stage.asker.exchange(dns.message.make_query("pool", "A", payload=4096))

    assert plain.flags & dns.flags.TC
    assert len(plain.answer[0]) == 30
    assert not large.flags & dns.flags.TC
    assert len(large.answer[0]) == 200
    assert len(await stage.asker.ask("pool", tcp=True)) == 200


async def test_several_questions_share_one_tcp_connection(stage: Stage) -> None:
    stage.names.join(N1, SRV)
    loop = asyncio.get_running_loop()
    query = dns.message.make_query("srv", "A").to_wire()
    two = (len(query).to_bytes(2, "big") + query) * 2

    with socket_in(stage.box, socket.AF_INET, socket.SOCK_STREAM) as sock:
        await loop.sock_connect(sock, ("127.0.0.11", 53))
        await loop.sock_sendall(sock, two[:5])
        await asyncio.sleep(0.05)  # so that it comes in two pieces
        await loop.sock_sendall(sock, two[5:])
        got = b""
        while len(got) < 2 * (len(query) + 18):
            got += await asyncio.wait_for(loop.sock_recv(sock, 4096), 5)

    assert got.count(bytes((10, 1, 0, 2))) == 2


async def test_rubbish_is_answered_or_dropped_and_the_server_lives_on(stage: Stage) -> None:
    stage.names.join(N1, SRV)

    assert (await stage.asker.raw(b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"))[
        :4
    ] == (b"\x12\x34\x81\x01")
    assert (await stage.asker.raw(b"\x12\x34\x28\x00" + bytes(8)))[:4] == b"\x12\x34\xa8\x04"
    for rubbish in (b"", b"\0", os.urandom(11), b"\x12\x34\x80\0" + bytes(8)):
        with pytest.raises(TimeoutError):
            await stage.asker.raw(rubbish, timeout=0.05)
    assert await stage.asker.ask("srv") == ["10.1.0.2"]


async def test_what_we_do_not_know_is_asked_of_the_host_s_server_in_the_host_s_namespace(
    stage: Stage,
) -> None:
    stub = await stage.upstream(Upstream(stage.host, "127.0.0.53", {"a.example": "203.0.113.1"}))
    stage.configure("127.0.0.53")

    assert await stage.asker.ask("A.example") == ["203.0.113.1"]
    assert await stage.asker.ask("a.example", tcp=True) == ["203.0.113.1"]
    assert await stage.asker.ask("a.example", "AAAA") == []
    assert await stage.asker.ask("b.example") == ["NXDOMAIN"]
    assert await stage.asker.ask("nosuch") == ["NXDOMAIN"]
    assert stub.seen == ["A.example.", "a.example.", "a.example.", "b.example.", "nosuch."]
    assert stage.names.host_servers() == (zone.Upstream(address=ip_address("127.0.0.53")),)


async def test_an_internal_view_forwards_nothing_and_answers_its_own_names(stage: Stage) -> None:
    server = await stage.upstream(Upstream(stage.host, "127.0.0.1", {"a.example": "203.0.113.1"}))
    stage.configure("127.0.0.1")
    stage.names.join(N1, SRV)

    stage.names.show(BOX, View(networks=(N1,), forwards=False))

    assert await stage.asker.ask("a.example") == ["NXDOMAIN"]
    assert await stage.asker.ask("a.example", tcp=True) == ["NXDOMAIN"]
    assert await stage.asker.ask("srv") == ["10.1.0.2"]
    assert server.seen == []

    stage.names.show(BOX, View(networks=(N1, N2)))
    assert await stage.asker.ask("a.example") == ["203.0.113.1"]


async def test_servers_of_the_sandbox_s_own_are_asked_from_inside_it(stage: Stage) -> None:
    inside = await stage.upstream(Upstream(stage.box, "127.0.0.1", {"a.example": "203.0.113.7"}))
    outside = await stage.upstream(Upstream(stage.host, "127.0.0.1", {"a.example": "203.0.113.1"}))
    stage.configure("127.0.0.1")

    stage.names.show(
        BOX, View(upstreams=(zone.Upstream(address=ip_address("127.0.0.1"), from_host=False),))
    )

    assert await stage.asker.ask("a.example") == ["203.0.113.7"]
    assert (inside.seen, outside.seen) == (["a.example."], [])


async def test_asking_ourselves_again_is_not_done(stage: Stage) -> None:
    stage.names.show(
        BOX, View(upstreams=(zone.Upstream(address=ip_address("127.0.0.11"), from_host=False),))
    )

    assert await stage.asker.ask("a.example") == ["SERVFAIL"]
    assert stage.kernel.opened == LISTENING


async def test_another_engine_s_server_at_our_address_on_the_host_is_asked(stage: Stage) -> None:
    await stage.upstream(Upstream(stage.host, "127.0.0.11", {"a.example": "203.0.113.1"}))
    stage.configure("127.0.0.11")

    assert await stage.asker.ask("a.example") == ["203.0.113.1"]


@pytest.mark.parametrize("address", ["::1", "fe80::53%lo", "fe80::53%1"])
async def test_upstreams_may_be_ipv6_and_link_local(stage: Stage, address: str) -> None:
    run_in(stage.host, "ip", "address", "add", "fe80::53/64", "dev", "lo", "nodad")
    await stage.upstream(
        Upstream(stage.host, address.replace("lo", "1"), {"a.example": "203.0.113.1"})
    )
    stage.configure(address)

    assert await stage.asker.ask("a.example") == ["203.0.113.1"]
    assert await stage.asker.ask("a.example", tcp=True) == ["203.0.113.1"]


async def test_a_new_host_file_is_followed_within_two_seconds(stage: Stage) -> None:
    await stage.upstream(Upstream(stage.host, "127.0.0.2", {"a.example": "203.0.113.1"}))
    await stage.upstream(Upstream(stage.host, "127.0.0.3", {"a.example": "203.0.113.2"}))
    stage.configure("127.0.0.2")
    assert await stage.asker.ask("a.example") == ["203.0.113.1"]

    stage.configure("127.0.0.3")

    async with asyncio.timeout(2):
        while await stage.asker.ask("a.example") == ["203.0.113.1"]:  # noqa: ASYNC110 - a file has no bell
            await asyncio.sleep(0.05)
    assert await stage.asker.ask("a.example") == ["203.0.113.2"]


async def test_a_silent_server_holds_up_only_the_first_questions(stage: Stage) -> None:
    silent = await stage.upstream(Upstream(stage.host, "127.0.0.2", silent=True))
    other = await stage.upstream(Upstream(stage.host, "127.0.0.3", {"a.example": "203.0.113.2"}))
    stage.configure("127.0.0.2", "127.0.0.3")

    for _ in range(4):
        assert await stage.asker.ask("a.example") == ["203.0.113.2"]

    assert silent.seen == ["a.example."] * 2
    assert other.seen == ["a.example."] * 4


async def test_a_slow_server_s_answer_counts_while_the_next_is_asked(stage: Stage) -> None:
    await stage.upstream(Upstream(stage.host, "127.0.0.2", {"a.example": "203.0.113.1"}, delay=1.3))
    await stage.upstream(Upstream(stage.host, "127.0.0.3", silent=True))
    stage.configure("127.0.0.2", "127.0.0.3")

    assert await stage.asker.ask("a.example") == ["203.0.113.1"]


@pytest.mark.parametrize("first", ["fails", "is not there"])
async def test_a_server_that_cannot_answer_is_passed_over_at_once(
    host: Path, box: Path, tmp_path: Path, first: str
) -> None:
    async with a_stage(host, box, tmp_path, Limits(patience=FOR_EVER)) as stage:
        if first == "fails":
            await stage.upstream(Upstream(host, "127.0.0.2", fails=True))
        await stage.upstream(Upstream(host, "127.0.0.3", {"a.example": "203.0.113.2"}))
        stage.configure("127.0.0.2", "127.0.0.3")

        assert await stage.asker.ask("a.example") == ["203.0.113.2"]


async def test_where_all_fail_the_asker_learns_at_once(
    host: Path, box: Path, tmp_path: Path
) -> None:
    async with a_stage(host, box, tmp_path, Limits(patience=FOR_EVER)) as stage:
        failing = await stage.upstream(Upstream(host, "127.0.0.2", fails=True))
        stage.configure("127.0.0.2", "127.0.0.3")

        assert await stage.asker.ask("a.example") == ["SERVFAIL"]
        assert await stage.asker.ask("nosuch") == ["SERVFAIL"]
        assert failing.seen == ["a.example.", "nosuch."]


async def test_a_server_without_a_route_is_like_none(stage: Stage) -> None:
    stage.configure("192.0.2.9", "2001:db8::9")

    assert await stage.asker.ask("nosuch") == ["NXDOMAIN"]
    assert await stage.asker.ask("a.example") == ["SERVFAIL"]


async def test_replies_to_other_questions_are_not_believed(stage: Stage) -> None:
    await stage.upstream(
        Upstream(stage.host, "127.0.0.2", {"a.example": "203.0.113.1"}, spoiled=True)
    )
    stage.configure("127.0.0.2")

    assert await stage.asker.ask("a.example") == ["203.0.113.1"]


async def test_a_long_reply_is_fetched_by_tcp_for_those_who_came_so(stage: Stage) -> None:
    await stage.upstream(Upstream(stage.host, "127.0.0.2", many=100))
    stage.configure("127.0.0.2")

    short = await stage.asker.exchange(dns.message.make_query("a.example", "A"))

    assert short.flags & dns.flags.TC
    assert len(await stage.asker.ask("a.example", tcp=True)) == 100


async def test_options_between_neighbours_stay_between_them(stage: Stage) -> None:
    server = await stage.upstream(Upstream(stage.host, "127.0.0.2", {"a.example": "203.0.113.1"}))
    stage.configure("127.0.0.2")
    cookie = dns.edns.GenericOption("COOKIE", b"12345678")

    answer = await stage.asker.exchange(
        dns.message.make_query("a.example", "A", use_edns=0, options=[cookie])
    )

    assert answer.edns == 0
    assert server.seen == ["a.example."]
    assert b"12345678" not in server.seen_bytes[0]


async def test_questions_beyond_the_bound_fail_at_once_and_own_names_do_not(
    host: Path, box: Path, tmp_path: Path
) -> None:
    limits = Limits(in_flight=8, in_flight_each=4, patience=FOR_EVER)
    async with a_stage(host, box, tmp_path, limits) as stage:
        silent = await stage.upstream(Upstream(stage.host, "127.0.0.2", silent=True))
        stage.configure("127.0.0.2")
        stage.names.join(N1, SRV)

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(stage.asker.ask(f"{n}.example")) for n in range(10)]
            ended = asyncio.as_completed(asked)
            assert [await next(ended) for _ in range(6)] == [["SERVFAIL"]] * 6
            assert await stage.asker.ask("srv") == ["10.1.0.2"]
            assert [task.done() for task in asked].count(False) == 4
            for task in asked:
                task.cancel()

        assert len(silent.seen) == len(set(silent.seen)) == 4


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_lost_while_others_come_and_go(stage: Stage) -> None:
    stage.names.join(N1, SRV)
    stop = asyncio.Event()

    async def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            other = holder(f"{number % 100:02d}", f"c{number % 100}", addresses=("10.1.0.99",))
            network = N1 if number % 2 else NetworkId(f"{number % 20:064x}")
            stage.names.join(network, other)
            if number % 3 == 0:
                stage.names.leave(network, other.endpoint)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(churn())
        for _ in range(300):
            assert await stage.asker.ask("srv") == ["10.1.0.2"]
        stop.set()


async def test_a_closed_server_answers_no_more_and_keeps_no_descriptor(stage: Stage) -> None:
    await stage.upstream(Upstream(stage.host, "127.0.0.2", silent=True))
    stage.configure("127.0.0.2")
    stage.names.join(N1, SRV)
    before = descriptors()
    with socket_in(stage.box, socket.AF_INET, socket.SOCK_STREAM) as idle:
        await asyncio.get_running_loop().sock_connect(idle, ("127.0.0.11", 53))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await stage.asker.raw(
                    dns.message.make_query("a.example", "A").to_wire(), timeout=0.05
                )

        await stage.names.close(BOX)
        await stage.names.close(BOX)

    assert descriptors() == before - 2
    with pytest.raises((TimeoutError, ConnectionRefusedError)):
        await stage.asker.raw(dns.message.make_query("srv", "A").to_wire(), timeout=0.2)
    await stage.names.open(BOX, stage.box, View(networks=(N1,)))
    assert await stage.asker.ask("srv", tcp=True) == ["10.1.0.2"]
    assert stage.steps.reached == ["names.open", "names.close", "names.close", "names.open"]


async def test_opening_again_takes_the_place_of_the_former(stage: Stage) -> None:
    stage.names.join(N2, SRV)

    await stage.names.open(BOX, stage.box, View(networks=(N2,)))

    assert await stage.asker.ask("srv") == ["10.1.0.2"]


async def test_a_taken_port_is_told(stage: Stage) -> None:
    await stage.names.close(BOX)
    own = socket_in(stage.box, socket.AF_INET, socket.SOCK_DGRAM)
    stage.exits.callback(own.close)
    own.bind(("0.0.0.0", 35353))

    with pytest.raises(Unavailable, match=r"127\.0\.0\.11 port 35353: Address already in use"):
        await stage.names.open(BOX, stage.box, View())


async def test_an_idle_connection_is_closed(host: Path, box: Path, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with a_stage(host, box, tmp_path, Limits(streams=1, stream_idle=0.1)) as stage:
        with socket_in(box, socket.AF_INET, socket.SOCK_STREAM) as idle:
            await loop.sock_connect(idle, ("127.0.0.11", 53))
            assert await asyncio.wait_for(loop.sock_recv(idle, 1), 5) == b""

        stage.names.join(N1, SRV)
        assert await stage.asker.ask("srv", tcp=True) == ["10.1.0.2"]


async def test_a_surplus_connection_is_closed(host: Path, box: Path, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with a_stage(host, box, tmp_path, Limits(streams=1, stream_idle=FOR_EVER)) as stage:
        stage.names.join(N1, SRV)
        with (
            socket_in(box, socket.AF_INET, socket.SOCK_STREAM) as first,
            socket_in(box, socket.AF_INET, socket.SOCK_STREAM) as second,
        ):
            await loop.sock_connect(first, ("127.0.0.11", 53))
            await loop.sock_connect(second, ("127.0.0.11", 53))

            assert await asyncio.wait_for(loop.sock_recv(second, 1), 5) == b""
            await loop.sock_sendall(first, framed(dns.message.make_query("srv", "A").to_wire()))
            assert bytes((10, 1, 0, 2)) in await asyncio.wait_for(loop.sock_recv(first, 4096), 5)


@pytest.mark.parametrize("gateway", ["10.1.0.1", "fd00::1"])
async def test_the_host_asks_at_the_gateway_and_strangers_get_nothing(
    stage: Stage, gateway: str
) -> None:
    stage.names.join(N1, holder("a", "srv", addresses=("10.1.0.2", "fd00::2")))
    stage.names.join(N2, holder("b", "db", addresses=("10.2.0.2", "fd02::2")))
    for address in ("10.1.0.1/24", "10.1.0.2/32", "10.2.0.2/32", "fd00::1/64", "fd02::2/64"):
        run_in(stage.host, "ip", "address", "add", address, "dev", "lo")
    stranger = "10.2.0.2" if "." in gateway else "fd02::2"
    query = dns.message.make_query("srv", "A").to_wire()

    await stage.names.answer_at(N1, ip_address(gateway))
    await stage.names.answer_at(N1, ip_address(gateway))

    host = Asker(stage.host, server=gateway, source=gateway)
    assert await host.ask("srv") == ["10.1.0.2"]
    assert await host.ask("srv", tcp=True) == ["10.1.0.2"]
    assert await host.ask("2.0.1.10.in-addr.arpa", "PTR") == ["srv."]
    assert await host.ask("db") == ["NXDOMAIN"]
    with pytest.raises(TimeoutError):
        await Asker(stage.host, server=gateway, source=stranger).raw(query, timeout=0.1)
    with pytest.raises((AssertionError, ConnectionResetError)):
        await Asker(stage.host, server=gateway, source=stranger).raw(query, tcp=True)

    await stage.names.stop_at(N1)
    await stage.names.stop_at(N1)
    with pytest.raises(ConnectionRefusedError):
        await host.raw(query)
