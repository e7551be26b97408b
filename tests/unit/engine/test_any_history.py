"""After any history of use cases, some of which failed halfway, Linux is what the store wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.world import World, a_world, network_wish, tcp, udp
from seaway.contracts import Hold
from seaway.engine.adoptions import KEPT
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import EngineError
from seaway.model.ids import IfName, Mac, SandboxName, sandbox_name
from seaway.model.network import NetworkChange, NetworkWish, Reach, SubnetWish
from seaway.model.observed import LinkNews, LinkState
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Netns, Sandbox
from seaway.plan.elements import Elements
from seaway.plan.firewall import guarded, network_elements
from seaway.plan.operations import ADOPTED_GROUP, AttachVeth
from seaway.plan.wiring import VERSIONS, Attachment, Wiring, elements, route, ways_in


@dataclass(frozen=True)
class Step:
    """One use case, and the number of its effect that fails (None: none does)."""

    verb: str
    sandbox: str
    network: str
    fails_at: int | None


UseCase = Callable[[World, str, str], Awaitable[object]]
"""Of a world, a sandbox's name and a network's."""


def other(box: str) -> SandboxName:
    """The next sandbox's name."""
    return sandbox_name(f"s{(int(box[1]) + 1) % 3}")


BRIDGE = "com.docker.network.bridge."
OLD = IfName("br0")
"""Somebody else's bridge, on which the network "lab" is."""
SOMEBODYS = LinkState(index=99, mtu=1500, up=False, kind="bridge", mac=Mac("02:00:00:00:00:99"))


ETH0 = IfName("eth0")
"""The host's interface, in a VLAN of which the network "lan" is; it goes and returns."""
HOST = LinkState(index=90, mtu=1500, up=True, mac=Mac("02:00:00:00:00:90"))
ON_LAN = (("parent", "eth0.7"), ("seaway.host_access", "true"))


def plug_in(world: World) -> None:
    """The host has its interface, or has it again, with another index."""
    if ETH0 not in world.kernel.links:
        world.kernel.links[ETH0] = replace(HOST, index=HOST.index + world.clock.now())
        world.kernel.tell_links(LinkNews(came=frozenset({ETH0})))


def pull_out(world: World) -> None:
    """The host loses its interface, and all that is on it."""
    if ETH0 in world.kernel.links:
        world.kernel.lose_link(ETH0)
        world.kernel.tell_links(LinkNews(went=frozenset({ETH0})))


async def plugging(world: World, work: Callable[[World], None]) -> None:
    """As a use case: the daemon does what it does by itself."""
    work(world)
    for _ in range(60):
        await asyncio.sleep(0)


def a_network(name: str) -> NetworkWish:
    """One with IPv6, one without, one internal, one on somebody else's bridge, one on the LAN."""
    if name == "lan":
        return network_wish(name, ipv6=True, driver="macvlan", options=ON_LAN)
    wish = network_wish(name, ipv6=name in {"n1", "lab"}, internal=name == "inner")
    return replace(wish, options=((f"{BRIDGE}name", OLD),)) if name == "lab" else wish


def mode(word: str) -> NetworkChange:
    """Hang on the host so in IPv4."""
    return NetworkChange(options=((f"{BRIDGE}gateway_mode_ipv4", word),))


def option(name: str, value: str | None) -> NetworkChange:
    """Have one option of the driver so."""
    return NetworkChange(options=((name, value),))


BINDING = f"{BRIDGE}host_binding_ipv4"
ISOLATED = NetworkChange(
    options=(
        ("com.docker.network.bridge.enable_icc", "false"),
        ("com.docker.network.driver.mtu", "1400"),
    ),
)


def wider(world: World, net: str) -> NetworkChange:
    """A subnet more of the family that the network lacks; of IPv4 when it has both."""
    number = len(world.store.networks()) * 8 + int(net == "n1") * 4 + world.clock.now() % 4
    has_ipv6 = 6 in world.store.network(net).versions
    prefix = f"10.99.{number}.0/24" if has_ipv6 else f"fd99:{number}::/64"
    return NetworkChange(add_subnets=(SubnetWish(prefix=ip_network(prefix)),))


USE_CASES: dict[str, UseCase] = {
    "create_network": lambda w, _, net: w.networks.create(a_network(net)),
    "remove_network": lambda w, _, net: w.networks.remove(net),
    "box": lambda w, box, net: w.box(box, [net], ports=(tcp(8000 + int(box[1]), 80),)),
    "program": lambda w, box, net: w.program(box, [net], ports=(tcp(0, 80),)),
    "start": lambda w, box, _: w.sandboxes.start(box),
    "stop": lambda w, box, _: w.sandboxes.stop(box, timeout=0),
    "connect": lambda w, box, net: w.endpoints.connect(net, box, EndpointWish()),
    "connect_first": lambda w, box, net: w.endpoints.connect(net, box, EndpointWish(gw_priority=1)),
    "disconnect": lambda w, box, net: w.endpoints.disconnect(net, box),
    "publish": lambda w, box, _: w.ports.publish(box, [udp(53, 53)]),
    "publish_random": lambda w, box, _: w.ports.publish(box, [tcp(0, 81)]),
    "unpublish": lambda w, box, _: w.ports.unpublish(box, [udp(53, 53)]),
    "rename": lambda w, box, _: w.sandboxes.rename(box, other(box)),
    "close": lambda w, _, net: w.updates.update(net, NetworkChange(internal=True)),
    "open": lambda w, _, net: w.updates.update(net, NetworkChange(internal=False)),
    "isolate": lambda w, _, net: w.updates.update(net, ISOLATED),
    "route": lambda w, _, net: w.updates.update(net, mode("routed")),
    "translate": lambda w, _, net: w.updates.update(net, mode("nat")),
    "unguard": lambda w, _, net: w.updates.update(net, option("seaway.source_guard", "false")),
    "bind": lambda w, _, net: w.updates.update(net, option(BINDING, "127.0.0.1")),
    "unbind": lambda w, _, net: w.updates.update(net, option(BINDING, None)),
    "label": lambda w, _, net: w.updates.update(net, NetworkChange(labels=(("a", "b"),))),
    "plan": lambda w, _, net: w.updates.plan(net, ISOLATED),
    "widen": lambda w, _, net: w.updates.update(net, wider(w, net)),
    "remove": lambda w, box, _: w.sandboxes.remove(box, force=True),
    "restart": lambda w, _box, _net: restart(w),
    "plug_in": lambda w, _box, _net: plugging(w, plug_in),
    "pull_out": lambda w, _box, _net: plugging(w, pull_out),
}
SELDOM = ("create_network", "remove_network", "remove", "restart", "rename", "widen", "pull_out")
"""What ends much; the others are drawn four times as often."""
HISTORIES = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from([*SELDOM, *(v for v in USE_CASES if v not in SELDOM for _ in "1234")]),
        sandbox=st.sampled_from(["s0", "s1", "s2"]),
        network=st.sampled_from(["n0", "n1", "inner", "lab", "lan"]),
        fails_at=st.none() | st.integers(0, 8),
    ),
    min_size=10,
    max_size=30,
)


REMOVALS = {"remove_network", "stop", "disconnect", "unpublish", "remove", "restart"}
"""What may stop halfway when it fails, and is finished by saying it again.

A start of the daemon goes on, and tells what it could not make whole.
"""


async def restart(world: World) -> None:
    """The daemon dies, and starts again."""
    await world.die()
    world.join()
    await world.recovery.restore()


async def furnish(world: World) -> None:
    """Something to begin with: networks of all kinds, a namespace and a running program."""
    for name in ("n0", "n1", "inner", "lab", "lan"):
        await carry_out(world, Step("create_network", "s0", name, None))
    for verb, sandbox, network in (
        ("box", "s0", "n0"),
        ("program", "s1", "n1"),
        ("start", "s1", "n1"),
    ):
        await carry_out(world, Step(verb, sandbox, network, None))


async def carry_out(world: World, step: Step) -> None:
    """Carry out *step*, which may be refused, or made to fail."""

    def use_case() -> Awaitable[object]:
        return USE_CASES[step.verb](world, step.sandbox, step.network)

    world.steps.arm(step.fails_at)
    failed = await refused(use_case)
    hit = step.fails_at is not None and len(world.steps.reached) > step.fails_at
    world.steps.arm(None)
    if hit and (step.verb == "restart" or (failed and step.verb in REMOVALS)):
        await refused(use_case)
    if hit and step.verb == "plug_in":  # it is tried again by itself, some seconds later
        await plugging(world, lambda w: w.kernel.tell_links(LinkNews(came=frozenset({ETH0}))))
    for _ in range(20):
        await asyncio.sleep(0)


async def refused(work: Callable[[], Awaitable[object]]) -> bool:
    """Whether *work* was refused, in a sentence of ours."""
    was_refused = False
    try:
        await work()
    except* EngineError:
        was_refused = True
    return was_refused


def seen(world: World) -> dict[str, object]:
    """What the world has."""
    return {
        "links": {
            n: (state.master, state.mtu, frozenset(state.interfaces))
            for n, state in world.kernel.links.items()
            if n not in {"lo", ETH0}
        },
        "host routes": dict(world.kernel.host_routes),
        "old bridge": (
            replace(world.kernel.links[OLD], index=99),
            list(world.store.facts(KEPT)),
        ),
        "inside": {
            p: {
                name: (op.mtu, op.addresses, isinstance(op, AttachVeth) and op.guarded)
                for name, op in n.links.items()
            }
            for p, n in world.kernel.namespaces.items()
        },
        "routes": {p: n.default_routes for p, n in world.kernel.namespaces.items()},
        "paths": world.kernel.names,
        "elements": world.kernel.elements,
        "ports": world.host_ports.all_held,
        "names": set(world.names.holders),
        "views": set(world.names.views),
    }


def wanted(world: World) -> dict[str, object]:
    """What the world should have, by what is promised in the store."""
    networks = list(world.store.networks())
    away = {n.id for n in networks if n.options.parent and ETH0 not in world.kernel.links}
    running = [s for s in world.store.sandboxes() if s.running and s.netns is Netns.OWN]
    wirings = {s.id: wiring_of(world, s) for s in running}
    hung = [a for w in wirings.values() for a in w.attachments]
    bridges = {n.id: b for n in networks if (b := n.options.bridge) is not None}
    found: Elements = frozenset()
    for each in (*map(network_elements, networks), *map(elements, wirings.values())):
        found |= each
    return {
        "links": {
            OLD: (None, SOMEBODYS.mtu, frozenset(old_bridge(world)[0].interfaces)),
            **{
                b: (None, n.options.mtu, frozenset(n.bridge_addresses))
                for n in networks
                if (b := n.options.bridge) not in {None, OLD}
            },
            **{
                a.endpoint.link: (bridges[a.network.id], a.network.options.mtu, frozenset())
                for a in hung
                if a.network.id in bridges
            },
            **{
                IfName(name): (None, HOST.mtu, frozenset(map(ip_interface, addresses)))
                for n in networks
                if n.options.parent is not None and n.id not in away
                for name, addresses in (
                    (n.options.parent.name, ()),
                    (str(n.shim), n.host_addresses),
                )
            },
        },
        "host routes": {
            interface.ip: a.network.shim
            for a in hung
            if a.network.shim is not None and a.network.id not in away
            for interface in a.place.addresses
        },
        "old bridge": old_bridge(world),
        "inside": {
            world.paths.bound(s): {
                a.place.ifname: (
                    a.network.options.mtu,
                    a.place.addresses,
                    a.network.id in bridges and guarded(a.network, a.endpoint),
                )
                for a in wirings[s.id].attachments
                if a.network.id not in away
            }
            for s in running
        },
        "routes": {
            world.paths.bound(s): {
                v: way
                for v in VERSIONS
                if (way := route(wirings[s.id], v)) is not None
                and way.ifname
                not in {a.place.ifname for a in wirings[s.id].attachments if a.network.id in away}
            }
            for s in running
        },
        "paths": {world.paths.named(s.name): world.paths.bound(s) for s in running},
        "elements": found,
        "ports": {
            s.id: held for s in running if (held := held_ports(s.status.published, wirings[s.id]))
        },
        "names": {(a.network.id, a.endpoint.id) for a in hung},
        "views": {s.id for s in running},
    }


def old_bridge(world: World) -> tuple[LinkState, list[str]]:
    """Somebody's bridge as it was, or as its network needs it, and the facts that are kept of it."""
    network = next((n for n in world.store.networks() if n.options.bridge == OLD), None)
    if network is None:
        return SOMEBODYS, []
    gateways = network.bridge_addresses
    adopted = replace(
        SOMEBODYS,
        up=True,
        group=ADOPTED_GROUP,
        interfaces=gateways,
    )
    return adopted, [f"{KEPT}bridge:{OLD}"]


def held_ports(ports: Iterable[PublishedPort], wiring: Wiring) -> dict[Hold, set[int]]:
    """What is held for *ports*: in families in which the host translates."""
    families = set(ways_in(wiring, Reach.HOST))
    found = {Hold.of(p): {v for v in families if p.is_on(v)} for p in ports}
    return {hold: versions for hold, versions in found.items() if versions}


def wiring_of(world: World, sandbox: Sandbox) -> Wiring:
    """How *sandbox* hangs by the store."""
    return Wiring(
        attachments=tuple(
            Attachment(network=world.store.network(e.network), endpoint=e)
            for e in world.store.endpoints_of(sandbox.id)
            if e.live
        ),
        ports=sandbox.status.published,
    )


@given(history=HISTORIES)
@settings(max_examples=150)
def test_linux_is_what_the_store_wants_after_any_history(history: list[Step]) -> None:
    async def live() -> None:
        async with a_world() as world:
            world.kernel.links[OLD] = SOMEBODYS
            plug_in(world)
            await world.recovery.restore()
            await furnish(world)
            for step in history:
                await carry_out(world, step)
                assert seen(world) == wanted(world), step

    asyncio.run(live())


@given(history=HISTORIES)
@settings(max_examples=50)
def test_after_any_history_a_purge_leaves_no_trace(history: list[Step]) -> None:
    async def live() -> None:
        async with a_world() as world:
            world.kernel.links[OLD] = SOMEBODYS
            plug_in(world)
            await world.recovery.restore()
            empty = world.snapshot()
            await furnish(world)
            for step in history:
                await carry_out(world, step)
            await plugging(world, plug_in)

            await world.purge.everything()

            assert world.snapshot() == empty

    asyncio.run(live())
