"""What a user is told of the state of things: that ports do not answer on ``[::1]``."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from fakes.world import World, a_world, tcp

HIDDEN = (
    "published ports do not answer on [::1] while net.bridge.bridge-nf-call-ip6tables is 1; "
    "every other address of the host works"
)


async def told(world: World, host: str | None = None) -> tuple[list[str], list[str]]:
    """What is said when "box" publishes a port on *host*, and what from then on."""
    port = replace(tcp(8080, 80), host=ip_address(host) if host else None)
    sandbox, done = await world.ports.publish("box", [port])
    checkup = world.engine.checkup
    return list(await checkup.of_publish(sandbox, done)), list(await checkup.warnings())


@pytest.mark.parametrize("host", [None, "::", "::1"])
async def test_a_port_that_bridge_netfilter_keeps_from_loopback_is_told_of(
    host: str | None,
) -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/24", "fd77:1::/64"])
        await world.box("box")
        world.kernel.sysctls["net/bridge/bridge-nf-call-ip6tables"] = "1"

        assert await told(world, host) == ([HIDDEN], [HIDDEN])


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "2001:db8::1"])
async def test_a_port_that_is_not_on_loopback_of_ipv6_misses_nothing(host: str) -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/24", "fd77:1::/64"])
        await world.box("box")
        world.kernel.sysctls["net/bridge/bridge-nf-call-ip6tables"] = "1"

        assert await told(world, host) == ([], [])


@pytest.mark.parametrize("value", [None, "0"])
async def test_without_bridge_netfilter_loopback_of_ipv6_answers(value: str | None) -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/24", "fd77:1::/64"])
        await world.box("box")
        if value is not None:
            world.kernel.sysctls["net/bridge/bridge-nf-call-ip6tables"] = value

        assert await told(world) == ([], [])


async def test_a_sandbox_without_ipv6_never_answered_there() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")
        world.kernel.sysctls["net/bridge/bridge-nf-call-ip6tables"] = "1"

        assert await told(world) == ([], [])


async def test_that_a_setting_cannot_be_read_undoes_no_publish(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/24", "fd77:1::/64"])
        await world.box("box")
        sandbox, done = await world.ports.publish("box", [tcp(8080, 80)])
        world.steps.arm(0)

        assert list(await world.engine.checkup.of_publish(sandbox, done)) == []
        assert world.steps.reached == ["kernel.ReadSysctl"]
    assert "a setting could not be read" in caplog.text
