"""Networks that only keep a configuration, and networks made from them."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from fakes.world import World, a_world, network_wish, sandbox_wish
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import EngineError, Forbidden, InUse, InvalidRequest, NotFound
from seaway.model.network import Network, NetworkChange, NetworkConfig, NetworkWish, SubnetWish
from seaway.plan.network_change import refuse_change

MTU = ("com.docker.network.driver.mtu", "1400")
SUBNETS = (
    SubnetWish(prefix=ip_network("10.9.0.0/24"), gateway=ip_address("10.9.0.9")),
    SubnetWish(prefix=ip_network("fd09::/64")),
)


async def a_configuration(world: World, name: str = "settings") -> Network:
    made, warnings = await world.networks.create(
        NetworkWish(
            name=network_wish(name).name,
            ipv6=True,
            subnets=SUBNETS,
            labels=(("tier", "1"),),
            options=(MTU,),
            ipam_options=(("k", "v"),),
            config_only=True,
        )
    )
    assert warnings == ()
    return made


async def test_a_configuration_is_kept_as_given_and_makes_nothing_in_linux() -> None:
    async with a_world() as world:
        before = world.kernel.links.copy(), set(world.kernel.elements)

        kept = await a_configuration(world)

        assert kept.config == NetworkConfig(ipv4=True, ipv6=True, subnets=SUBNETS)
        assert (kept.driver, kept.subnets, kept.asked_options) == ("null", (), (MTU,))
        assert (world.kernel.links, set(world.kernel.elements)) == before
        assert world.kernel.operations == []


async def test_a_network_has_all_that_its_configuration_keeps() -> None:
    async with a_world() as world:
        kept = await a_configuration(world)

        made = await world.network("office", internal=True, config_from="settings")

        assert [str(s.prefix) for s in made.subnets] == ["10.9.0.0/24", "fd09::/64"]
        assert [str(s.gateway) for s in made.subnets] == ["10.9.0.9", "fd09::1"]
        assert (made.driver, made.options.mtu) == ("bridge", 1400)
        assert (made.labels, made.asked_options, made.ipam_options) == (
            (("tier", "1"),),
            (MTU,),
            (("k", "v"),),
        )
        assert (made.internal, made.config, made.config_from) == (True, None, kept.id)


async def test_a_configuration_stays_while_a_network_is_made_from_it() -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("office", config_from="settings")

        with pytest.raises(InUse) as refused:
            await world.networks.remove("settings")
        await world.networks.remove("office")
        await world.networks.remove("settings")

        assert str(refused.value) == (
            'error while removing network: configuration network "settings" is in use'
        )
        assert list(world.store.networks()) == []


async def test_prune_keeps_configurations() -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("office", config_from="settings")

        assert await world.networks.prune() == ("office",)
        assert [n.name for n in world.store.networks()] == ["settings"]


async def test_purge_takes_configurations_after_what_was_made_from_them() -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("office", config_from="settings")

        done = await world.purge.everything()

        assert done[:2] == ("removed network office", "removed network settings")


@pytest.mark.parametrize(
    ("wish", "kind", "sentence"),
    [
        (
            {"internal": True, "config_only": True},
            Forbidden,
            (
                "configuration network n cannot be internal or attachable: "
                "say that of the networks made from it"
            ),
        ),
        (
            {"config_only": True, "config_from": "settings"},
            Forbidden,
            "a configuration network cannot depend on another configuration network",
        ),
        (
            {"ipv6": True, "labels": (("a", "b"),), "options": (MTU,), "config_from": "settings"},
            Forbidden,
            (
                "network n is made from configuration network settings, which alone says these: "
                "leave out IPv6, labels, driver options"
            ),
        ),
        ({"config_from": "nosuch"}, NotFound, 'configuration network "nosuch" not found'),
        (
            {"config_from": "plain"},
            NotFound,
            (
                'configuration network "plain" not found; network plain keeps no configuration '
                "(--config-only)"
            ),
        ),
        (
            {
                "subnets": (SubnetWish(gateway=ip_address("10.9.0.1")),),
                "config_only": True,
            },
            InvalidRequest,
            (
                "invalid network config:\na gateway, ip-range or auxiliary address comes with the "
                "subnet that contains it"
            ),
        ),
    ],
)
async def test_what_cannot_be_together_is_refused_and_changes_nothing(
    wish: dict[str, object], kind: type[EngineError], sentence: str
) -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("plain")
        before = world.snapshot()

        with pytest.raises(kind) as refused:
            await world.networks.create(
                NetworkWish(name=network_wish("n").name, **wish)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            )

        assert (str(refused.value), world.snapshot()) == (sentence, before)


async def test_nobody_is_connected_to_a_configuration() -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("web")
        await world.box("box")

        with pytest.raises(Forbidden, match="it is a configuration network; make a network from"):
            await world.endpoints.connect("settings", "box", EndpointWish())
        with pytest.raises(Forbidden, match="it is a configuration network; make a network from"):
            await world.sandboxes.create(sandbox_wish("more", ("settings",)))


async def test_two_networks_from_one_configuration_with_a_subnet_overlap() -> None:
    async with a_world() as world:
        await a_configuration(world)
        await world.network("office", config_from="settings")

        with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
            await world.network("again", config_from="settings")


@pytest.mark.parametrize(
    "change", [{"internal": True}, {"options": (MTU,)}, {"add_subnets": SUBNETS}]
)
async def test_of_a_configuration_only_name_and_labels_change(change: dict[str, object]) -> None:
    async with a_world() as world:
        kept = await a_configuration(world)

        refuse_change(kept, NetworkChange(name=network_wish("new").name, labels=(("a", "b"),)))
        with pytest.raises(Forbidden, match="only keeps a configuration, of which nothing but"):
            refuse_change(kept, NetworkChange(**change))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_configuration_that_goes_while_a_network_is_made_from_it_is_kept_or_not_there() -> (
    None
):
    for first in ("make", "remove"):
        async with a_world() as world:
            await a_configuration(world)
            making = world.network("office", config_from="settings")
            removing = world.networks.remove("settings")
            order = (making, removing) if first == "make" else (removing, making)

            results = await asyncio.gather(*order, return_exceptions=True)

            there = {n.name for n in world.store.networks()}
            assert there in ({"settings", "office"}, set())
            assert sum(isinstance(r, InUse | NotFound) for r in results) == 1
