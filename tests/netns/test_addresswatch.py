"""Addresses that router advertisements give are noticed, and told from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_interface
from pathlib import Path

import pytest

from netns.kernel_stage import Stage
from seaway.model.ids import IfName, Interface
from seaway.plan.operations import CreateNetns

GIVEN = "2001:db8::5/64"


class Box:
    """A namespace with eth0, whose addresses are watched."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._netns = stage, stage.netns("box")
        self.told = 0

    async def watch(self) -> None:
        """Begin to count what is told."""
        await self._stage.kernel.apply([CreateNetns(path=self._netns)])
        self._run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
        for name in ("eth0", "far"):
            self._run("ip", "link", "set", name, "addrgenmode", "none", "up")
        await self._stage.kernel.watch_addresses(self._netns, self._tell)

    def unwatch(self) -> None:
        """Count no more."""
        self._stage.kernel.stop_watching(self._netns)

    def address(self, verb: str, *words: str) -> None:
        """Do what an advertisement does by ``mngtmpaddr``, or somebody without it."""
        self._run("ip", "-6", "address", verb, *words, "dev", "eth0")

    async def autoconfigured(self) -> tuple[Interface, ...]:
        """What is read to be of routers."""
        return (await self._stage.kernel.links_inside(self._netns))[IfName("eth0")].autoconfigured

    def _tell(self) -> None:
        self.told += 1

    def _run(self, *argv: str) -> None:
        self._stage.run(*argv, netns=self._netns)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """A box on a host with a kernel."""
    stage = Stage(tmp_path)
    box = Box(stage)
    await box.watch()
    yield box
    await stage.close()


async def soon(holds: Callable[[], bool]) -> bool:
    """Whether *holds* becomes true within two seconds."""
    for _ in range(200):
        if holds():
            return True
        await asyncio.sleep(0.01)
    return False


async def test_an_address_of_a_router_is_told_and_so_is_its_end(box: Box) -> None:
    box.address("add", GIVEN, "mngtmpaddr", "nodad")
    assert await soon(lambda: box.told == 1)
    assert await box.autoconfigured() == (ip_interface(GIVEN),)
    box.address("delete", GIVEN)

    assert await soon(lambda: box.told == 2)
    assert await box.autoconfigured() == ()


async def test_what_a_router_says_again_is_no_news(box: Box) -> None:
    box.address("add", GIVEN, "mngtmpaddr", "nodad", "valid_lft", "90", "preferred_lft", "90")
    assert await soon(lambda: box.told == 1)

    box.address("change", GIVEN, "mngtmpaddr", "valid_lft", "100", "preferred_lft", "100")
    box.address("change", GIVEN, "mngtmpaddr", "valid_lft", "100", "preferred_lft", "0")

    assert await soon(lambda: box.told == 2)  # it is deprecated now: that is news
    assert await box.autoconfigured() == ()


async def test_an_address_that_somebody_gave_by_hand_is_no_routers(box: Box) -> None:
    box.address("add", "2001:db8::6/64", "nodad")

    assert await soon(lambda: box.told > 0)
    assert await box.autoconfigured() == ()


async def test_nobody_is_told_after_the_end(box: Box) -> None:
    box.unwatch()
    box.unwatch()

    box.address("add", GIVEN, "mngtmpaddr", "nodad")
    await asyncio.sleep(0.05)

    assert box.told == 0
