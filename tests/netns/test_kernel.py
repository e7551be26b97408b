"""Linux does what the operations say, in namespaces of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from netns.kernel_stage import Stage, bridge, default_route, detach, veth
from seaway.model.errors import InvalidRequest, KernelRefused
from seaway.model.ids import Address, IfName
from seaway.model.parent import Macvlan
from seaway.model.port import Proto
from seaway.plan.elements import Element
from seaway.plan.operations import (
    BRIDGE_GROUP,
    DOOMED_GROUP,
    Announce,
    AttachLink,
    BindNetns,
    ChangeElements,
    ChangeRoute,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    ForgetAddress,
    ForgetPort,
    NameNetns,
    RedirectNames,
    SetSysctl,
    UnnameNetns,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

GATEWAY = ip_address("10.7.0.1")
GATEWAY6 = ip_address("fd00:7::1")
RULES = """
table inet seaway {
  map one { type inet_proto . inet_service : ipv4_addr . inet_service; }
}
table bridge seaway {
  set drops { type ifname; counter; }
  chain seen { type filter hook prerouting priority -300; iifname @drops drop; }
}
"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host with a kernel."""
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


async def two_sandboxes(stage: Stage, *, guarded: bool = True) -> tuple[Path, Path]:
    """10.7.0.2 and 10.7.0.3 on one bridge."""
    a, b = stage.netns("a"), stage.netns("b")
    await stage.kernel.apply(
        [
            bridge(),
            CreateNetns(path=a),
            CreateNetns(path=b),
            veth(a, 2, guarded=guarded),
            veth(b, 3, guarded=guarded),
            default_route(a, "10.7.0.1"),
            default_route(a, "fd00:7::1"),
            default_route(b, "10.7.0.1"),
        ]
    )
    return a, b


def ip_json(stage: Stage, *words: str, netns: Path | None = None) -> Any:
    """What ip(8) says, read."""
    return json.loads(stage.run("ip", "-json", "-details", *words, netns=netns))


def ping(stage: Stage, netns: Path | None, address: str) -> bool:
    """Whether *address* answers; a solicitation may be sent twice, a second apart."""
    return stage.works("ping", "-c1", "-w2", address, netns=netns)


# --- bridges ---


@pytest.mark.smoke
async def test_a_bridge_has_its_addresses_and_settings(stage: Stage) -> None:
    await stage.kernel.apply([bridge()])

    (link,) = ip_json(stage, "link", "show", "sw-web")
    settings = [
        await stage.kernel.sysctl(f"net/{path}")
        for path in (
            "ipv4/conf/sw-web/route_localnet",
            "ipv4/conf/sw-web/send_redirects",
            "ipv6/conf/sw-web/accept_ra",
        )
    ]
    local = stage.run("ip", "-6", "route", "show", "table", "local", "dev", "sw-web")
    (addresses,) = ip_json(stage, "addr", "show", "sw-web")
    assert link["address"] == "02:00:00:00:00:01"
    assert link["mtu"] == 1400
    assert "UP" in link["flags"]
    assert link["group"] == str(BRIDGE_GROUP) or link["group"] == hex(BRIDGE_GROUP)
    assert link["linkinfo"]["info_data"]["forward_delay"] == 0
    assert link["linkinfo"]["info_data"]["stp_state"] == 0
    assert settings == ["1", "0", "0"]
    assert f"local ::1 proto static metric {1024 + link['ifindex']}" in local
    assert [a["local"] for a in addresses["addr_info"] if a["scope"] == "global"] == [
        "10.7.0.1",
        "fd00:7::1",
    ]


async def test_two_bridges_have_each_its_own_route_to_the_loopback_address(stage: Stage) -> None:
    await stage.kernel.apply([bridge("sw-a"), bridge("sw-b", "10.8.0.1/24", "fd00:8::1/64")])

    routes = stage.run("ip", "-6", "route", "show", "table", "local", "::1")
    assert "dev sw-a" in routes
    assert "dev sw-b" in routes


async def test_a_refused_bridge_leaves_nothing_behind(stage: Stage) -> None:
    before = stage.links()

    with pytest.raises(KernelRefused, match="AddBridge"):
        await stage.kernel.apply([bridge("sw-web", "10.7.0.1/24", "10.7.0.1/24")])

    assert stage.links() == before


async def test_deleting_a_bridge_twice_is_fine(stage: Stage) -> None:
    await stage.kernel.apply([bridge()])

    await stage.kernel.remove([DeleteLink(name=IfName("sw-web"))])
    await stage.kernel.remove([DeleteLink(name=IfName("sw-web"))])

    assert "sw-web" not in stage.links()


# --- namespaces ---


async def test_a_new_namespace_has_loopback_up(stage: Stage) -> None:
    await stage.kernel.apply([CreateNetns(path=stage.netns("a"))])

    assert stage.links(stage.netns("a")) == ["lo"]
    assert ping(stage, stage.netns("a"), "127.0.0.1")
    assert stage.netns("a").parent.stat().st_mode & 0o777 == 0o700


async def test_a_namespace_is_not_made_over_a_leftover(stage: Stage) -> None:
    path = stage.netns("a")
    path.parent.mkdir()
    path.write_text("left over")

    with pytest.raises(KernelRefused, match=r"CreateNetns.*is there already"):
        await stage.kernel.apply([CreateNetns(path=path)])

    assert path.read_text() == "left over"


async def test_a_namespace_made_by_somebody_else_can_be_bound(stage: Stage) -> None:
    await stage.kernel.apply([CreateNetns(path=stage.netns("a"))])

    await stage.kernel.apply([BindNetns(path=stage.netns("b"), source=stage.netns("a"))])
    await stage.kernel.remove([DeleteNetns(path=stage.netns("a"))])

    assert stage.links(stage.netns("b")) == ["lo"]


async def test_a_path_that_leads_nowhere_is_the_users_mistake(stage: Stage) -> None:
    made = stage.netns("a")

    with pytest.raises(InvalidRequest) as caught:
        await stage.kernel.apply(
            [CreateNetns(path=made), BindNetns(path=stage.netns("b"), source=Path("/nosuch"))]
        )

    assert str(caught.value) == (
        "cannot adopt /nosuch: there is no such file; it must be the file of another network "
        "namespace, such as /proc/1234/ns/net or /run/netns/name"
    )
    assert not made.exists()


async def test_only_a_network_namespace_can_be_bound(stage: Stage) -> None:
    for source in ("/etc/hostname", "/proc/self/ns/uts", "/dev/null"):
        with pytest.raises(InvalidRequest, match=f"{source}: it is not a network namespace;"):
            await stage.kernel.apply([BindNetns(path=stage.netns("b"), source=Path(source))])

    assert not stage.netns("b").exists()


async def test_deleting_a_namespace_twice_is_fine(stage: Stage) -> None:
    path = stage.netns("a")
    await stage.kernel.apply([CreateNetns(path=path)])

    await stage.kernel.remove([DeleteNetns(path=path)])
    await stage.kernel.remove([DeleteNetns(path=path)])

    assert not path.exists()


async def test_a_name_leads_to_the_last_namespace_it_was_given(stage: Stage) -> None:
    name = stage.directory / "names" / "web"

    await stage.kernel.apply([NameNetns(name=name, path=stage.netns("a"))])
    await stage.kernel.apply([NameNetns(name=name, path=stage.netns("b"))])

    assert name.readlink() == stage.netns("b")
    await stage.kernel.remove([UnnameNetns(name=name), UnnameNetns(name=name)])
    assert list(name.parent.iterdir()) == []


async def test_bound_files_are_told_from_leftovers(stage: Stage) -> None:
    good, left, name = stage.netns("good"), stage.netns("left"), stage.netns("name")
    await stage.kernel.apply([CreateNetns(path=good), NameNetns(name=name, path=good)])
    left.write_text("")
    stage.netns("dangling").symlink_to(stage.netns("nowhere"))

    found = await stage.kernel.bound(good.parent)

    assert found == {stage.netns("dangling"): False, good: True, left: False, name: True}
    assert await stage.kernel.bound(stage.directory / "none") == {}


async def test_a_socket_lives_in_the_namespace_it_was_asked_for(stage: Stage) -> None:
    await two_sandboxes(stage)

    sock = await stage.kernel.open_socket(stage.netns("a"), socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind(("10.7.0.2", 5000))
        assert sock.getblocking() is False
        assert sock.get_inheritable() is False
    with await stage.kernel.open_socket(None, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("10.7.0.1", 5000))


# --- veth pairs ---


@pytest.mark.smoke
@pytest.mark.parametrize("guarded", [True, False])
async def test_two_sandboxes_on_a_bridge_reach_each_other(stage: Stage, guarded: bool) -> None:
    a, _ = await two_sandboxes(stage, guarded=guarded)

    assert ping(stage, a, "10.7.0.3")
    assert ping(stage, a, "fd00:7::3")
    assert ping(stage, a, "10.7.0.1")
    assert ping(stage, None, "fd00:7::2")


async def test_a_datagram_sent_at_once_after_the_attach_arrives(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)
    receiver = await stage.kernel.open_socket(b, socket.AF_INET, socket.SOCK_DGRAM)
    sender = await stage.kernel.open_socket(a, socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.bind(("10.7.0.3", 7))
        sender.sendto(b"hello", ("10.7.0.3", 7))

        async with asyncio.timeout(5):
            data = await asyncio.get_running_loop().sock_recv(receiver, 100)

    assert data == b"hello"


async def test_a_guarded_port_has_its_flags_and_one_static_address(stage: Stage) -> None:
    await two_sandboxes(stage)

    (link,) = ip_json(stage, "link", "show", "sv-000000000002")
    port = link["linkinfo"]["info_slave_data"]
    fdb = stage.run("bridge", "fdb", "show", "br", "sw-web", "brport", "sv-000000000002")
    assert (port["learning"], port["locked"], port["hairpin"]) == (False, True, True)
    assert link["address"] == "02:00:00:00:02:02"
    assert "02:00:00:00:01:02 master sw-web static" in fdb


@pytest.mark.smoke
async def test_a_guarded_sandbox_cannot_use_another_mac(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)
    stage.run("ip", "link", "set", "eth0", "address", "02:00:00:00:01:99", netns=a)

    assert not ping(stage, a, "10.7.0.1")


async def test_the_far_end_has_mac_mtu_addresses_and_route(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)

    (link,) = ip_json(stage, "addr", "show", "eth0", netns=a)
    held = {entry["local"]: entry for entry in link["addr_info"] if entry["scope"] == "global"}
    assert (link["ifindex"], link["address"], link["mtu"]) == (2, "02:00:00:00:01:02", 1400)
    assert sorted(held) == ["10.7.0.2", "fd00:7::2"]
    assert held["fd00:7::2"]["nodad"] is True
    assert stage.run("ip", "route", "show", "default", netns=a).split()[:5] == [
        "default", "via", "10.7.0.1", "dev", "eth0",
    ]  # fmt: skip
    assert "via fd00:7::1" in stage.run("ip", "-6", "route", "show", "default", netns=a)


async def test_a_sandbox_without_ipv6_address_has_no_ipv6_there(stage: Stage) -> None:
    a = stage.netns("a")
    only4 = veth(a, 2, addresses=[ip_interface("10.7.0.2/24")])

    await stage.kernel.apply([bridge("sw-web", "10.7.0.1/24"), CreateNetns(path=a), only4])

    assert "inet6" not in stage.run("ip", "addr", "show", "eth0", netns=a)
    assert ping(stage, a, "10.7.0.1")


@pytest.mark.parametrize("strangers", [True, False])
async def test_routers_among_strangers_are_not_heeded(stage: Stage, strangers: bool) -> None:
    path, setting = stage.netns("a"), "/proc/sys/net/ipv6/conf/eth0/accept_ra"
    end = replace(veth(path, 2), has_strangers=strangers)

    await stage.kernel.apply([bridge(), CreateNetns(path=path), end])

    assert stage.run("cat", setting, netns=path) == ("0\n" if strangers else "1\n")


async def test_ipv6_is_switched_on_where_a_namespace_has_it_off(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a)])
    stage.run("sysctl", "-w", "net.ipv6.conf.default.disable_ipv6=1", netns=a)

    await stage.kernel.apply([veth(a, 2)])

    assert ping(stage, a, "fd00:7::1")


@pytest.mark.smoke
async def test_a_refused_attach_leaves_nothing_behind(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a)])
    before = stage.links()
    unreachable = default_route(a, "10.9.9.9")

    with pytest.raises(KernelRefused, match="ChangeRoute: Nexthop has invalid gateway"):
        await stage.kernel.apply([veth(a, 2), unreachable])

    assert stage.links() == before
    assert stage.links(a) == ["lo"]


async def test_an_attach_that_fails_half_way_leaves_nothing_behind(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([bridge(), CreateNetns(path=a)])
    before = stage.links()
    twice = [ip_interface("10.7.0.2/24"), ip_interface("10.7.0.2/24")]

    with pytest.raises(KernelRefused, match="AttachVeth"):
        await stage.kernel.apply([veth(a, 2, addresses=twice)])

    assert stage.links() == before
    assert stage.links(a) == ["lo"]


async def test_a_refused_attach_leaves_the_interface_alone_that_has_the_name(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)

    with pytest.raises(KernelRefused, match=r"AttachVeth: .*exists"):
        await stage.kernel.apply([veth(a, 9)])
    with pytest.raises(KernelRefused, match=r"AttachVeth: .*exists"):
        await stage.kernel.apply([veth(a, 2, ifname="eth7")])

    assert ping(stage, a, "10.7.0.3")


async def test_a_missing_bridge_is_said_by_name(stage: Stage) -> None:
    with pytest.raises(KernelRefused, match="AttachVeth: there is no interface sw-none"):
        await stage.kernel.apply(
            [CreateNetns(path=stage.netns("a")), veth(stage.netns("a"), 2, to="sw-none")]
        )

    assert not stage.netns("a").exists()


@pytest.mark.parametrize("step", ["AddBridge", "CreateNetns", "AttachVeth", "ChangeRoute"])
async def test_a_fault_at_any_step_leaves_nothing_behind(stage: Stage, step: str) -> None:
    before = stage.links()
    stage.steps.fail_at = f"kernel.{step}"

    with pytest.raises(KernelRefused, match=f"{step}: the test wants it to fail"):
        await two_sandboxes(stage)

    assert stage.links() == before
    assert not stage.netns("a").exists()
    stage.steps.fail_at = None
    await two_sandboxes(stage)


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.001, 0.002, 0.004])
async def test_the_operations_of_a_cancelled_caller_are_undone(
    stage: Stage, seconds: float
) -> None:
    before = stage.links()
    blocker = asyncio.create_task(two_sandboxes(stage))

    await asyncio.sleep(seconds)
    cancelled = blocker.cancel()
    with suppress(asyncio.CancelledError):
        await blocker

    await stage.kernel.observe()  # whatever was asked for is done by now
    assert (stage.links() == before) is cancelled
    assert stage.netns("a").exists() is not cancelled


async def test_operations_that_wait_behind_others_are_not_begun_when_cancelled(
    stage: Stage,
) -> None:
    first = asyncio.create_task(stage.kernel.apply([CreateNetns(path=stage.netns("a"))]))
    second = asyncio.create_task(stage.kernel.apply([bridge()]))
    await asyncio.sleep(0)

    second.cancel()

    await first
    await stage.kernel.observe()
    assert "sw-web" not in stage.links()
    assert stage.netns("a").exists()


@pytest.mark.smoke
async def test_neighbours_hear_of_a_new_mac_at_once(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)
    assert ping(stage, a, "10.7.0.3")
    assert ping(stage, a, "fd00:7::3")
    await stage.kernel.remove([detach(veth(b, 3))])

    await stage.kernel.apply([veth(b, 4, mac="02:00:00:00:09:09", addresses=veth(b, 3).addresses)])

    def heard() -> set[object]:
        table = ip_json(stage, "neigh", netns=a)
        return {e.get("lladdr") for e in table if e["dst"] in {"10.7.0.3", "fd00:7::3"}}

    await until(lambda: heard() == {"02:00:00:00:09:09"})


async def test_a_link_of_somebody_elses_that_has_the_name_of_ours_is_left_alone(
    stage: Stage,
) -> None:
    stage.run("ip", "link", "add", "lan-br", "type", "bridge")

    await stage.kernel.remove([DeleteLink(name=IfName("lan-br"))])

    assert "lan-br" in stage.links()


async def test_what_nobody_heard_is_announced_once_more(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)
    wrong, right = "02:00:00:00:09:09", str(veth(b, 3).mac)
    for address in ("10.7.0.3", "fd00:7::3"):
        stage.run(
            "ip",
            "neigh",
            "replace",
            address,
            "lladdr",
            wrong,
            "dev",
            "eth0",
            "nud",
            "stale",
            netns=a,
        )

    await stage.kernel.apply([Announce(what=veth(b, 3))])

    def heard() -> set[object]:
        table = ip_json(stage, "neigh", netns=a)
        return {e.get("lladdr") for e in table if e["dst"] in {"10.7.0.3", "fd00:7::3"}}

    await until(lambda: heard() == {right})


async def test_an_interface_that_is_away_is_not_announced_and_not_complained_of(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([CreateNetns(path=a)])
    away = AttachLink(
        parent=IfName("eth0"),
        netns=a,
        ifname=IfName("eth0"),
        link=Macvlan(),
        mac=None,
        mtu=None,
        addresses=(ip_interface("10.7.0.2/24"),),
    )

    await stage.kernel.apply([Announce(what=away)])

    assert caplog.text == ""


# --- detaching ---


async def test_a_detached_sandbox_is_cut_off_at_once(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)

    await stage.kernel.remove([detach(veth(b, 3))])

    after = stage.run("ip", "addr", netns=b)
    assert not ping(stage, a, "10.7.0.3")
    assert "10.7.0.3" not in after
    assert "fd00:7::3" not in after


@pytest.mark.smoke
async def test_a_detached_pair_can_be_attached_again_at_once(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)

    for _ in range(5):
        await stage.kernel.remove([detach(veth(b, 3))])
        await stage.kernel.apply([veth(b, 3)])

    assert ping(stage, a, "10.7.0.3")


async def test_detaching_twice_or_from_a_gone_namespace_is_fine(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)

    await stage.kernel.remove([detach(veth(a, 2)), detach(veth(a, 2))])
    await stage.kernel.remove([DeleteNetns(path=b), detach(veth(b, 3))])

    links = (await stage.kernel.observe()).links
    assert {s.group for name, s in links.items() if name.startswith("sv-")} <= {DOOMED_GROUP}


async def test_detaching_finds_its_interface_whatever_it_is_called_by_now(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)
    stage.run("ip", "link", "set", "eth0", "down", netns=a)
    stage.run("ip", "link", "set", "eth0", "name", "mine", netns=a)
    stage.run("ip", "link", "set", "lo", "down", netns=a)

    await stage.kernel.remove([detach(veth(a, 2))])

    assert "10.7.0.2" not in stage.run("ip", "addr", netns=a)


async def test_a_socket_that_nobody_waits_for_any_more_is_closed(stage: Stage) -> None:
    await stage.kernel.observe()
    before = descriptors()
    for seconds in (0.0, 0.0001, 0.0002, 0.0004):
        opening = asyncio.create_task(
            stage.kernel.open_socket(None, socket.AF_INET, socket.SOCK_DGRAM)
        )
        await asyncio.sleep(seconds)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            (await opening).close()
    await stage.kernel.observe()

    assert descriptors() == before


async def test_detached_links_are_deleted_once_the_kernel_thread_is_idle(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)

    await stage.kernel.remove([detach(veth(a, 2)), detach(veth(b, 3))])
    doomed = [s for s in (await stage.kernel.observe()).links.values() if s.group == DOOMED_GROUP]

    assert len(doomed) == 2
    await until(lambda: stage.links() == ["lo", "sw-web"])
    assert stage.links(a) == ["lo"]


async def test_many_detached_links_are_deleted_soon(stage: Stage) -> None:
    a = stage.netns("a")
    pairs = [veth(a, n, ifname=f"eth{n}") for n in range(2, 66)]
    await stage.kernel.apply([bridge(), CreateNetns(path=a), *pairs])

    await stage.kernel.remove([detach(pair) for pair in pairs])

    await until(lambda: stage.links() == ["lo", "sw-web"])


async def test_links_that_a_former_daemon_left_are_deleted(stage: Stage) -> None:
    await stage.kernel.apply([bridge()])
    stage.run("ip", "link", "set", "sw-web", "group", str(DOOMED_GROUP))

    stage.new_kernel()

    await until(lambda: stage.links() == ["lo"])


async def test_closing_deletes_what_waits_for_it(stage: Stage) -> None:
    other = stage.new_kernel()
    a = stage.netns("a")
    await other.apply([bridge(), CreateNetns(path=a), veth(a, 2)])
    await other.remove([detach(veth(a, 2))])

    await other.close()

    assert stage.links() == ["lo", "sw-web"]


async def test_removal_goes_on_after_an_error(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)
    stage.steps.fail_at = "kernel.DetachVeth"

    with pytest.raises(ExceptionGroup) as caught:
        await stage.kernel.remove([detach(veth(a, 2)), detach(veth(b, 3)), DeleteNetns(path=a)])

    assert [str(error) for error in caught.value.exceptions] == [
        "the kernel refused DetachVeth: the test wants it to fail",
        "the kernel refused DetachVeth: the test wants it to fail",
    ]
    assert not a.exists()


# --- routes ---


@pytest.mark.smoke
async def test_a_default_route_moves_and_goes(stage: Stage) -> None:
    a = stage.netns("a")
    second = veth(
        a, 4, to="sw-db", ifname="eth1",
        addresses=[ip_interface("10.8.0.4/24"), ip_interface("fd00:8::4/64")],
    )  # fmt: skip
    await stage.kernel.apply(
        [
            bridge(),
            bridge("sw-db", "10.8.0.1/24", "fd00:8::1/64"),
            CreateNetns(path=a),
            veth(a, 2),
            second,
        ]
    )
    for gateway, ifname in (
        ("10.7.0.1", "eth0"),
        ("fd00:7::1", "eth0"),
        ("10.8.0.1", "eth1"),
        ("fd00:8::1", "eth1"),
    ):
        await stage.kernel.apply([default_route(a, gateway, ifname)])

    four = stage.run("ip", "-4", "route", "show", "default", netns=a)
    six = stage.run("ip", "-6", "route", "show", "default", netns=a)
    assert four.splitlines() == ["default via 10.8.0.1 dev eth1 proto static "]
    assert len(six.splitlines()) == 1
    assert "via fd00:8::1 dev eth1" in six
    for version in (4, 6, 4, 6):
        gone = ChangeRoute(netns=a, version=version, old=None, new=None)
        await stage.kernel.apply([gone])
    assert stage.run("ip", "route", "show", "default", netns=a) == ""
    assert stage.run("ip", "-6", "route", "show", "default", netns=a) == ""


async def test_default_routes_that_a_refused_list_changed_are_put_back(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)
    four, six = default_route(a, "10.7.0.1").new, default_route(a, "fd00:7::1").new
    before = ip_json(stage, "route", "show", "default", netns=a)
    before6 = ip_json(stage, "-6", "route", "show", "default", netns=a)

    with pytest.raises(KernelRefused, match="AttachVeth"):
        await stage.kernel.apply(
            [
                replace(default_route(a, "10.7.0.3"), old=four),
                ChangeRoute(netns=a, version=6, old=six, new=None),
                veth(a, 9),
            ]
        )

    assert ip_json(stage, "route", "show", "default", netns=a) == before
    assert ip_json(stage, "-6", "route", "show", "default", netns=a) == before6


# --- rules, names, settings ---


@pytest.mark.smoke
async def test_rules_are_loaded_whole_and_changed_by_elements(stage: Stage) -> None:
    old = Element("inet seaway", "one", "tcp . 80", "10.7.0.2 . 80")
    new = Element("inet seaway", "one", "tcp . 80", "10.7.0.3 . 8080")
    await stage.kernel.replace_rules(RULES)

    await stage.kernel.apply([ChangeElements(old=frozenset(), new=frozenset({old}))])
    await stage.kernel.apply([ChangeElements(old=frozenset({old}), new=frozenset({new}))])
    await stage.kernel.apply([ChangeElements(old=frozenset({new}), new=frozenset({new}))])

    listed = stage.run("nft", "list", "map", "inet", "seaway", "one")
    assert "elements = { tcp . 80 : 10.7.0.3 . 8080 }" in listed


async def test_refused_rules_say_why_and_change_nothing(stage: Stage) -> None:
    await stage.kernel.replace_rules(RULES)
    before = stage.run("nft", "list", "ruleset")

    with pytest.raises(KernelRefused, match="syntax error") as caught:
        await stage.kernel.replace_rules("table inet seaway { chian x { } }")
    with pytest.raises(
        KernelRefused, match="ChangeElements: delete element inet seaway one: No such file"
    ):
        gone = Element("inet seaway", "one", "tcp . 9", "10.7.0.2 . 80")
        await stage.kernel.apply([ChangeElements(old=frozenset({gone}), new=frozenset())])

    assert "\n" not in str(caught.value)
    assert stage.run("nft", "list", "ruleset") == before


async def test_changed_rules_are_changed_back_when_a_later_operation_fails(stage: Stage) -> None:
    element = Element("inet seaway", "one", "tcp . 80", "10.7.0.2 . 80")
    await stage.kernel.replace_rules(RULES)

    with pytest.raises(KernelRefused, match="AttachVeth"):
        await stage.kernel.apply(
            [ChangeElements(old=frozenset(), new=frozenset({element})), veth(stage.netns("x"), 2)]
        )

    assert "elements" not in stage.run("nft", "list", "map", "inet", "seaway", "one")


@pytest.mark.smoke
async def test_dropped_packets_are_counted_by_link(stage: Stage) -> None:
    assert await stage.kernel.drops() == {}
    await stage.kernel.replace_rules(RULES)
    assert await stage.kernel.drops() == {}
    a, _ = await two_sandboxes(stage)
    link = Element("bridge seaway", "drops", '"sv-000000000002"')
    await stage.kernel.apply([ChangeElements(old=frozenset(), new=frozenset({link}))])

    assert not ping(stage, a, "10.7.0.1")

    drops = await stage.kernel.drops()
    assert list(drops) == ["sv-000000000002"]
    assert drops[IfName("sv-000000000002")] >= 1


@pytest.mark.smoke
async def test_names_are_answered_behind_port_53(stage: Stage) -> None:
    a = stage.netns("a")
    await stage.kernel.apply([CreateNetns(path=a), RedirectNames(netns=a, port=35353)])
    await stage.kernel.apply([RedirectNames(netns=a, port=35354)])

    with (
        await stage.kernel.open_socket(a, socket.AF_INET, socket.SOCK_DGRAM) as server,
        await stage.kernel.open_socket(a, socket.AF_INET, socket.SOCK_DGRAM) as client,
        await stage.kernel.open_socket(a, socket.AF_INET, socket.SOCK_DGRAM) as own,
    ):
        own.bind(("0.0.0.0", 53))
        server.bind(("127.0.0.11", 35354))
        loop = asyncio.get_running_loop()
        client.sendto(b"question", ("127.0.0.11", 53))
        async with asyncio.timeout(5):
            question, asker = await loop.sock_recvfrom(server, 100)
            server.sendto(b"answer", asker)
            answer = await loop.sock_recvfrom(client, 100)

    assert question == b"question"
    assert answer == (b"answer", ("127.0.0.11", 53))


async def test_settings_of_the_host_are_read_and_set(stage: Stage) -> None:
    before = await stage.kernel.sysctl("net/ipv4/ip_forward")
    change = SetSysctl(path="net/ipv4/ip_forward", value="1", before="0")

    await stage.kernel.apply([change])

    assert before == "0"
    assert await stage.kernel.sysctl("net/ipv4/ip_forward") == "1"
    assert await stage.kernel.sysctl("net/ipv4/no_such_thing") is None
    for path in ("../version", "net/../../version", "/etc/hostname", "net//x", "net/ipv4/a b"):
        with pytest.raises(KernelRefused, match="is not the path of a kernel setting"):
            await stage.kernel.sysctl(path)


# --- tracked flows ---


async def test_only_the_meant_flows_are_forgotten(stage: Stage) -> None:
    a, b = await two_sandboxes(stage)
    await stage.kernel.replace_rules(
        "table inet track { chain in { type filter hook input priority 0; ct state new accept; }\n"
        " chain out { type filter hook output priority 0; ct state new accept; }\n}\n"
    )
    for netns in (a, b):
        assert ping(stage, netns, "10.7.0.1")
        with await stage.kernel.open_socket(netns, socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for port in (53, 54, 5353):
                sock.sendto(b"x", ("10.7.0.1", port))
    assert len(flows(stage)) == 6

    await stage.kernel.apply([ForgetPort(proto=Proto.UDP, version=4, host_port=53)])
    without_port = flows(stage)
    await stage.kernel.apply([ForgetPort(proto=Proto.TCP, version=4, host_port=54)])
    await stage.kernel.apply([ForgetAddress(address=ip_address("10.7.0.2"))])
    without_address = flows(stage)
    await stage.kernel.apply(
        [ForgetPort(proto=Proto.UDP, version=4, host=GATEWAY, host_port=5000, count=1000)]
    )

    assert without_port == [
        "10.7.0.2 5353", "10.7.0.2 54", "10.7.0.3 5353", "10.7.0.3 54",
    ]  # fmt: skip
    assert without_address == ["10.7.0.3 5353", "10.7.0.3 54"]
    assert flows(stage) == ["10.7.0.3 54"]


async def test_flows_of_an_address_are_forgotten_unless_its_namespace_takes_it_back(
    stage: Stage,
) -> None:
    a, b = await two_sandboxes(stage)
    await track(stage)
    for netns in (a, b):
        await say(stage, netns)
    ours = (ip_address("10.7.0.2"), ip_address("fd00:7::2"))
    others = (ip_address("10.7.0.3"), ip_address("fd00:7::3"))
    one, two = veth(a, 2, guarded=False), veth(b, 3, guarded=False)
    assert flows(stage) == ["10.7.0.2 53", "10.7.0.3 53"]

    await stage.kernel.remove([detach(one), *map(forget, ours)])
    await stage.kernel.remove([detach(two), *map(forget, others)])
    await stage.kernel.apply([one])
    await stage.kernel.apply([replace(two, netns=a, ifname=IfName("eth1"))])

    assert flows(stage) == ["10.7.0.2 53"]


async def test_a_new_namespace_at_the_same_path_takes_over_no_flows(stage: Stage) -> None:
    a, _ = await two_sandboxes(stage)
    await track(stage)
    await say(stage, a)
    ours = (ip_address("10.7.0.2"), ip_address("fd00:7::2"))
    one = veth(a, 2, guarded=False)

    await stage.kernel.remove([detach(one), *map(forget, ours)])
    await stage.kernel.remove([DeleteNetns(path=a)])
    await stage.kernel.apply([CreateNetns(path=a), one])

    assert flows(stage) == []


async def track(stage: Stage) -> None:
    """Let the kernel track what comes to the host."""
    await stage.kernel.replace_rules(
        "table inet track { chain in { type filter hook input priority 0; ct state new accept; }\n}\n"
    )


async def say(stage: Stage, netns: Path) -> None:
    """One datagram from *netns* to the host."""
    assert ping(stage, netns, "10.7.0.1")
    with await stage.kernel.open_socket(netns, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("10.7.0.1", 53))


def forget(address: Address) -> ForgetAddress:
    """Forget its flows."""
    return ForgetAddress(address=address)


def flows(stage: Stage) -> list[str]:
    """Source and destination port of the tracked UDP flows."""
    lines = stage.run("conntrack", "-L", "-p", "udp").splitlines()
    words = [dict(w.split("=") for w in reversed(line.split()) if "=" in w) for line in lines]
    return sorted(f"{w['src']} {w['dport']}" for w in words)


# --- seeing ---


@pytest.mark.smoke
async def test_the_host_is_seen_as_it_is(stage: Stage) -> None:
    await two_sandboxes(stage)
    stage.run("ip", "link", "add", "eth9", "mtu", "1300", "type", "bridge")
    stage.run("ip", "addr", "add", "192.0.2.7/24", "dev", "eth9")
    stage.run("ip", "link", "set", "eth9", "up")
    stage.run("ip", "route", "add", "default", "via", "192.0.2.1")
    stage.run("ip", "route", "add", "0.0.0.0/1", "via", "192.0.2.1")
    stage.run("ip", "route", "add", "10.99.0.0/16", "via", "192.0.2.1", "table", "77")
    stage.run("ip", "route", "add", "blackhole", "10.98.0.0/16")

    seen = await stage.kernel.observe()

    port, own = seen.links[IfName("sv-000000000002")], seen.links[IfName("sw-web")]
    assert seen.default_mtu == 1300
    assert set(seen.routes) == {
        ip_network("192.0.2.0/24"), ip_network("10.99.0.0/16"), ip_network("10.98.0.0/16"),
    }  # fmt: skip
    assert set(seen.addresses) == {ip_address("192.0.2.7")}
    assert (port.master, port.up, port.mtu) == ("sw-web", True, 1400)
    assert (own.group, own.addresses[:2]) == (BRIDGE_GROUP, (GATEWAY, GATEWAY6))


async def test_what_is_ours_is_told_by_its_group_and_its_bridge_not_by_its_name(
    stage: Stage,
) -> None:
    box = stage.netns("box")
    named = bridge("lan0", "10.8.0.1/24")
    pair = veth(box, 2, to="lan0", addresses=[ip_interface("10.8.0.2/24")])
    await stage.kernel.apply([named, CreateNetns(path=box), pair])
    stage.run("ip", "route", "add", "10.96.0.0/16", "dev", "sv-000000000002")
    stage.run("ip", "link", "add", "sw-else", "type", "bridge")
    stage.run("ip", "addr", "add", "10.9.0.1/24", "dev", "sw-else")
    stage.run("ip", "link", "set", "sw-else", "up")

    seen = await stage.kernel.observe()

    assert seen.routes == (ip_network("10.9.0.0/24"),)


async def test_many_asking_at_once_are_served_in_order(stage: Stage) -> None:
    paths = [stage.netns(f"n{n}") for n in range(20)]
    await stage.kernel.apply([bridge()])

    async with asyncio.TaskGroup() as group:
        for number, path in enumerate(paths, 2):
            group.create_task(stage.kernel.apply([CreateNetns(path=path), veth(path, number)]))

    assert ping(stage, paths[0], "10.7.0.21")


async def test_nothing_stays_open(stage: Stage) -> None:
    async def once() -> None:
        a, b = await two_sandboxes(stage)
        await stage.kernel.remove(
            [
                *(detach(op) for op in (veth(a, 2), veth(b, 3))),
                *(DeleteNetns(path=path) for path in (a, b)),
                DeleteLink(name=IfName("sw-web")),
            ]
        )

    await once()
    await asyncio.sleep(0.5)  # nothing tells when all that it sends and deletes aside is done
    before = descriptors()
    for _ in range(5):
        await once()

    await until(lambda: descriptors() == before)


async def until(fact: Callable[[], bool]) -> None:
    """Wait until *fact* is so; raises TimeoutError."""
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.02)


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_driver_of_an_interface_is_known(stage: Stage) -> None:
    await stage.kernel.apply([bridge()])

    around = await stage.kernel.surroundings(IfName("sw-web"))

    assert (around.name, around.driver, around.wireless) == ("sw-web", "bridge", False)
    assert (await stage.kernel.surroundings(IfName("nosuch"))).driver == ""
