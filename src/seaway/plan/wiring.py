"""How a sandbox hangs on its networks, and which operations lead from one way of hanging to another.

Connecting, disconnecting, publishing, starting and stopping are all the same question: the wiring
was this, it shall be that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from seaway.model.endpoint import Endpoint, Place
from seaway.model.ids import Address, IfName, NetworkId
from seaway.model.network import Network, Reach
from seaway.model.observed import LinkState
from seaway.model.port import Proto, PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.changes import changed
from seaway.plan.elements import Elements
from seaway.plan.firewall import (
    direct_elements,
    guard_elements,
    is_direct,
    link_elements,
    port_elements,
)
from seaway.plan.operations import (
    ChangeElements,
    ChangeRoute,
    ForgetAddress,
    ForgetPort,
    Operation,
    Route,
)
from seaway.plan.zone import Upstream, View

VERSIONS = (4, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """An endpoint on its network."""

    network: Network
    endpoint: Endpoint

    @property
    def place(self) -> Place:
        """Where the endpoint is: one that is wired has a place."""
        assert self.endpoint.place is not None
        return self.endpoint.place


class Cabling(Protocol):
    """What wiring needs of a driver."""

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> Sequence[Operation]:
        """What makes an endpoint's interface in *netns* what *after* says; None: there is none."""
        ...

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Whether its interface is there, with *host*'s links and those *inside*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The live endpoints of a sandbox, in the order of connecting, and its published ports."""

    attachments: tuple[Attachment, ...] = ()
    ports: tuple[PublishedPort, ...] = ()


UNWIRED = Wiring()


def default_attachment(wiring: Wiring, version: int) -> Attachment | None:
    """The attachment by whose gateway the default route of family *version* goes.

    The highest gateway priority wins, among equals the first connected. An internal network leads
    nowhere.
    """
    able = [a for a in wiring.attachments if leads_out(a, version)]
    return max(able, key=lambda a: (a.endpoint.wish.gw_priority, -a.endpoint.order), default=None)


def leads_out(attachment: Attachment, version: int) -> bool:
    """Whether *attachment* leads to the outside in family *version*, by a gateway or without.

    Where routers advertise what there is, now or later, it is theirs to lead there.
    """
    place, network = attachment.endpoint.place, attachment.network
    if network.internal or place is None:
        return False
    if version == 6 and network.autoconf:
        return True
    if place.address(version) is None:
        return False
    return not network.options.has_gateway or gateway(attachment, version) is not None


def gateway(attachment: Attachment, version: int) -> Address | None:
    """By whom *attachment* leads to the outside in family *version*, if anybody is between."""
    place, network = attachment.endpoint.place, attachment.network
    address = place.address(version) if place is not None else None
    if network.internal or address is None or not network.options.has_gateway:
        return None
    if place is not None and place.lease is not None and version == 4:
        return place.lease.gateway
    subnet = network.subnet_with(address)
    return subnet.way_out if subnet is not None else None


def reach(wiring: Wiring, version: int) -> Reach:
    """Where published ports are reached in family *version*: as the default route's network says."""
    attachment = default_attachment(wiring, version)
    return Reach.NOWHERE if attachment is None else attachment.network.reach(version)


def target(wiring: Wiring, version: int) -> Address | None:
    """Where published ports lead in family *version*: the address on the default route's network."""
    attachment = default_attachment(wiring, version)
    if attachment is None or attachment.endpoint.place is None:
        return None
    if attachment.network.reach(version) is Reach.NOWHERE:
        return None
    return attachment.endpoint.place.address(version)


def elements(wiring: Wiring) -> Elements:
    """What the firewall must know of a sandbox that hangs so."""
    found: Elements = frozenset()
    for a in wiring.attachments:
        found |= guard_elements(a.network, a.endpoint) | link_elements(a.network, a.endpoint)
    bridges = [b for a in wiring.attachments if (b := a.network.options.bridge) is not None]
    for version in VERSIONS if wiring.ports else ():
        if (address := target(wiring, version)) is not None:
            if reach(wiring, version) is Reach.HOST:
                found |= port_elements(wiring.ports, address, bridges)
            if _is_direct(wiring, version):
                found |= direct_elements(wiring.ports, address)
    return found


def _is_direct(wiring: Wiring, version: int) -> bool:
    """Whether published ports are reached at the sandbox's own address, by everybody or by some."""
    attachment = default_attachment(wiring, version)
    return attachment is not None and (
        attachment.network.reach(version) is Reach.OWN or bool(attachment.network.options.trusted)
    )


def change_ops(
    before: Wiring, after: Wiring, netns: Path, cabling: Cabling, *, cut_streams: bool = False
) -> tuple[Operation, ...]:
    """What Linux must do so that a sandbox that hung as *before* hangs as *after*.

    Links are cut before the rules let go of them, and made after the rules know them, so the source
    guard has no gap. With *cut_streams* open TCP streams of ports that lead elsewhere now end too.
    """
    before, after = _changing(before, after)
    gone, new = beyond(before, after), beyond(after, before)
    known, wanted = elements(before), elements(after)
    return (
        *(o for a in gone for o in cabling.endpoint_ops(a, None, netns)),
        *([ChangeElements(old=known, new=wanted)] if known != wanted else []),
        *(o for a, b in _kept(before, after) for o in cabling.endpoint_ops(a, b, netns)),
        *(o for a in new for o in cabling.endpoint_ops(None, a, netns)),
        *_route_ops(before, after, netns),
        *(ForgetAddress(address=ip) for a in gone for ip in _addresses(a)),
        *_flow_ops(before, after, cut_streams=cut_streams),
    )


def _changing(before: Wiring, after: Wiring) -> tuple[Wiring, Wiring]:
    """Both without the ports that stay as they are, so that one more costs the same at any number.

    One of them in each family is left: what holds as long as any is published does not change.
    """
    if before.attachments != after.attachments or any(_is_direct(before, v) for v in VERSIONS):
        return before, after
    gone, new = changed(before.ports, after.ports)
    same = (*before.ports[: gone.start], *before.ports[gone.stop :])
    left = {next((p for p in same if p.is_on(version)), None) for version in VERSIONS}
    kept = tuple(p for p in left if p is not None)
    return (
        Wiring(attachments=before.attachments, ports=(*kept, *before.ports[gone])),
        Wiring(attachments=after.attachments, ports=(*kept, *after.ports[new])),
    )


def _ids(wiring: Wiring) -> frozenset[str]:
    return frozenset(a.endpoint.id for a in wiring.attachments)


def _kept(before: Wiring, after: Wiring) -> list[tuple[Attachment, Attachment]]:
    """The endpoints of both that are not the same in both: they, or their networks, were changed."""
    former = {a.endpoint.id: a for a in before.attachments}
    both = ((former[a.endpoint.id], a) for a in after.attachments if a.endpoint.id in former)
    return [(a, b) for a, b in both if a is not b and a != b]


def _addresses(attachment: Attachment) -> list[Address]:
    place = attachment.endpoint.place
    return [a.ip for a in place.interfaces] if place else []


def route(wiring: Wiring, version: int) -> Route | None:
    """The default route of family *version*, if one is ours to set: that of an advertisement is Linux's."""
    attachment = default_attachment(wiring, version)
    if attachment is None or attachment.endpoint.place is None:
        return None
    if version == 6 and attachment.network.autoconf:
        return None
    way = gateway(attachment, version)
    return Route(ifname=attachment.endpoint.place.ifname, gateway=way)


def _route_ops(before: Wiring, after: Wiring, netns: Path) -> list[Operation]:
    ways = [(version, route(before, version), route(after, version)) for version in VERSIONS]
    there = _ids(before)
    return [
        ChangeRoute(
            netns=netns,
            version=version,
            old=old,
            new=new,
            settled=(way := default_attachment(after, version)) is None or way.endpoint.id in there,
        )
        for version, old, new in ways
        if old != new
    ]


def _flow_ops(before: Wiring, after: Wiring, *, cut_streams: bool) -> list[Operation]:
    """Forget the flows of ports that lead elsewhere now: connection tracking would keep them there."""
    found: dict[Operation, None] = {}
    for version in VERSIONS:
        changed = _leading(before, version) ^ _leading(after, version)
        for flow in sorted({f for f, _, _ in changed}, key=lambda f: (f.proto, f.host_port)):
            if flow.proto is not Proto.TCP or cut_streams:
                found[flow] = None
    return list(found)


def _leading(wiring: Wiring, version: int) -> frozenset[tuple[ForgetPort, PublishedPort, Address]]:
    """The flows of the ports that lead somewhere in family *version*, with which and where."""
    at = target(wiring, version) if wiring.ports else None
    if at is None:
        return frozenset()
    ports = [p for p in wiring.ports if p.is_on(version)]
    by_host = ports if reach(wiring, version) is Reach.HOST else ()
    direct = ports if _is_direct(wiring, version) else ()
    return frozenset(
        (
            *((_flow(p, version, p.one_host, p.host_port), p, at) for p in by_host),
            *((_flow(p, version, at, p.port), p, at) for p in direct if is_direct(p, version)),
        )
    )


def _flow(port: PublishedPort, version: int, address: Address | None, number: int) -> ForgetPort:
    return ForgetPort(
        proto=port.proto, version=version, host=address, host_port=number, count=port.count
    )


# Wirings of one sandbox


def wired(sandbox: Sandbox, attachments: Iterable[Attachment]) -> Wiring:
    """How *sandbox* hangs now whose *attachments* these are: by those that are live."""
    live = (a for a in attachments if a.endpoint.live and a.endpoint.place is not None)
    return Wiring(attachments=tuple(live), ports=sandbox.status.published)


def with_network(wiring: Wiring, attachment: Attachment) -> Wiring:
    """*wiring* with one attachment more."""
    return replace(wiring, attachments=(*wiring.attachments, attachment))


def with_endpoint(wiring: Wiring, endpoint: Endpoint) -> Wiring:
    """*wiring* with *endpoint* in place of what it was."""
    attachments = tuple(
        replace(a, endpoint=endpoint) if a.endpoint.id == endpoint.id else a
        for a in wiring.attachments
    )
    return replace(wiring, attachments=attachments)


def without_network(wiring: Wiring, network: NetworkId) -> Wiring:
    """*wiring* without the attachment to *network*."""
    kept = tuple(a for a in wiring.attachments if a.network.id != network)
    return replace(wiring, attachments=kept)


def beyond(one: Wiring, other: Wiring) -> list[Attachment]:
    """The attachments of *one* that *other* lacks."""
    there = _ids(other)
    return [a for a in one.attachments if a.endpoint.id not in there]


def ways_in(wiring: Wiring, *reaches: Reach) -> tuple[int, ...]:
    """The families in which published ports of a sandbox that hangs so are reached, by *reaches* alone.

    None given: in whatever way.
    """
    wanted = reaches or (Reach.HOST, Reach.OWN)
    return tuple(v for v in VERSIONS if reach(wiring, v) in wanted)


def waiting(sandbox: Sandbox, wiring: Wiring) -> list[PublishedPort]:
    """What *sandbox* asked for and *wiring* does not publish."""
    wanted = sandbox.wanted_ports
    met = counterparts(wanted, wiring.ports)
    return [p for p in wanted if p not in met]


def bound(ports: Sequence[PublishedPort], wiring: Wiring) -> tuple[PublishedPort, ...]:
    """*ports*, those without a host address at the one that their network prefers, if it does."""
    attachment = default_attachment(wiring, 4)
    has_host = attachment is not None and reach(wiring, 4) is Reach.HOST
    host = attachment.network.options.host_binding if attachment and has_host else None
    return tuple(replace(p, host=host) if host and p.host is None else p for p in ports)


def published(sandbox: Sandbox, wiring: Wiring) -> tuple[Sandbox, ...]:
    """*sandbox* as it is to be kept when it hangs so; nothing when its ports are as they were."""
    if wiring.ports == sandbox.status.published:
        return ()
    former = former_ports(sandbox, wiring.ports)
    status = replace(sandbox.status, published=wiring.ports, former=former)
    return (replace(sandbox, status=status),)


def former_ports(
    sandbox: Sandbox, ports: Sequence[PublishedPort] = ()
) -> tuple[PublishedPort, ...]:
    """What *sandbox* publishes, or did last, by a number that it did not ask for, and *ports* lack."""
    wanted, last = sandbox.wanted_ports, (*sandbox.status.published, *sandbox.status.former)
    free = [p for p in wanted if not p.host_port]
    if not free or not last:
        return ()
    met, there = counterparts(wanted, last), frozenset(ports)
    held = (met[p] for p in free if p in met and met[p].host_port)
    return tuple(p for p in held if p not in there)


def view(sandbox: Sandbox, wiring: Wiring) -> View:
    """Whose names *sandbox* sees when it hangs so, and whom it may ask for others."""
    return View(
        networks=tuple(a.network.id for a in wiring.attachments),
        forwards=any(not a.network.internal for a in wiring.attachments),
        upstreams=tuple(Upstream(address=a, from_host=False) for a in _servers(sandbox, wiring))
        or None,
    )


def _servers(sandbox: Sandbox, wiring: Wiring) -> Iterable[Address]:
    """The name servers of its own, else those of its networks that lead outside."""
    of_networks = (
        s
        for a in wiring.attachments
        if not a.network.internal
        for s in a.network.options.dns or a.place.dns
    )
    return sandbox.dns.servers or dict.fromkeys(of_networks)
