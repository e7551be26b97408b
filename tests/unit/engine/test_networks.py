"""Networks: one of each name, all or nothing, and the sentences of refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_network

import pytest

from fakes.world import a_world, network_wish
from seaway.engine.network_names import NetworkNames
from seaway.model.errors import Conflict, EngineError, Forbidden, InUse, NotFound
from seaway.plan.operations import AddBridge, ChangeElements, DeleteLink, Operation


async def test_a_created_network_has_a_bridge_rules_and_a_name() -> None:
    async with a_world() as world:
        network, warnings = await world.networks.create(network_wish("web"))

        assert warnings == ()
        assert str(network.subnets[0].prefix) == "10.77.0.0/24"
        assert str(network.subnets[0].gateway) == "10.77.0.1"
        assert f"sw-{network.id[:12]}" in world.kernel.links
        assert {e.set for e in world.kernel.elements} == {"bridges", "icc", "masq4"}
        assert world.names.networks == {network.id: "web"}
        assert [type(o) for o in world.kernel.operations] == [ChangeElements, AddBridge]


async def test_a_removed_network_leaves_nothing_behind() -> None:
    async with a_world() as world:
        before = world.snapshot()
        network = await world.network("web")

        await world.networks.remove("web")

        assert world.snapshot() == before
        assert network.options.bridge is not None
        assert DeleteLink(name=network.options.bridge) in world.kernel.operations


async def test_of_20_creations_of_one_name_at_once_one_succeeds() -> None:
    async with a_world() as world:
        results = await asyncio.gather(
            *(world.networks.create(network_wish("same")) for _ in range(20)),
            return_exceptions=True,
        )

        refusals = [r for r in results if isinstance(r, Conflict)]
        assert len(refusals) == 19
        assert str(refusals[0]) == "network with name same already exists"
        assert [n.name for n in world.store.networks()] == ["same"]
        assert len([name for name in world.kernel.links if name.startswith("sw-")]) == 1


async def test_networks_made_at_once_get_subnets_of_their_own() -> None:
    async with a_world() as world:
        await asyncio.gather(*(world.network(f"n{n}") for n in range(20)))

        prefixes = {n.subnets[0].prefix for n in world.store.networks()}
        assert len(prefixes) == 20


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default"])
async def test_a_predefined_name_is_refused_in_dockers_words(name: str) -> None:
    async with a_world() as world:
        with pytest.raises(Forbidden) as refusal:
            await world.networks.create(network_wish(name))

        assert str(refusal.value) == f"operation is not permitted on predefined {name} network "


@pytest.mark.parametrize("driver", ["host", "null"])
async def test_a_second_host_or_null_network_is_refused(driver: str) -> None:
    async with a_world() as world:
        with pytest.raises(Forbidden) as refusal:
            await world.networks.create(network_wish("mine", driver=driver))

        assert str(refusal.value) == f'only one instance of "{driver}" network is allowed'


async def test_an_unknown_driver_is_told_with_those_there_are() -> None:
    async with a_world() as world:
        with pytest.raises(NotFound) as refusal:
            await world.networks.create(network_wish("web", driver="nosuch"))

        assert (
            str(refusal.value)
            == 'plugin "nosuch" not found; drivers are bridge, host, ipvlan, macvlan, null'
        )


async def test_an_overlapping_subnet_is_refused_with_the_networks_name() -> None:
    async with a_world() as world:
        await world.network("web", ["10.9.0.0/24"])

        with pytest.raises(Forbidden) as refusal:
            await world.network("other", ["10.9.0.128/25"])

        assert str(refusal.value) == (
            "invalid pool request: Pool overlaps with other one on this address space: "
            "10.9.0.128/25 overlaps 10.9.0.0/24 of network web"
        )


async def test_a_network_in_use_is_not_removed() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box")
        (endpoint,) = world.store.endpoints_of(box.id)

        with pytest.raises(InUse) as refusal:
            await world.networks.remove("web")

        assert str(refusal.value) == (
            "error while removing network: network web has active endpoints "
            f'(name:"box" id:"{endpoint.id[:12]}")'
        )


async def test_a_network_that_only_stopped_sandboxes_want_can_be_removed() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")

        await world.networks.remove("web")

        assert list(world.store.networks()) == []


async def test_predefined_networks_are_made_once_and_cannot_be_removed() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        await world.networks.create_predefined()

        assert [n.name for n in world.store.networks()] == ["bridge", "host", "none"]
        assert "seaway0" in world.kernel.links
        with pytest.raises(Forbidden) as refusal:
            await world.networks.remove("bridge")
        assert str(refusal.value) == "bridge is a pre-defined network and cannot be removed"


async def test_prune_takes_unused_networks_and_keeps_those_of_stopped_sandboxes() -> None:
    async with a_world() as world:
        for name in ("idle", "wanted", "web"):
            await world.network(name)
        await world.network("labelled", labels=(("keep", "no"),))
        await world.program("app", ["wanted"])
        await world.box("box", ["web"])

        assert await world.networks.prune(lambda n: bool(n.labels)) == ("labelled",)
        assert await world.networks.prune() == ("idle",)
        assert {n.name for n in world.store.networks()} == {"wanted", "web"}


async def test_prune_passes_over_what_somebody_else_takes_away_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        for name in ("one", "two", "three"):
            await world.network(name)
        remove = world.kernel.remove

        async def remove_late(operations: Iterable[Operation]) -> None:
            await asyncio.sleep(0.001)
            await remove(tuple(operations))

        monkeypatch.setattr(world.kernel, "remove", remove_late)

        pruned, _, _ = await asyncio.gather(
            world.networks.prune(), world.networks.remove("two"), world.networks.remove("three")
        )

        assert pruned == ("one",)
        assert list(world.store.networks()) == []


async def test_a_network_is_not_removed_while_its_names_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    begun = asyncio.Event()

    async def begin(*_: object) -> None:
        begun.set()
        await asyncio.sleep(0.01)
        seen.append("begun")

    async def end(*_: object) -> None:
        seen.append("ended")

    monkeypatch.setattr(NetworkNames, "begin", begin)
    monkeypatch.setattr(NetworkNames, "end", end)
    async with a_world() as world, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(world.networks.create(network_wish("web")))
        await begun.wait()
        tasks.create_task(world.networks.remove("web"))

    assert seen == ["begun", "ended"]


async def test_every_failure_of_a_creation_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.network("counted")
        count = len(world.steps.reached)
        await world.networks.remove("counted")
        before = world.snapshot()

        for number in range(count):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.network("web")

            assert world.snapshot() == before, world.steps.reached[number]

        world.steps.arm(None)
        await world.network("web")


async def test_a_removal_that_failed_at_any_step_can_be_repeated() -> None:
    async with a_world() as world:
        await world.network("web")
        world.steps.arm(None)
        await world.networks.remove("web")
        empty, count = world.snapshot(), len(world.steps.reached)

        for number in range(count):
            await world.network("web")
            world.steps.arm(number)
            with pytest.raises((EngineError, ExceptionGroup)):
                await world.networks.remove("web")
            world.steps.arm(None)
            await world.networks.remove("web")

            assert world.snapshot() == empty


async def test_a_subnet_passed_over_for_a_route_is_told_in_a_warning() -> None:
    async with a_world() as world:
        world.kernel.routes = (ip_network("10.77.0.0/24"),)

        network, warnings = await world.networks.create(network_wish("web"))

        assert str(network.subnets[0].prefix) == "10.77.1.0/24"
        assert warnings == ("10.77.1.0/24 was chosen since the host routes 10.77.0.0/24 already",)
