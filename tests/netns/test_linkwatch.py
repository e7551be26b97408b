"""Links of the host that come and go are noticed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from netns.kernel_stage import Stage, bridge
from seaway.kernel.linkwatch import LinkWatch
from seaway.model.ids import IfName
from seaway.model.observed import LinkNews
from seaway.plan.operations import DeleteLink


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host with a kernel."""
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


async def test_links_that_come_and_go_are_told(stage: Stage) -> None:
    news: list[LinkNews] = []
    await stage.kernel.watch_links(news.append)

    await stage.kernel.apply([bridge()])
    await stage.kernel.apply([DeleteLink(name=IfName("sw-web"))])
    for _ in range(200):
        if any("sw-web" in each.went for each in news):
            break
        await asyncio.sleep(0.01)

    assert {name for each in news for name in each.came} >= {"sw-web"}
    assert {name for each in news for name in each.went} == {"sw-web"}


async def test_a_link_that_changes_its_name_went_and_came(stage: Stage) -> None:
    news: list[LinkNews] = []
    await stage.kernel.apply([bridge()])
    await stage.kernel.watch_links(news.append)

    stage.run("ip", "link", "set", "sw-web", "down")
    stage.run("ip", "link", "set", "sw-web", "mtu", "1300")
    stage.run("ip", "link", "set", "sw-web", "name", "other")
    for _ in range(200):
        if news:
            break
        await asyncio.sleep(0.01)

    assert news == [LinkNews(came=frozenset({IfName("other")}), went=frozenset({IfName("sw-web")}))]


async def test_a_port_that_leaves_its_bridge_went_and_came(stage: Stage) -> None:
    news: list[LinkNews] = []
    await stage.kernel.apply([bridge()])
    stage.run(
        "ip", "link", "add", "port", "master", "sw-web", "type", "veth", "peer", "name", "far"
    )
    await stage.kernel.watch_links(news.append)

    stage.run("ip", "link", "set", "port", "nomaster")
    for _ in range(200):
        if any("port" in each.came for each in news):
            break
        await asyncio.sleep(0.01)

    assert {name for each in news for name in each.went} == {"port"}
    assert {name for each in news for name in each.came} == {"port"}


async def test_a_link_that_gets_carrier_is_told_once_each_time(stage: Stage) -> None:
    news: list[LinkNews] = []
    stage.run("ip", "link", "add", "near", "up", "type", "veth", "peer", "name", "far")
    await stage.kernel.watch_links(news.append)

    def carrying() -> list[str]:
        return [name for each in news for name in each.carrying if name == "near"]

    for times in (1, 2):
        stage.run("ip", "link", "set", "far", "up")
        stage.run("ip", "link", "set", "near", "mtu", "1400")
        for _ in range(300):
            if len(carrying()) == times:
                break
            await asyncio.sleep(0.01)
        assert carrying() == ["near"] * times
        stage.run("ip", "link", "set", "far", "down")
        for _ in range(300):  # Linux tells once a second
            if "state UP" not in stage.run("ip", "link", "show", "near"):
                break
            await asyncio.sleep(0.01)
    assert not any(each.came or each.went for each in news)


async def test_where_news_was_lost_all_that_there_was_and_is_came_and_went(stage: Stage) -> None:
    watch = stage.inside(LinkWatch)
    with socket.socket(fileno=os.dup(watch.fileno())) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for number in range(8):
        stage.run(
            "ip", "link", "add", f"near{number}", "type", "veth", "peer", "name", f"far{number}"
        )
    stage.run("ip", "link", "delete", "near7")

    news = watch.news()
    stage.run("ip", "link", "set", "near1", "name", "other")
    later = watch.news()
    watch.close()

    assert news.came >= {"near0", "near1", "near6"}
    assert news.came == news.went
    assert (later.came, later.went) == (frozenset({"other"}), frozenset({"near1"}))
