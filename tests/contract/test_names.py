"""What everything that answers names does, the fake and the name servers alike: by asking."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest

from fakes.parts import CountedSteps, FakeNames
from netns.names_stage import REDIRECT, Asker, Sockets, a_netns, run_in
from seaway.contracts import Kernel, Names
from seaway.dns.names import NameServers
from seaway.model.errors import Unavailable
from seaway.model.ids import EndpointId, NetworkId, SandboxId
from seaway.plan.zone import Holder, View

WEB, DB = NetworkId("1" * 64), NetworkId("2" * 64)
A, B = SandboxId("a" * 64), SandboxId("b" * 64)
GATEWAY, OTHER_GATEWAY = ip_address("10.1.0.1"), ip_address("10.1.0.254")
STRANGER = "10.9.0.9"
ON_WEB = View(networks=(WEB,), forwards=False)
ON_BOTH = View(networks=(WEB, DB), forwards=False)
UNKNOWN = ["NXDOMAIN"]

Answer = list[str] | None
"""Addresses, sorted; the name of an error; None from nobody."""


def holder(end: str, address: str, *names: str) -> Holder:
    """An endpoint of those names."""
    return Holder(
        endpoint=EndpointId(end * 64), name=names[0], names=names, addresses=(ip_address(address),)
    )


SRV, MATE = holder("a", "10.1.0.2", "srv", "www"), holder("b", "10.1.0.3", "mate", "www")


@dataclass(frozen=True)
class Subject:
    """What is tested, and how it is asked."""

    names: Names
    steps: CountedSteps
    netns: dict[SandboxId, Path]
    ask: Callable[[SandboxId, str], Awaitable[Answer]]
    """For a name, from inside a sandbox."""
    ask_at: Callable[[str, str, str], Awaitable[Answer]]
    """At an address of the host, from another, for a name."""

    async def open(self, sandbox: SandboxId, view: View = ON_WEB) -> None:
        """Answer *sandbox* in the namespace that is its own here."""
        await self.names.open(sandbox, self.netns[sandbox], view)


@pytest.fixture(params=["fake", "servers"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Networks of two names; nobody is on them, and nobody is answered."""
    if request.param == "servers" and os.geteuid() != 0:
        pytest.skip("namespaces need root")
    async with (_servers if request.param == "servers" else _fake)(tmp_path) as found:
        found.names.name_network(WEB, "web")
        found.names.name_network(DB, "db")
        yield found


@asynccontextmanager
async def _fake(_: Path) -> AsyncGenerator[Subject]:
    steps = CountedSteps()
    names = FakeNames(steps)

    async def ask(sandbox: SandboxId, name: str) -> Answer:
        return names.ask(sandbox, name)

    async def ask_at(gateway: str, source: str, name: str) -> Answer:
        return names.ask_at(ip_address(gateway), ip_address(source), name)

    yield Subject(names, steps, {A: Path("/run/a"), B: Path("/run/b")}, ask, ask_at)


@asynccontextmanager
async def _servers(directory: Path) -> AsyncGenerator[Subject]:
    steps = CountedSteps()
    resolv_conf = directory / "resolv.conf"
    resolv_conf.write_text("")
    with ExitStack() as namespaces:
        host, *boxes = (namespaces.enter_context(a_netns()) for _ in range(3))
        for address in (str(GATEWAY), str(OTHER_GATEWAY), "10.1.0.2", STRANGER):
            run_in(host, "ip", "address", "add", address, "dev", "lo")
        for box in boxes:
            run_in(box, "nft", "-f", "-", text=REDIRECT)
        netns = dict(zip((A, B), boxes, strict=True))
        kernel = cast("Kernel", Sockets(host))  # name servers open sockets only

        async def ask(sandbox: SandboxId, name: str) -> Answer:
            return await answered(Asker(netns[sandbox]), name)

        async def ask_at(gateway: str, source: str, name: str) -> Answer:
            return await answered(Asker(host, server=gateway, source=source), name)

        async with NameServers(kernel, steps, resolv_conf=resolv_conf) as names:
            yield Subject(names, steps, netns, ask, ask_at)


async def answered(asker: Asker, name: str) -> Answer:
    """What *asker* is told, by UDP and by TCP alike."""
    try:
        answer = await asker.ask(name, tcp=True)
    except (ConnectionError, AssertionError):  # nobody listens, or hangs up without a word
        return None
    assert await asker.ask(name) == answer
    return answer


# Who has which name


async def test_names_lead_to_their_holders_on_the_asker_s_networks(subject: Subject) -> None:
    subject.names.join(WEB, SRV)
    subject.names.join(DB, MATE)
    await subject.open(A)
    await subject.open(B, ON_BOTH)

    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    assert await subject.ask(A, "WWW.web") == ["10.1.0.2"]
    assert await subject.ask(A, "mate") == UNKNOWN
    assert await subject.ask(A, "mate.db") == UNKNOWN
    assert await subject.ask(B, "mate.db") == ["10.1.0.3"]
    assert await subject.ask(B, "www") == ["10.1.0.2", "10.1.0.3"]


async def test_a_holder_that_joins_again_has_its_new_names_alone(subject: Subject) -> None:
    await subject.open(A)
    subject.names.join(WEB, SRV)
    subject.names.join(WEB, MATE)

    subject.names.join(WEB, replace(SRV, names=("crate",)))

    assert await subject.ask(A, "crate") == ["10.1.0.2"]
    assert await subject.ask(A, "srv") == UNKNOWN
    assert await subject.ask(A, "www") == ["10.1.0.3"]


async def test_a_holder_that_leaves_has_no_name_there(subject: Subject) -> None:
    await subject.open(A, ON_BOTH)
    subject.names.join(WEB, SRV)
    subject.names.join(WEB, MATE)
    subject.names.join(DB, SRV)

    subject.names.leave(WEB, SRV.endpoint)
    subject.names.leave(WEB, SRV.endpoint)

    assert await subject.ask(A, "srv.web") == UNKNOWN
    assert await subject.ask(A, "srv.db") == ["10.1.0.2"]
    assert await subject.ask(A, "www.web") == ["10.1.0.3"]


async def test_a_network_that_is_forgotten_has_neither_names_nor_its_own(subject: Subject) -> None:
    await subject.open(A)
    subject.names.join(WEB, SRV)

    subject.names.forget_network(WEB)
    subject.names.forget_network(WEB)
    gone = await subject.ask(A, "srv")
    subject.names.join(WEB, SRV)

    assert gone == UNKNOWN
    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    assert await subject.ask(A, "srv.web") == UNKNOWN


async def test_a_network_has_the_last_of_its_names(subject: Subject) -> None:
    await subject.open(A)
    subject.names.join(WEB, SRV)

    subject.names.name_network(WEB, "Front")

    assert await subject.ask(A, "srv.front") == ["10.1.0.2"]
    assert await subject.ask(A, "srv.web") == UNKNOWN


# Who is answered


async def test_nobody_is_answered_who_is_not_open(subject: Subject) -> None:
    subject.names.join(WEB, SRV)

    subject.names.show(A, ON_BOTH)
    never = await subject.ask(A, "srv")
    await subject.open(A)
    opened = await subject.ask(A, "srv")
    await subject.names.close(A)
    await subject.names.close(A)

    assert (never, opened) == (None, ["10.1.0.2"])
    assert await subject.ask(A, "srv") is None


async def test_a_view_is_changed_for_one_sandbox(subject: Subject) -> None:
    subject.names.join(DB, SRV)
    await subject.open(A)
    await subject.open(B)

    subject.names.show(A, ON_BOTH)

    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    assert await subject.ask(B, "srv") == UNKNOWN


async def test_one_that_is_opened_again_has_its_new_view(subject: Subject) -> None:
    subject.names.join(DB, SRV)
    await subject.open(A)

    await subject.open(A, ON_BOTH)

    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    await subject.names.close(A)
    assert await subject.ask(A, "srv") is None


async def test_two_sandboxes_are_not_answered_in_one_namespace(subject: Subject) -> None:
    subject.names.join(WEB, SRV)
    await subject.open(A)

    with pytest.raises(Unavailable, match=r"^no names can be answered in .*already in use$"):
        await subject.names.open(B, subject.netns[A], ON_BOTH)

    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    await subject.names.close(A)
    await subject.names.open(B, subject.netns[A], ON_WEB)


# At gateways


async def test_the_host_and_holders_are_answered_at_a_gateway(subject: Subject) -> None:
    subject.names.join(WEB, SRV)
    subject.names.join(DB, MATE)

    await subject.names.answer_at(WEB, GATEWAY)
    await subject.names.answer_at(WEB, GATEWAY)

    for source in (str(GATEWAY), "10.1.0.2"):
        assert await subject.ask_at(str(GATEWAY), source, "www.web") == ["10.1.0.2"]
        assert await subject.ask_at(str(GATEWAY), source, "mate") == UNKNOWN
    assert await subject.ask_at(str(GATEWAY), STRANGER, "srv") is None
    assert await subject.ask_at(str(OTHER_GATEWAY), str(OTHER_GATEWAY), "srv") is None


async def test_a_network_is_answered_at_none_of_its_gateways_any_more(subject: Subject) -> None:
    subject.names.join(DB, MATE)
    for network, gateway in ((WEB, GATEWAY), (DB, OTHER_GATEWAY)):
        await subject.names.answer_at(network, gateway)

    await subject.names.stop_at(WEB)
    await subject.names.stop_at(WEB)

    assert await subject.ask_at(str(GATEWAY), str(GATEWAY), "srv") is None
    assert await subject.ask_at(str(OTHER_GATEWAY), str(OTHER_GATEWAY), "mate") == ["10.1.0.3"]


async def test_two_networks_are_not_answered_at_one_gateway(subject: Subject) -> None:
    await subject.names.answer_at(WEB, GATEWAY)

    with pytest.raises(Unavailable, match=r"^no names can be answered in the host at "):
        await subject.names.answer_at(DB, GATEWAY)

    await subject.names.stop_at(WEB)
    await subject.names.answer_at(DB, GATEWAY)


# The rest


async def test_a_host_without_servers_has_none(subject: Subject) -> None:
    assert (subject.names.host_servers(), subject.names.host_search()) == ((), ())


async def test_each_effect_is_a_step_that_changes_nothing_when_it_fails(subject: Subject) -> None:
    subject.names.join(WEB, SRV)
    await subject.open(A)
    await subject.names.answer_at(WEB, GATEWAY)
    effects: list[Callable[[], Awaitable[None]]] = [
        lambda: subject.open(A, View()),
        lambda: subject.names.close(A),
        lambda: subject.names.answer_at(WEB, OTHER_GATEWAY),
        lambda: subject.names.stop_at(WEB),
    ]

    reached: list[str] = []
    for effect in effects:
        subject.steps.arm(0)
        with pytest.raises(Unavailable):
            await effect()
        reached += subject.steps.reached
    subject.steps.arm(None)

    assert reached == ["names.open", "names.close", "names.answer_at", "names.stop_at"]
    assert await subject.ask(A, "srv") == ["10.1.0.2"]
    assert await subject.ask_at(str(GATEWAY), str(GATEWAY), "srv") == ["10.1.0.2"]
    assert await subject.ask_at(str(OTHER_GATEWAY), str(OTHER_GATEWAY), "srv") is None
