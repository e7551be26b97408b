"""Changing a network beside other use cases."""

from __future__ import annotations

import asyncio

import pytest

from fakes.world import World, a_world, network_wish
from seaway.contracts import Launch
from seaway.engine.changing import KEPT as CHANGING
from seaway.model.endpoint import EndpointWish
from seaway.model.network import NetworkChange

MTU = NetworkChange(options=(("com.docker.network.driver.mtu", "1400"),))
QUICK = [f"quick{number}" for number in range(8)]
"""So many that one of them surely comes before the slow one, whatever their ids."""
LABEL = NetworkChange(labels=(("tier", "1"),))


async def starting(world: World, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """A network with sandboxes that run, and one whose start takes until the event is set."""
    await world.recovery.restore()
    await world.networks.create(network_wish("web"))
    await world.networks.create(network_wish("back"))
    await world.program("slow")
    for name in QUICK:
        await world.box(name, ["web"])
    goes_on, create = asyncio.Event(), world.runtime.create

    async def created(launch: Launch) -> int:
        await goes_on.wait()
        return await create(launch)

    monkeypatch.setattr(world.runtime, "create", created)
    world.tasks.create_task(world.sandboxes.start("slow"))
    await settle()
    return goes_on


async def settle() -> None:
    """Let everybody do what can be done now."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_change_that_waits_for_a_start_keeps_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        goes_on = await starting(world, monkeypatch)
        change = world.tasks.create_task(world.updates.update("web", MTU))
        await settle()

        async with asyncio.timeout(1):
            for name in QUICK:
                await world.endpoints.connect("back", name, EndpointWish())

        assert not change.done()
        goes_on.set()
        assert [e.effect.value for e in (await change).effects] == ["changes live"] * 9


async def test_labels_change_beside_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_world() as world:
        goes_on = await starting(world, monkeypatch)
        world.steps.arm(None)

        async with asyncio.timeout(1):
            done = await world.updates.update("web", LABEL)

        assert world.store.network("web").labels == (("tier", "1"),)
        assert [e.effect.value for e in done.effects] == ["keeps"] * 9
        assert not [s for s in world.steps.reached if "keep_fact" in s or "Change" in s]
        goes_on.set()


async def test_a_change_of_links_is_remembered_until_it_is_done() -> None:
    async with a_world() as world:
        await world.recovery.restore()
        web, _ = await world.networks.create(network_wish("web"))
        await world.box("box", ["web"])
        world.steps.arm(None)

        await world.updates.update("web", MTU)

        facts = [s for s in world.steps.reached if s == "store.keep_fact"]
        assert len(facts) == 2
        assert world.store.fact(CHANGING + web.id) is None


async def test_a_plan_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.recovery.restore()
        await world.networks.create(network_wish("web"))
        await world.box("box", ["web"])
        before = world.snapshot()

        await world.updates.plan("web", MTU)

        assert world.snapshot() == before


async def test_an_mtu_that_is_asked_for_no_longer_is_the_hosts_again() -> None:
    async with a_world() as world:
        await world.recovery.restore()
        await world.networks.create(network_wish("web"))
        world.kernel.default_mtu = 9000  # the host's changes meanwhile

        await world.updates.update("web", NetworkChange(internal=True))
        assert world.store.network("web").options.mtu == 1500

        await world.updates.update("web", MTU)
        await world.updates.update("web", NetworkChange(internal=False))
        assert world.store.network("web").options.mtu == 1400

        back = NetworkChange(options=(("com.docker.network.driver.mtu", None),))
        await world.updates.update("web", back)
        assert world.store.network("web").options.mtu == 9000
