"""A kernel in memory, for tests: the same contract, nothing of Linux."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

from fakes.tables import FakeTables, TablesRefused
from seaway.contracts import Steps
from seaway.model.endpoint import Sender
from seaway.model.errors import EngineError, InvalidRequest, KernelRefused
from seaway.model.ids import Address, IfName, Interface, Mac, Prefix
from seaway.model.lease import LeasedRoute
from seaway.model.observed import LinkNews, LinkState, Observed, Surroundings
from seaway.model.parent import Macvlan
from seaway.model.usage import Traffic
from seaway.plan.elements import Elements, whole
from seaway.plan.firewall import NO_RULES
from seaway.plan.lan_guard import GUARD
from seaway.plan.operations import (
    ADOPTED_GROUP,
    BRIDGE_GROUP,
    PARENT_GROUP,
    AddBridge,
    AddDummy,
    AddSwitch,
    AddVlan,
    AdoptBridge,
    Announce,
    Attach,
    AttachLink,
    AttachVeth,
    BindNetns,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeHostRoutes,
    ChangeLeasedRoutes,
    ChangeMtu,
    ChangeRoute,
    ChangeShim,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DetachLink,
    DetachVeth,
    DropVlan,
    ForgetAddress,
    ForgetAmong,
    ForgetPort,
    JoinUplink,
    LeaveNames,
    LeaveUplink,
    NameNetns,
    Operation,
    PassVlan,
    RedirectNames,
    ReleaseBridge,
    Route,
    SetSysctl,
    UnnameNetns,
    inverse,
)
from seaway.plan.reconcile import was_made_by_us


@dataclass
class FakeNetns:
    """What a sandbox's namespace has."""

    links: dict[IfName, Attach] = field(default_factory=dict[IfName, Attach])
    default_routes: dict[int, Route] = field(default_factory=dict[int, Route])
    """By family, 4 or 6."""
    leased_routes: tuple[LeasedRoute, ...] = ()
    advertised: dict[IfName, tuple[Interface, ...]] = field(
        default_factory=dict[IfName, tuple[Interface, ...]]
    )
    """By interface: the addresses that it has by router advertisements, as the test says."""
    names_port: int | None = None
    """Where 127.0.0.11:53 leads to."""

    def cut(self, link: IfName) -> None:
        """Lose the far end of *link*, whatever it is called, with the routes by it."""
        self.lose(
            {n for n, op in self.links.items() if isinstance(op, AttachVeth) and op.link == link}
        )

    def lose(self, gone: Collection[IfName]) -> None:
        """Lose the interfaces *gone*, with the routes by them."""
        self.links = {n: op for n, op in self.links.items() if n not in gone}
        self.default_routes = {v: r for v, r in self.default_routes.items() if r.ifname not in gone}
        self.advertised = {n: held for n, held in self.advertised.items() if n not in gone}


@dataclass
class FakeState:
    """The part of the fake host that operations change."""

    links: dict[IfName, LinkState] = field(
        default_factory=lambda: {IfName("lo"): LinkState(index=1, mtu=65536, up=True)}
    )
    """Links of the host."""
    namespaces: dict[Path, FakeNetns] = field(default_factory=dict[Path, FakeNetns])
    names: dict[Path, Path] = field(default_factory=dict[Path, Path])
    """Symbolic links to namespaces."""
    tables: FakeTables = field(default_factory=FakeTables)
    sysctls: dict[str, str] = field(default_factory=dict[str, str])
    """The settings that this kernel has."""
    host_routes: dict[Address, IfName] = field(default_factory=dict[Address, IfName])
    last_index: int = 1


class FakeKernel:
    """Linux as far as the contract goes.

    A test reads ``links``, ``namespaces``, ``names``, ``elements``, ``sysctls``, ``rulesets`` and
    ``operations`` (all that were carried out, in order), sets what is observed, and makes an
    operation fail by its class name in ``fail_at``.
    """

    def __init__(self, steps: Steps | None = None) -> None:
        self._steps = steps
        self._state = FakeState()
        self.operations: list[Operation] = []
        self.rulesets: list[str] = []
        """Each text that was loaded whole."""
        self.foreign: set[Path] = set()
        """Namespaces made by somebody else, to be bound."""
        self._strangers: dict[Path, FakeNetns] = {}
        self.fail_at: str | None = None
        self.routes: tuple[Prefix, ...] = ()
        self.addresses: tuple[Address, ...] = ()
        self.default_mtu = 1500
        self.dropped: dict[Sender, int] = {}
        self.carried: dict[IfName, Traffic] = {}
        self.gateways: tuple[Address, ...] = ()
        self.around = Surroundings(name=IfName("eth0"))
        self.neighbours: dict[tuple[IfName, Address], Mac] = {}
        """Who on the LANs behind links of the host has which addresses."""
        self.questions: list[tuple[IfName, tuple[Address, ...], float]] = []
        """What ``who_has`` was asked, in order."""
        self.tell_links: Callable[[LinkNews], None] = lambda news: None
        self.watched: dict[Path, Callable[[], None]] = {}
        """Namespaces whose addresses are watched, with whom to tell."""

    @property
    def links(self) -> dict[IfName, LinkState]:
        """Links of the host; a test may take one away by hand."""
        return self._state.links

    @property
    def namespaces(self) -> dict[Path, FakeNetns]:
        """The bound namespaces."""
        return self._state.namespaces

    @property
    def names(self) -> dict[Path, Path]:
        """The symbolic links to namespaces."""
        return self._state.names

    @property
    def elements(self) -> Elements:
        """The firewall's elements."""
        return self._state.tables.elements

    @property
    def host_routes(self) -> dict[Address, IfName]:
        """The addresses that the host reaches by links of its own, with these."""
        return self._state.host_routes

    @property
    def sysctls(self) -> dict[str, str]:
        """Settings by their path under /proc/sys."""
        return self._state.sysctls

    async def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out all of *operations*, in order, or undo them; raises as the contract says."""
        before = len(self.operations)
        try:
            for op in operations:
                self._step(op)
        except EngineError:
            for op in reversed(self.operations[before:]):
                self._undo(op)
            del self.operations[before:]
            raise

    async def remove(self, operations: Sequence[Operation]) -> None:
        """Carry out *operations* of removal, going on after errors; raises an ExceptionGroup."""
        errors: list[KernelRefused] = []
        for op in operations:
            try:
                self._step(op.left(self.elements) if isinstance(op, ChangeElements) else op)
            except KernelRefused as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("not everything could be removed", errors)

    async def replace_rules(self, rules: str, elements: Elements = frozenset()) -> None:
        """Have the tables of *rules* with *elements*, and keep their text as the last of ``rulesets``."""
        self._reach("ReplaceRules")
        self.load(rules, elements)
        self.rulesets.append(whole(rules, elements))

    async def remove_rules(self) -> None:
        """Have no tables, and keep that as the last of ``rulesets``."""
        self._reach("RemoveRules")
        self._state.tables = FakeTables()
        self.rulesets.append(NO_RULES)

    def load(self, rules: str, elements: Elements = frozenset()) -> None:
        """Have the tables of *rules* with *elements*, which are there when a test begins."""
        try:
            self._state.tables = FakeTables.of(rules + GUARD, elements)
        except TablesRefused as error:
            raise KernelRefused("ReplaceRules", str(error)) from error

    def reboot(self) -> None:
        """Forget all but the settings, which the host's own boot sets."""
        self._state = FakeState(sysctls=self.sysctls)

    async def observe(self) -> Observed:
        """What the fake has."""
        self._reach("Observe")
        return Observed(
            links=dict(self.links),
            routes=self.routes,
            default_mtu=self.default_mtu,
            addresses=self.addresses,
            gateways=self.gateways,
            host_routes={
                link: tuple(a for a, by in self.host_routes.items() if by == link)
                for link in self.host_routes.values()
            },
        )

    async def open_socket(
        self, netns: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket of the test's own namespace, whatever *netns*."""
        self._reach("OpenSocket")
        if netns is not None:
            self._netns("OpenSocket", netns)
        sock = socket.socket(family, kind | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        return sock

    async def sysctl(self, path: str) -> str | None:
        """The value of a setting, as the test or SetSysctl left it."""
        self._reach("ReadSysctl")
        return self.sysctls.get(path)

    async def bound(self, directory: Path) -> Mapping[Path, bool]:
        """The namespaces, and names of them, right in *directory*."""
        self._reach("Bound")
        found = {path: True for path in self.namespaces if path.parent == directory}
        for name, path in self.names.items():
            if name.parent == directory:
                found[name] = path in self.namespaces
        return found

    async def drops(self) -> Mapping[Sender, int]:
        """What the test put into ``dropped``."""
        return dict(self.dropped)

    async def links_inside(self, netns: Path) -> Mapping[IfName, LinkState]:
        """What the fake has inside: the links on parents that are still there, with their addresses."""
        self._reach("ReadLinks")
        inside = self._netns("ReadLinks", netns)
        return {
            name: LinkState(
                index=n,
                mtu=1500,
                up=True,
                interfaces=(*op.addresses, *(own := inside.advertised.get(name, ()))),
                autoconfigured=own,
                group=PARENT_GROUP,
                kind="macvlan" if isinstance(op.link, Macvlan) else "ipvlan",
                mac=op.mac,
                lower=self.links[op.parent].index,
            )
            for n, (name, op) in enumerate(inside.links.items(), 2)
            if isinstance(op, AttachLink) and op.parent in self.links
        }

    async def surroundings(self, link: IfName) -> Surroundings:
        """What the test put into ``around``."""
        self._reach("ReadSurroundings")
        return replace(self.around, name=link)

    async def who_has(
        self, parent: IfName, addresses: Collection[Address], seconds: float
    ) -> Mapping[Address, Mac]:
        """Those in ``neighbours``, and whom a bridge joins to the host; at once."""
        self._reach("WhoHas")
        self.questions.append((parent, tuple(addresses), seconds))
        joined = {
            address.ip: op.mac
            for inside in self.namespaces.values()
            for op in inside.links.values()
            if isinstance(op, AttachVeth) and op.bridge == parent
            for address in op.addresses
        }
        there = {a: mac for (link, a), mac in self.neighbours.items() if link == parent}
        return {a: mac for a, mac in (joined | there).items() if a in addresses}

    async def watch_links(self, changed: Callable[[LinkNews], None]) -> None:
        """A test says itself that links changed, by ``tell_links``."""
        self.tell_links = changed

    async def watch_addresses(self, netns: Path, changed: Callable[[], None]) -> None:
        """Remember whom to tell of what a test does by ``advertise``."""
        self._reach("OpenSocket")
        self._netns("OpenSocket", netns)
        self.watched[netns] = changed

    def stop_watching(self, netns: Path) -> None:
        """Nobody is told any more."""
        self.watched.pop(netns, None)

    def advertise(self, netns: Path, link: IfName, *addresses: Interface) -> None:
        """A router gives *link* in *netns* these addresses, if it listens to any."""
        inside = self.namespaces[netns]
        op = inside.links.get(link)
        if isinstance(op, AttachLink) and op.autoconf:
            inside.advertised = {**inside.advertised, link: addresses}
            if (tell := self.watched.get(netns)) is not None:
                tell()

    def lose_link(self, name: IfName) -> None:
        """A link of the host goes, with all that is on it."""
        gone = self.links[name]
        self._delete_link(name)
        self._state.host_routes = {a: by for a, by in self.host_routes.items() if by != name}
        for other, link in tuple(self.links.items()):
            if link.lower == gone.index and other in self.links:
                self.lose_link(other)
        for inside in self.namespaces.values():
            on_it = {
                n
                for n, op in inside.links.items()
                if isinstance(op, AttachLink) and op.parent == name
            }
            inside.lose(on_it)

    async def traffic(self, netns: Path) -> Mapping[IfName, Traffic]:
        """What the test put into ``carried``, for the interfaces that are there."""
        self._reach("ReadTraffic")
        there = self._netns("ReadTraffic", netns).links
        return {name: self.carried.get(name, Traffic()) for name in there}

    async def close(self) -> None:
        """Nothing to end."""

    def _reach(self, step: str) -> None:
        if self.fail_at is not None and self.fail_at.removeprefix("kernel.") == step:
            raise KernelRefused(step, "the test wants it to fail")
        if self._steps is not None:
            try:
                self._steps.reach(f"kernel.{step}")
            except Exception as error:
                raise KernelRefused(step, str(error)) from error

    def _step(self, op: Operation) -> None:
        self._reach(type(op).__name__)
        self._do(op)
        self.operations.append(op)

    def _undo(self, op: Operation) -> None:
        """As the kernel's worker does, which tells what it cannot undo in the log only."""
        back = inverse(op)
        if back is not None:
            with suppress(KernelRefused):
                self._do(back)

    def _do(self, op: Operation) -> None:  # noqa: C901
        match op:
            case AddBridge():
                self._add_bridge(op)
            case AdoptBridge():
                self._adopt_bridge(op)
            case ReleaseBridge():
                self._release_bridge(op)
            case DeleteLink():
                if (link := self.links.get(op.name)) and was_made_by_us(op.name, link.group):
                    self._delete_link(op.name)
            case CreateNetns():
                self._bind("CreateNetns", op.path, FakeNetns())
            case BindNetns():
                self._bind("BindNetns", op.path, self._source(op))
            case NameNetns():
                self.names[op.name] = op.path
            case UnnameNetns():
                self.names.pop(op.name, None)
            case DeleteNetns():
                self._delete_netns(op)
            case AttachVeth():
                self._attach(op)
            case DetachVeth():
                self._detach(op)
            case AddSwitch():
                self._add_switch(op)
            case JoinUplink():
                self._join_uplink(op)
            case LeaveUplink():
                self._leave_uplink(op)
            case PassVlan():
                self._pass_vlan(op)
            case DropVlan():
                self._drop_vlan(op)
            case AddVlan():
                self._add_on_parent(op.name, op.parent, op, kind="vlan", vlan=op.vlan)
            case AddDummy():
                self._add_link(
                    op.name,
                    lambda index: LinkState(
                        index=index, mtu=1500, up=True, group=PARENT_GROUP, kind="dummy"
                    ),
                )
            case ChangeShim():
                self._change_shim(op)
            case AttachLink():
                self._attach_link(op)
            case DetachLink():
                if op.netns in self.namespaces:
                    self.namespaces[op.netns].lose({op.ifname})
            case ChangeHostRoutes():
                kept = {r: link for r, link in self.host_routes.items() if r not in op.old}
                new = op.new if op.link in self.links else ()
                self._state.host_routes = {**kept, **dict.fromkeys(new, op.link)}
            case ChangeMtu():
                self._change_mtu(op)
            case ChangeGateways():
                self._change_gateways(op)
            case ChangeAddresses():
                self._change_far_end(op, op.link, op.netns, addresses=op.new)
            case ChangeLeasedRoutes():
                self._netns("ChangeLeasedRoutes", op.netns).leased_routes = op.new
            case ChangeGuard():
                self._change_guard(op)
            case ChangeRoute():
                self._change_route(op)
            case RedirectNames():
                self._netns("RedirectNames", op.netns).names_port = op.port
            case LeaveNames():
                if op.netns in self.namespaces:
                    self.namespaces[op.netns].names_port = None
            case ChangeElements():
                self._change_elements(op.old - op.new, op.new - op.old)
            case ForgetAddress() | ForgetAmong() | ForgetPort() | Announce():
                pass
            case SetSysctl():
                self._check(op.path in self.sysctls, op, "No such file or directory")
                self.sysctls[op.path] = op.value
            case _:
                assert_never(op)

    def _add_bridge(self, op: AddBridge) -> None:
        self._check(op.name not in self.links, op, "File exists")
        lower = self.links.get(op.switch) if op.switch is not None else None
        missing = op.switch is not None and lower is None
        self._check(not missing, op, f"there is no interface {op.switch}")
        on_it = [n for n in self.links.values() if lower and n.lower == lower.index]
        self._check(all(n.vlan != op.vlan for n in on_it), op, "File exists")
        self._add_link(
            op.name,
            lambda index: LinkState(
                index=index,
                mtu=op.mtu,
                up=True,
                group=BRIDGE_GROUP,
                interfaces=op.addresses,
                kind="bridge" if lower is None else "vlan",
                mac=op.mac if lower is None else lower.mac,
                lower=0 if lower is None else lower.index,
                vlan=op.vlan,
            ),
        )

    def _add_switch(self, op: AddSwitch) -> None:
        self._check(op.name not in self.links, op, "File exists")
        self._add_link(
            op.name,
            lambda index: LinkState(
                index=index,
                mtu=65535,
                up=True,
                group=BRIDGE_GROUP,
                kind="bridge",
                mac=op.mac,
                filters_vlans=True,
            ),
        )

    def _join_uplink(self, op: JoinUplink) -> None:
        link = self.links.get(op.name)
        if link is None:
            raise KernelRefused("JoinUplink", f"the host has no interface {op.name}")
        self._check(op.bridge in self.links, op, f"there is no interface {op.bridge}")
        is_free = link.master in {None, op.bridge}
        self._check(is_free, op, f"{op.name} is part of another bridge or bond")
        self.links[op.name] = replace(link, master=op.bridge, up=True)

    def _leave_uplink(self, op: LeaveUplink) -> None:
        link = self.links.get(op.name)
        if link is not None and link.master == op.bridge:
            up = link.up and op.up
            self.links[op.name] = replace(link, master=None, up=up, vlans=frozenset())

    def _pass_vlan(self, op: PassVlan) -> None:
        switch = self.links.get(op.switch)
        self._check(switch is not None, op, f"there is no interface {op.switch}")
        is_one = switch is not None and switch.filters_vlans
        self._check(is_one, op, f"{op.switch} does not keep VLANs apart")
        for name in self._ends(op):
            link = self.links[name]
            self.links[name] = replace(link, vlans=link.vlans | {op.vlan})

    def _drop_vlan(self, op: DropVlan) -> None:
        for name in self._ends(op):
            link = self.links[name]
            self.links[name] = replace(link, vlans=link.vlans - {op.vlan})

    def _ends(self, op: PassVlan | DropVlan) -> list[IfName]:
        """The switch, and its uplink if it is a port of it."""
        link = self.links.get(op.uplink) if op.uplink is not None else None
        joined = op.uplink if link is not None and link.master == op.switch else None
        return [n for n in (op.switch, joined) if n is not None and n in self.links]

    def _change_gateways(self, op: ChangeGateways) -> None:
        self._check(op.bridge in self.links, op, f"there is no interface {op.bridge}")
        link = self.links[op.bridge]
        kept = tuple(a for a in link.interfaces if a not in op.old)
        self.links[op.bridge] = replace(link, interfaces=(*kept, *op.new))

    def _adopt_bridge(self, op: AdoptBridge) -> None:
        link = self.links.get(op.name)
        if link is None or link.kind != "bridge":
            raise KernelRefused("AdoptBridge", f"there is no bridge {op.name}")
        new = [a for a in op.addresses if a not in link.interfaces]
        self.links[op.name] = replace(
            link, up=True, group=ADOPTED_GROUP, interfaces=(*link.interfaces, *new)
        )

    def _release_bridge(self, op: ReleaseBridge) -> None:
        link = self.links.get(op.name)
        if link is not None:
            kept = tuple(a for a in link.interfaces if a not in op.addresses)
            self.links[op.name] = replace(link, up=op.up, group=op.group, interfaces=kept)

    def _attach(self, op: AttachVeth) -> None:
        inside = self._netns("AttachVeth", op.netns)
        self._check(op.bridge in self.links, op, f"there is no interface {op.bridge}")
        taken = op.link in self.links or op.ifname in inside.links or op.ifname == "lo"
        self._check(not taken, op, "File exists")
        is_fine = op.vlan is None or self.links[op.bridge].filters_vlans
        self._check(is_fine, op, f"{op.bridge} does not keep VLANs apart")
        vlans = frozenset[int]() if op.vlan is None else frozenset({op.vlan})
        self._add_link(
            op.link,
            lambda index: LinkState(
                index=index, mtu=op.mtu, up=True, master=op.bridge, vlans=vlans
            ),
        )
        inside.links[op.ifname] = op

    def _add_on_parent(self, name: IfName, parent: IfName, op: Operation, **more: object) -> None:
        there = self.links.get(name)
        if there is not None and there.kind == "vlan":
            return
        self._check(there is None, op, "File exists")
        self._check(parent in self.links, op, f"the host has no interface {parent}")
        lower = self.links[parent]

        def made(index: int) -> LinkState:
            link = LinkState(
                index=index, mtu=lower.mtu, up=True, group=PARENT_GROUP, lower=lower.index
            )
            return replace(link, **more)  # type: ignore[arg-type]

        self._add_link(name, made)

    def _change_shim(self, op: ChangeShim) -> None:
        if op.new is None:
            assert op.old is not None
            self._delete_link(op.old.name)
            routes = self.host_routes.items()
            self._state.host_routes = {a: link for a, link in routes if link != op.old.name}
        elif op.old is None:
            self._add_on_parent(op.new.name, op.new.parent, op, interfaces=op.new.addresses)
        elif (there := self.links.get(op.new.name)) is not None:
            self.links[op.new.name] = replace(there, interfaces=op.new.addresses)

    def _attach_link(self, op: AttachLink) -> None:
        inside = self._netns("AttachLink", op.netns)
        self._check(op.parent in self.links, op, f"the host has no interface {op.parent}")
        self._check(op.ifname not in inside.links and op.ifname != "lo", op, "File exists")
        inside.links[op.ifname] = op

    def _change_mtu(self, op: ChangeMtu) -> None:
        if op.netns is not None:
            self._change_far_end(op, op.link, op.netns, mtu=op.new)
        elif op.link in self.links:
            assert op.new is not None
            self.links[op.link] = replace(self.links[op.link], mtu=op.new)

    def _change_guard(self, op: ChangeGuard) -> None:
        for inside in self.namespaces.values():
            for name, made in inside.links.items():
                if isinstance(made, AttachVeth) and made.link == op.link:
                    inside.links[name] = replace(made, guarded=op.new)

    def _change_far_end(self, op: Operation, link: IfName, netns: Path, **new: object) -> None:
        inside = self._netns(type(op).__name__, netns)
        name = next((n for n, made in inside.links.items() if _is_named(made, link)), None)
        if name is not None:
            inside.links[name] = replace(inside.links[name], **new)  # type: ignore[arg-type]

    def _detach(self, op: DetachVeth) -> None:
        """The far end is found by the near one, whatever it is called by now."""
        if self.links.pop(op.link, None) is not None:
            self._cut(op.link)

    def _cut(self, link: IfName) -> None:
        for inside in self.namespaces.values():
            inside.cut(link)

    def _change_route(self, op: ChangeRoute) -> None:
        if (new := op.new) is None:
            if op.netns in self.namespaces:
                self.namespaces[op.netns].default_routes.pop(op.version, None)
            return
        inside = self._netns("ChangeRoute", op.netns)
        link = inside.links.get(new.ifname)
        if link is None and op.settled:
            return
        if link is None:
            raise KernelRefused("ChangeRoute", f"there is no interface {new.ifname}")
        if new.gateway is None:
            inside.default_routes[op.version] = new
            return
        reachable = any(new.gateway in address.network for address in link.addresses)
        if op.version == 4:
            self._check(reachable, op, "Nexthop has invalid gateway")
        else:
            self._check(reachable or new.gateway.is_link_local, op, "No route to host")
        inside.default_routes[op.version] = new

    def _delete_link(self, name: IfName) -> None:
        """A bridge lets its ports go; a veth end takes the other with it, and all what is on it."""
        gone = self.links.pop(name, None)
        on_it = [n for n, link in self.links.items() if gone and link.lower == gone.index]
        for upper in on_it:
            self._delete_link(upper)
        for port, state in self.links.items():
            if state.master == name:
                self.links[port] = replace(state, master=None, vlans=frozenset())
        self._cut(name)

    def _delete_netns(self, op: DeleteNetns) -> None:
        """A namespace without users dies with its links, and they with their host's ends."""
        gone = self.namespaces.pop(op.path, None)
        users = (*self._strangers.values(), *self.namespaces.values())
        if gone is not None and not any(gone is user for user in users):
            for link in gone.links.values():
                if isinstance(link, AttachVeth):
                    self.links.pop(link.link, None)

    def _source(self, op: BindNetns) -> FakeNetns:
        """The namespace that *op* binds once more: a stranger's, or one that is bound already."""
        if op.source in self.foreign:
            return self._strangers.setdefault(op.source, FakeNetns())
        if op.source not in self.namespaces:
            raise InvalidRequest(f"cannot adopt {op.source}: there is no network namespace there")
        return self.namespaces[op.source]

    def _bind(self, step: str, path: Path, netns: FakeNetns) -> None:
        if path in self.namespaces:
            raise KernelRefused(step, f"{path} is there already")
        self.namespaces[path] = netns

    def _netns(self, step: str, path: Path) -> FakeNetns:
        if path not in self.namespaces:
            raise KernelRefused(step, f"there is no network namespace at {path}")
        return self.namespaces[path]

    def _change_elements(self, gone: Elements, new: Elements) -> None:
        if not (gone or new):
            return
        try:
            self._state.tables = self._state.tables.changed(gone, new)
        except TablesRefused as error:
            raise KernelRefused("ChangeElements", str(error)) from error

    def _add_link(self, name: IfName, made: Callable[[int], LinkState]) -> None:
        self._state.last_index += 1
        self.links[name] = made(self._state.last_index)

    def _check(self, fine: bool, op: Operation, reason: str) -> None:
        if not fine:
            raise KernelRefused(type(op).__name__, reason)


def _is_named(made: Attach, link: IfName) -> bool:
    """Whether *link* means the interface *made*: the near end of a veth pair, or it itself."""
    return (made.link if isinstance(made, AttachVeth) else made.ifname) == link
