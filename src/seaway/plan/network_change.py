"""What a change of a network means: for Linux, and for the sandboxes that are on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from seaway.model.errors import Forbidden, InvalidRequest
from seaway.model.ids import Address
from seaway.model.network import Network, NetworkChange, Reach
from seaway.model.options import GatewayMode, Icc, Options
from seaway.model.port import PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.elements import NO_ELEMENTS
from seaway.plan.firewall import guarded
from seaway.plan.operations import (
    ChangeElements,
    ChangeShim,
    Forget,
    ForgetAddress,
    ForgetAmong,
    Operation,
)
from seaway.plan.wiring import (
    VERSIONS,
    Attachment,
    Cabling,
    Wiring,
    bound,
    change_ops,
    reach,
    route,
    target,
)

RESERVED = frozenset({"bridge", "host", "none", "default"})
"""Names that no network of a user can have."""


# What is refused


def refuse_change(network: Network, change: NetworkChange) -> None:
    """Raise Forbidden or InvalidRequest for what no network can become."""
    if network.predefined:
        raise Forbidden(
            f"{network.name} is a pre-defined network and cannot be changed; "
            "make a network of your own: seaway network create NAME"
        )
    if network.config is not None and (
        change.add_subnets or change.options or change.internal is not None
    ):
        raise Forbidden(
            f"network {network.name} only keeps a configuration, of which nothing but its name and "
            "its labels can be changed: make another one by --config-only"
        )
    if change.name in RESERVED:
        raise Forbidden(f"operation is not permitted on predefined {change.name} network ")


def refuse_outcome(before: Network, after: Network) -> None:
    """Raise InvalidRequest where *before* cannot become *after* while it is used."""
    kept, wanted = _fixed(before.options), _fixed(after.options)
    if kept != wanted:
        raise InvalidRequest(
            f"network {before.name} keeps its {kept}: for a {wanted} create another network"
        )
    if after.dhcp and after.subnets:
        raise InvalidRequest(
            f"network {before.name} has its addresses from the DHCP server of the LAN, and no subnet of its own"
        )
    twice = [v for v in VERSIONS if len(after.subnets_of(v)) > 1]
    if after.internal and twice and after.options.bridge is not None:
        raise InvalidRequest(
            f"network {before.name} cannot be internal with several IPv{twice[0]} subnets: "
            "its sandboxes would have no gateway from one to the other"
        )


def _fixed(options: Options) -> str:
    """What stays as long as the network is there, in words."""
    if options.parent is not None and options.link is not None:
        return f"parent {options.parent.name} and {options.link.said}"
    switch, uplink = options.switch, options.uplink
    bridge = f"VLAN {switch.vlan} of {switch.name}" if switch else f"bridge {options.bridge}"
    return f"{bridge} with the uplink {uplink.name}" if uplink else bridge


def merged(
    old: Iterable[tuple[str, str]], change: Iterable[tuple[str, str | None]]
) -> tuple[tuple[str, str], ...]:
    """*old* labels or options with the new values, and without those that are None now."""
    found: dict[str, str | None] = {**dict(old), **dict(change)}
    return tuple((key, value) for key, value in found.items() if value is not None)


# For Linux


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehanging:
    """A running sandbox of a network that changes: how it hangs, and how it shall."""

    sandbox: Sandbox
    netns: Path
    before: Wiring
    after: Wiring
    lost: bool = False
    """Whether somebody in it took its interface away: it comes back when it starts again."""

    def ends(self, network: Network) -> tuple[Attachment, Attachment]:
        """Its place on *network*, as it is and as it shall be."""
        one, other = (
            next(a for a in w.attachments if a.network.id == network.id)
            for w in (self.before, self.after)
        )
        return one, other


def network_change_ops(
    before: Network,
    after: Network,
    network_ops: Sequence[Operation],
    rehangings: Sequence[Rehanging],
    cabling: Cabling,
) -> tuple[Operation, ...]:
    """What Linux must do so that a network, changed by *network_ops*, and all on it are as *after*.

    The rules change first, all in one transaction, and links after them. Where less is allowed than
    before, tracked flows are forgotten: an established one would go on.
    """
    last = [op for op in network_ops if isinstance(op, ChangeShim) and op.new is None]
    found = [op for op in network_ops if op not in last]
    for r in rehangings:
        found += change_ops(r.before, r.after, r.netns, cabling)
    rules = [op for op in found if isinstance(op, ChangeElements)]
    old = NO_ELEMENTS.union(*(op.old for op in rules))
    new = NO_ELEMENTS.union(*(op.new for op in rules))
    return (
        *([ChangeElements(old=old, new=new)] if old != new else []),
        *(op for op in found if not isinstance(op, ChangeElements)),
        *last,  # with it go the routes by it, which nothing could put back
        *_forgetting(before, after, list(_addresses(before, rehangings))),
    )


def changes_links(operations: Iterable[Operation]) -> bool:
    """Whether *operations* change more than rules and flows, which follow from the store at each start."""
    return any(not isinstance(op, ChangeElements | Forget) for op in operations)


def _forgetting(
    before: Network, after: Network, addresses: Sequence[Address]
) -> tuple[Forget, ...]:
    """What goes on though *after* does not allow it, or lets it go another way; the rest is not cut."""
    if leads_elsewhere(before, after):
        return tuple(ForgetAddress(address=a) for a in addresses)
    closes = before.options.icc is Icc.OPEN and after.options.icc is Icc.CLOSED
    return (ForgetAmong(addresses=frozenset(addresses)),) if closes and addresses else ()


def leads_elsewhere(before: Network, after: Network) -> bool:
    """Whether packets between *before* and the outside are not allowed, or go another way, on *after*."""
    shuts = after.internal and not before.internal
    distrusts = not set(before.options.trusted) <= set(after.options.trusted)
    return shuts or distrusts or any(_ways(before, v) != _ways(after, v) for v in before.versions)


def _ways(network: Network, version: int) -> tuple[object, ...]:
    """How packets go out and come in in family *version*."""
    return (
        network.translates(version),
        network.source(version),
        network.gateway_mode(version),
        network.reach(version),
    )


def _addresses(network: Network, rehangings: Iterable[Rehanging]) -> Iterator[Address]:
    for r in rehangings:
        yield from (a.ip for a in r.ends(network)[0].place.addresses)


# For people


class Effect(StrEnum):
    """What a change of its network means for a sandbox."""

    KEEPS = "keeps"
    """It works on as it is."""
    LIVE = "changes live"
    RESTART = "needs a restart"
    """Some of it takes effect at its next start only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxEffect:
    """What a change of its network means for one sandbox."""

    sandbox: Sandbox
    effect: Effect
    changes: tuple[str, ...] = ()
    """In words."""


def effect(before: Network, after: Network, rehanging: Rehanging) -> SandboxEffect:
    """What the change means for a running sandbox."""
    live = tuple(_live_changes(before, after, rehanging))
    later = tuple(_later_changes(before, after, rehanging))
    kind = Effect.RESTART if later else Effect.LIVE if live else Effect.KEEPS
    return SandboxEffect(sandbox=rehanging.sandbox, effect=kind, changes=(*live, *later))


def effect_on_stopped(sandbox: Sandbox) -> SandboxEffect:
    """What any change means for a sandbox that does not run."""
    return SandboxEffect(
        sandbox=sandbox, effect=Effect.KEEPS, changes=("stopped: takes it when it starts",)
    )


def _live_changes(before: Network, after: Network, rehanging: Rehanging) -> Iterator[str]:
    old, new = rehanging.ends(before)
    if not rehanging.lost:
        yield from _link_changes(old, new)
        yield from _way_changes(rehanging)
    yield from _port_changes(rehanging)
    yield from _company_changes(before, after)
    if before.name != after.name:
        yield f"is found as {rehanging.sandbox.name}.{after.name}, no longer as .{before.name}"
    if before.options.dns != after.options.dns and not rehanging.sandbox.dns.servers:
        servers = " and ".join(map(str, after.options.dns))
        yield f"asks {servers or 'the name servers of the host'} for names outside"


def _link_changes(old: Attachment, new: Attachment) -> Iterator[str]:
    name = new.place.ifname
    if old.network.options.mtu != new.network.options.mtu:
        yield f"{name}: MTU {old.network.options.mtu} becomes {new.network.options.mtu}"
    for address in new.place.addresses:
        if address not in old.place.addresses:
            yield f"{name}: gets {address}"
    guards = [guarded(a.network, a.endpoint) for a in (old, new)]
    if guards[0] != guards[1]:
        yield f"{name}: source guard {'on' if guards[1] else 'off'}"


def _way_changes(rehanging: Rehanging) -> Iterator[str]:
    for version in VERSIONS:
        old, new = route(rehanging.before, version), route(rehanging.after, version)
        if old != new and new is None:
            yield f"has no way outside by IPv{version} any more"
        elif old != new and new is not None:
            yield f"goes outside by {new.gateway or 'the host'} on {new.ifname}"


def _port_changes(rehanging: Rehanging) -> Iterator[str]:
    for port in rehanging.sandbox.wanted_ports:
        old, new = (_reached(port, w) for w in (rehanging.before, rehanging.after))
        last = port.port + port.count - 1
        numbers = f"{port.port}" if port.count == 1 else f"{port.port}-{last}"
        if old and not new:
            yield f"port {numbers}/{port.proto} is published no longer"
        elif new and not old:
            yield f"port {numbers}/{port.proto} is published"
        elif old != new:
            yield f"port {numbers}/{port.proto} is reached {' and '.join(new.values())}"


def _reached(port: PublishedPort, wiring: Wiring) -> dict[int, str]:
    """Where *port* of a sandbox that hangs so is reached, in words, by family."""
    at = {Reach.HOST: "at the host by IPv{}", Reach.OWN: "at its own IPv{} address"}
    versions = (v for v in VERSIONS if port.is_on(v) and wiring.ports)
    return {v: at[reach(wiring, v)].format(v) for v in versions if target(wiring, v) is not None}


def _company_changes(before: Network, after: Network) -> Iterator[str]:
    if before.options.icc is not after.options.icc:
        closed = after.options.icc is Icc.CLOSED
        yield f"{'is cut off from' if closed else 'reaches'} the others on {after.name}"
    if before.options.host_access != after.options.host_access:
        open_ = after.options.host_access
        yield f"the host and it {'reach' if open_ else 'do not reach'} each other{'' if open_ else ' any more'}"
    if before.internal == after.internal:
        yield from _sender_changes(before, after)
    for version in before.versions:
        old, new = (_is_open(n, version) for n in (before, after))
        if old != new:
            yield f"all its IPv{version} ports are {'open to' if new else 'closed for'} the outside"


def _sender_changes(before: Network, after: Network) -> Iterator[str]:
    changed = [v for v in before.versions if _sender(before, v) != _sender(after, v)]
    senders = {v: _sender(after, v) for v in changed}
    if changed == list(before.versions) and len(set(senders.values())) == 1:
        yield f"goes outside with {senders[changed[0]]}"
        return
    for version, sender in senders.items():
        yield f"goes outside by IPv{version} with {sender}"


def _sender(network: Network, version: int) -> str:
    """With which address packets of *network* leave the host."""
    if not network.translates(version):
        return "its own address"
    return str(network.source(version) or "the address of the host")


def _is_open(network: Network, version: int) -> bool:
    """Whether everybody outside reaches all ports of its sandboxes."""
    return not network.internal and network.gateway_mode(version) is GatewayMode.UNPROTECTED


def _later_changes(before: Network, after: Network, rehanging: Rehanging) -> Iterator[str]:
    name = rehanging.ends(before)[0].place.ifname
    if rehanging.lost:
        yield f"its interface {name} was taken away inside: it is made anew at the next start"
    prefix = after.options.ifname_prefix
    if (
        prefix != before.options.ifname_prefix
        and not rehanging.ends(before)[0].endpoint.wish.ifname
    ):
        yield f"its interface is named {prefix}0, {prefix}1 and so on"
    if any(_moves(port, rehanging) for port in rehanging.sandbox.wanted_ports):
        yield f"its ports move to {after.options.host_binding or 'all addresses of the host'}"


def _moves(port: PublishedPort, rehanging: Rehanging) -> bool:
    """Whether *port*, which is published, prefers another address of the host from the next start on."""
    (was,), (shall,) = bound([port], rehanging.before), bound([port], rehanging.after)
    there = counterparts([port], rehanging.after.ports).get(port)
    return there is not None and was.host != shall.host != there.host
