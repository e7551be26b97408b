"""After any history of sandboxes, stops, removals, renames, reservations and restarts: who has what.

A model of its own remembers for each name the address that it let go last, and forgets it when
another gets or reserves it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.world import World, a_world, sandbox_wish
from seaway.model.endpoint import Endpoint, EndpointWish
from seaway.model.errors import EngineError, Exhausted
from seaway.model.ids import Address, SandboxName, sandbox_name
from seaway.model.sandbox import Process
from seaway.plan.address_table import Use

NAMES = ("s0", "s1", "s2", "s3", "s4")
SUBNET = "10.77.1.0/29"
FREE = [ip_address(f"10.77.1.{n}") for n in range(2, 7)]
"""All that sandboxes can have."""


@dataclass(frozen=True)
class Step:
    """What is done, with whom and which address; the address is asked for when *asks*."""

    verb: str
    name: str
    other: str
    address: Address
    asks: bool


OFTEN = ("create", "start", "recreate")
SELDOM = ("stop", "remove", "rename", "reserve", "unreserve", "restart")
STEPS = st.builds(
    Step,
    verb=st.sampled_from([*OFTEN, *OFTEN, *SELDOM]),
    name=st.sampled_from(NAMES),
    other=st.sampled_from(NAMES),
    address=st.sampled_from(FREE),
    asks=st.booleans(),
)


@dataclass
class Memory:
    """What each name may expect: the address that it let go last, while nobody else got it."""

    last: dict[str, Address] = field(default_factory=dict[str, Address])

    def let_go(self, name: str, address: Address) -> None:
        """*name* had *address*."""
        self.taken(address)
        self.last[name] = address

    def taken(self, address: Address) -> None:
        """Somebody has *address* now."""
        self.last = {n: a for n, a in self.last.items() if a != address}


def endpoint_of(world: World, name: str) -> Endpoint | None:
    """The endpoint of the sandbox *name* on "web", if both are there."""
    found = [s for s in world.store.sandboxes() if s.name == name]
    ends = world.store.endpoints_of(found[0].id) if found else ()
    return ends[0] if ends else None


def address_of(world: World, name: str) -> Address | None:
    """The address that it has now."""
    end = endpoint_of(world, name)
    return end.place.address(4) if end is not None and end.live and end.place else None


async def create(world: World, step: Step) -> None:
    """A sandbox with a process, not started, which asks for an address or not."""
    wish = EndpointWish(addresses=(step.address,) if step.asks else ())
    process = Process(args=("sleep",))
    await world.sandboxes.create(sandbox_wish(step.name, ["web"], wish=wish, process=process))


async def carry_out(world: World, step: Step) -> None:
    """Carry out *step*; raises EngineError."""
    match step.verb:
        case "create":
            await create(world, step)
        case "start":
            await world.sandboxes.start(step.name)
        case "stop":
            await world.sandboxes.stop(step.name, timeout=0)
        case "remove":
            await world.sandboxes.remove(step.name, force=True)
        case "rename":
            await world.sandboxes.rename(step.name, sandbox_name(step.other))
        case "reserve":
            await world.addresses.reserve("web", step.address, SandboxName(step.other))
        case "unreserve":
            await world.addresses.unreserve("web", step.address)
        case _:
            await world.die()
            world.join()
            await world.recovery.restore()


def reserved(world: World) -> dict[Address, str]:
    """For whom each address is reserved."""
    return {r.address: str(r.name) for r in world.store.network("web").reservations}


def kept(world: World) -> dict[Address, str]:
    """For whom each address is kept that somebody asked for who does not run."""
    uses = world.addresses.of_network("web")
    return {u.address: u.holder for u in uses if u.use is Use.KEPT}


async def started(world: World, step: Step, memory: Memory) -> None:
    """Start it; check that it got what it may expect, and nothing that is another's."""
    end = endpoint_of(world, step.name)
    before = {n: a for n in NAMES if (a := address_of(world, n)) is not None}
    others = {a for a, n in (reserved(world) | kept(world)).items() if n != step.name}
    others |= {a for n, a in before.items() if n != step.name}
    own = [a for a, n in reserved(world).items() if n == step.name and a not in others]
    expected = next(iter([*own, memory.last.get(step.name)]), None)
    asked = end.wish.addresses[0] if end is not None and end.wish.addresses else None
    try:
        await world.sandboxes.start(step.name)
    except Exhausted:
        assert set(FREE) <= others
        return
    except EngineError:
        assert end is None or end.live or (asked is not None and asked in others)
        return
    got = address_of(world, step.name)
    assert got is not None
    assert got not in others
    if asked is not None:
        assert got == asked
    elif expected is not None and expected not in others:
        assert got == expected
    memory.taken(got)


async def noted(world: World, step: Step, memory: Memory) -> None:
    """Carry out what is no start, and let the model follow."""
    before = {n: a for n in NAMES if (a := address_of(world, n)) is not None}
    end = endpoint_of(world, step.name)
    try:
        await carry_out(world, step)
    except EngineError:
        return
    for name, address in before.items():
        if step.verb in {"stop", "remove"} and address_of(world, name) is None:
            memory.let_go(name, address)
    if step.verb == "rename" and end is not None and not end.live and end.place is not None:
        last = end.place.address(4)
        if last is not None and memory.last.get(step.name) == last:
            del memory.last[step.name]
            memory.last[step.other] = last


def parts(step: Step) -> list[Step]:
    """*step* in steps that the model knows; a container that is made anew asks for nothing."""
    if step.verb != "recreate":
        return [step]
    return [replace(step, verb=verb, asks=False) for verb in ("remove", "create", "start")]


@given(history=st.lists(STEPS, min_size=10, max_size=40))
@settings(max_examples=150, deadline=None)
def test_nobody_gets_what_is_anothers_and_a_name_gets_its_own_back(history: list[Step]) -> None:
    async def live() -> None:
        async with a_world() as world:
            await world.recovery.restore()
            await world.network("web", [SUBNET])
            memory = Memory()
            for step in history:
                for each in parts(step):
                    await (started if each.verb == "start" else noted)(world, each, memory)

                live = [a for n in NAMES if (a := address_of(world, n)) is not None]
                assert len(live) == len(set(live))

    asyncio.run(live())
