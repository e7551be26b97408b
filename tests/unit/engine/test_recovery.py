"""The start of the daemon makes Linux whole again, whatever happened before."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from fakes.records import a_route
from fakes.world import World, a_world, network_wish, restarted, sandbox_wish, tcp
from seaway.engine.changing import KEPT as CHANGING
from seaway.engine.forwarding import Forwarding
from seaway.model.errors import Unavailable
from seaway.model.ids import IfName, Mac, SandboxId
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.sandbox import Sandbox, State
from seaway.plan.firewall import NO_RULES
from seaway.plan.operations import AddBridge

A_LINK = LinkState(index=99, mtu=1500, up=True)


async def furnished(world: World) -> tuple[Network, Sandbox, Sandbox]:
    """A network, a namespace with a port, and a running program, as a daemon left them."""
    await world.recovery.restore()
    web, _ = await world.networks.create(network_wish("web", ipv6=True))
    box = await world.box("box", ports=(tcp(8080, 80),))
    app = await world.program("app")
    await world.sandboxes.start("app")
    return web, box, app


def bridge(network: Network) -> IfName:
    """The name of its bridge."""
    assert network.options.bridge is not None
    return network.options.bridge


async def test_a_restart_changes_nothing_of_what_runs() -> None:
    async with a_world() as world:
        await furnished(world)
        before = world.snapshot()
        done = len(world.kernel.operations)

        await restarted(world)

        assert world.snapshot() == before
        assert {type(o).__name__ for o in world.kernel.operations[done:]} == {"ChangeRoute"}


async def test_the_whole_ruleset_is_loaded_with_all_elements() -> None:
    async with a_world() as world:
        await furnished(world)

        await restarted(world)

        text = world.kernel.rulesets[-1]
        assert text.startswith(NO_RULES)
        assert "add element inet seaway any4 { tcp . 8080 : 10.77.0.2 . 80 }\n" in text


async def test_a_deleted_bridge_is_made_again_with_all_that_was_on_it() -> None:
    async with a_world() as world:
        web, _, _ = await furnished(world)
        before = world.snapshot()
        del world.kernel.links[bridge(web)]
        for name, link in world.kernel.links.items():
            world.kernel.links[name] = replace(link, master=None)

        await restarted(world)

        assert world.snapshot() == before


async def test_a_missing_link_is_made_again() -> None:
    async with a_world() as world:
        _, box, _ = await furnished(world)
        before = world.snapshot()
        (endpoint,) = world.store.endpoints_of(box.id)
        inside = world.kernel.namespaces[world.paths.bound(box)]
        del world.kernel.links[endpoint.link]
        inside.links.clear()
        inside.default_routes.clear()

        await restarted(world)

        assert world.snapshot() == before


async def test_leftover_links_namespaces_and_names_are_removed_and_foreign_ones_stay() -> None:
    async with a_world() as world:
        await furnished(world)
        before = world.snapshot()
        foreign = ("docker0", "br-0123456789ab", "veth1234567", "eth0", "sw-office", "seaway0x")
        for name in ("sv-0123456789ab", "sw-0123456789ab", *foreign):
            world.kernel.links[IfName(name)] = A_LINK
        stray = world.paths.bound_dir / ("f" * 64)
        world.kernel.namespaces[stray] = type(next(iter(world.kernel.namespaces.values())))()
        world.kernel.names[world.paths.named("stray")] = stray

        await restarted(world)

        for name in foreign:
            assert world.kernel.links.pop(IfName(name)) == A_LINK
        assert world.snapshot() == before


async def test_a_process_that_died_meanwhile_is_taken_down_with_its_exit_code() -> None:
    async with a_world() as world:
        _, _, app = await furnished(world)
        (endpoint,) = world.store.endpoints_of(app.id)
        await world.die()
        world.runtime.end(app.id, 9)

        await restarted(world)

        status = world.store.sandbox("app").status
        assert (status.state, status.exit_code) == (State.EXITED, 9)
        assert endpoint.link not in world.kernel.links


async def test_a_process_without_a_trace_was_lost_with_the_host() -> None:
    async with a_world() as world:
        _, _, app = await furnished(world)
        reboot(world)

        await restarted(world)

        status = world.store.sandbox(app.id).status
        assert (status.state, status.exit_code, status.finished) == (
            State.EXITED,
            255,
            status.started,
        )


async def test_after_a_reboot_namespaces_without_a_process_are_whole_again() -> None:
    async with a_world() as world:
        web, box, _ = await furnished(world)
        reboot(world)

        await restarted(world)

        inside = world.kernel.namespaces[world.paths.bound(box)]
        assert list(inside.links) == ["eth0"]
        assert inside.default_routes[4] == a_route("eth0", "10.77.0.1")
        assert inside.names_port == 35353
        assert bridge(web) in world.kernel.links
        assert world.host_ports.all_held.keys() == {box.id}
        assert world.names.views.keys() == {box.id}


def reboot(world: World) -> None:
    """Linux forgets everything, and so does what lives in the run directory."""
    world.kernel.reboot()
    world.runtime.exits.clear()
    world.runtime.launched.clear()


async def test_an_adopted_namespace_that_is_gone_ends_its_sandbox_and_not_the_daemon() -> None:
    async with a_world() as world:
        await furnished(world)
        source = Path("/proc/77/ns/net")
        world.kernel.foreign.add(source)
        wish = replace(sandbox_wish("pod"), adopt=source)
        await world.sandboxes.create_namespace(wish)
        reboot(world)
        world.kernel.foreign.clear()

        await restarted(world)

        assert world.store.sandbox("pod").status.state is State.EXITED
        assert world.store.sandbox("box").running


async def test_a_network_that_cannot_be_made_again_does_not_keep_the_daemon_from_starting() -> None:
    async with a_world() as world:
        web, box, _ = await furnished(world)
        other, _ = await world.networks.create(network_wish("other"))
        reboot(world)
        world.kernel.fail_at = "AddBridge"

        await restarted(world)

        assert bridge(web) not in world.kernel.links
        assert (await world.engine.checkup.warnings())[0] == (
            "network web could not be made whole: "
            "the kernel refused AddBridge: the test wants it to fail"
        )
        world.kernel.fail_at = None
        await restarted(world)
        assert {bridge(web), bridge(other)} <= set(world.kernel.links)
        assert world.store.sandbox(box.id).running


async def test_every_failure_at_the_start_is_healed_by_the_next() -> None:
    for number in range(200):
        async with a_world() as world:
            await furnished(world)
            before = without_processes(world.snapshot())
            world.kernel.links.pop(bridge(world.store.network("web")))
            for name, link in world.kernel.links.items():
                world.kernel.links[name] = replace(link, master=None)
            world.steps.arm(number)
            with suppress(Exception):
                await restarted(world)
            reached = len(world.steps.reached)
            world.steps.arm(None)

            await restarted(world)

            assert without_processes(world.snapshot()) == before, number
            if number >= reached:
                return
    raise AssertionError("the start has more steps than this test looks at")


def without_processes(snapshot: dict[str, object]) -> dict[str, object]:
    """What a sandbox's state is apart from its processes."""
    return {k: v for k, v in snapshot.items() if k != "processes"}


async def test_a_port_that_somebody_took_still_leads_there_and_is_told() -> None:
    async with a_world() as world:
        _, box, _ = await furnished(world)
        await world.die()
        world.join()
        world.host_ports.foreign.add(8080)

        await world.recovery.restore()

        assert list(await world.engine.checkup.warnings()) == [
            (
                "port 8080/tcp of box: Bind for port 8080 failed: held by another program; "
                "it still leads to box"
            )
        ]
        assert "tcp . 8080 : 10.77.0.2 . 80" in world.kernel.rulesets[-1]
        assert world.store.sandbox(box.id).running


async def test_a_route_that_came_later_is_told() -> None:
    async with a_world() as world:
        await furnished(world)
        world.kernel.routes = (ip_network("10.77.0.0/16"),)

        assert list(await world.engine.checkup.warnings()) == [
            (
                "subnet 10.77.0.0/24 of network web overlaps 10.77.0.0/16, which the host routes: "
                "what is behind that route cannot be reached from the network"
            ),
            (
                "none of 256 subnets left in the default address pools of IPv4 (255 are routed by "
                "the host): remove networks that nobody uses (seaway network prune), add pools by "
                "the setting default-address-pools (--default-address-pool), or give --subnet"
            ),
        ]


async def test_a_self_removing_sandbox_that_ended_meanwhile_is_gone() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app", auto_remove=True)
        await world.sandboxes.start("app")
        reboot(world)

        await restarted(world)

        assert list(world.store.sandboxes()) == []


# The host's sysctls


async def test_sysctls_are_set_and_put_back_last_first() -> None:
    async with a_world() as world:
        before = {
            "net/ipv4/ip_forward": "0",
            "net/ipv4/conf/all/send_redirects": "1",
            "net/ipv6/conf/all/forwarding": "0",
            "net/ipv6/conf/all/disable_ipv6": "0",
            "net/ipv6/conf/lo/accept_ra": "1",
        }
        world.kernel.sysctls.update(before)

        forwarding = Forwarding(store=world.store, kernel=world.kernel)
        await forwarding.turn_on(await forwarding.plan())
        assert forwarding.ours == (4, 6)
        assert world.kernel.sysctls == {
            "net/ipv4/ip_forward": "1",
            "net/ipv4/conf/all/send_redirects": "0",
            "net/ipv6/conf/all/forwarding": "1",
            "net/ipv6/conf/all/disable_ipv6": "0",
            "net/ipv6/conf/lo/accept_ra": "2",
        }

        assert await forwarding.put_back() == [
            "put back sysctl net.ipv6.conf.all.forwarding = 0",
            "put back sysctl net.ipv6.conf.lo.accept_ra = 1",
            "put back sysctl net.ipv4.conf.all.send_redirects = 1",
            "put back sysctl net.ipv4.ip_forward = 0",
        ]
        assert world.kernel.sysctls == before
        assert not forwarding.ours


async def test_an_end_whose_bridge_is_gone_is_no_uplink() -> None:
    async with a_world() as world:
        _, box, _ = await furnished(world)
        (end,) = world.store.endpoints_of(box.id)
        setting = f"net/ipv6/conf/{end.link}/accept_ra"
        world.kernel.sysctls.update({"net/ipv6/conf/all/forwarding": "0", setting: "1"})
        world.kernel.links[end.link] = replace(world.kernel.links[end.link], master=None)

        planned = await Forwarding(store=world.store, kernel=world.kernel).plan()

        assert setting not in {change.path for change in planned}


async def test_a_host_that_forwards_already_stays_a_router() -> None:
    async with a_world() as world:
        world.kernel.sysctls["net/ipv4/ip_forward"] = "1"

        await world.recovery.restore()

        assert Forwarding(store=world.store, kernel=world.kernel).ours == ()
        assert "the host is no router" not in world.kernel.rulesets[-1]


async def test_what_a_sysctl_was_outlives_a_second_start() -> None:
    async with a_world() as world:
        world.kernel.sysctls["net/ipv4/ip_forward"] = "0"
        forwarding = Forwarding(store=world.store, kernel=world.kernel)
        await forwarding.turn_on(await forwarding.plan())

        await restarted(world)
        await forwarding.put_back()

        assert world.kernel.sysctls["net/ipv4/ip_forward"] == "0"


async def test_a_purge_leaves_no_trace() -> None:
    async with a_world() as world:
        world.kernel.sysctls["net/ipv4/ip_forward"] = "0"
        empty = world.snapshot()
        await furnished(world)

        done = await world.purge.everything()

        assert world.snapshot() == empty
        assert world.kernel.rulesets[-1] == NO_RULES
        assert done == (
            "removed sandbox box",
            "removed sandbox app",
            "removed network web",
            "removed tables inet seaway and bridge seaway",
            "put back sysctl net.ipv4.ip_forward = 0",
        )


async def test_a_purge_goes_on_after_errors_and_keeps_what_a_second_one_needs() -> None:
    async with a_world() as world:
        await furnished(world)
        world.kernel.fail_at = "DeleteLink"

        with pytest.raises(
            Unavailable, match=r"purge again: network web \(the kernel refused DeleteLink"
        ):
            await world.purge.everything()

        assert [n.name for n in world.store.networks()] == ["web"]
        assert list(world.store.sandboxes()) == []
        assert NO_RULES not in world.kernel.rulesets

        world.kernel.fail_at = None
        await world.purge.everything()
        assert list(world.store.networks()) == []


async def test_nothing_new_is_made_during_and_after_a_purge() -> None:
    async with a_world() as world:
        await world.purge.everything()

        for attempt in (world.network("late"), world.box("late", ()), world.program("late", ())):
            with pytest.raises(Unavailable, match="nothing new is made"):
                await attempt


async def test_the_rules_are_there_before_the_host_forwards() -> None:
    async with a_world() as world:
        world.kernel.sysctls["net/ipv4/ip_forward"] = "0"
        world.steps.reached.clear()

        await world.recovery.restore()

        rules = world.steps.reached.index("kernel.ReplaceRules")
        assert rules < world.steps.reached.index("kernel.SetSysctl")
        assert "the host is no router" in world.kernel.rulesets[-1]


async def test_what_cannot_be_swept_away_does_not_keep_the_daemon_from_starting() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")
        await world.sandboxes.start("app")
        stray = SandboxId("f" * 64)
        world.runtime.launched[stray] = world.runtime.launched[world.store.sandbox("app").id]
        world.runtime.unremovable = {stray}

        await restarted(world)

        assert world.store.sandbox("app").running


async def test_an_adopted_bridge_that_was_changing_stays_and_its_links_are_made_anew() -> None:
    async with a_world() as world:
        await world.recovery.restore()
        br0 = IfName("br0")
        mac = Mac("02:00:00:00:00:09")
        await world.kernel.apply([AddBridge(name=br0, mac=mac, mtu=1500, addresses=())])
        world.kernel.links[br0] = replace(world.kernel.links[br0], group=0)  # somebody else's
        wish = network_wish("n1", options=(("com.docker.network.bridge.name", "br0"),))
        network, _ = await world.networks.create(wish)
        await world.box("s1", ["n1"])
        (endpoint,) = world.store.endpoints_of(network.id)
        before = {n: world.kernel.links[n].index for n in (br0, endpoint.link)}
        await world.store.keep_fact(CHANGING + network.id, "n1")

        await restarted(world)

        after = {n: world.kernel.links[n].index for n in (br0, endpoint.link)}
        assert after[br0] == before[br0]
        assert after[endpoint.link] != before[endpoint.link]
        assert world.store.facts(CHANGING) == {}
