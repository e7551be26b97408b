"""What macvlan and ipvlan networks are made of: links on an interface of the host, the parent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from seaway.model.ids import Address, IfName, interface, mac_of
from seaway.model.lease import LeasedRoute
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import MIN_MTU6, IpvlanOptions, MacvlanOptions
from seaway.plan.operations import (
    AddDummy,
    AddVlan,
    AttachLink,
    ChangeAddresses,
    ChangeHostRoutes,
    ChangeLeasedRoutes,
    ChangeMtu,
    ChangeShim,
    DeleteLink,
    DetachLink,
    Operation,
    Shim,
)
from seaway.plan.wiring import Attachment


class OnParentDriver:
    """How both are made: the kernel has the same operations for them."""

    def network_ops(
        self, before: Network | None, after: Network | None, others: Collection[Network] = ()
    ) -> tuple[Operation, ...]:
        """The parent, where it is ours to make, is there for the first network on it until the last."""
        match before, after:
            case None, Network():
                return (*_parent_ops(after, others), *_shim_ops(None, after))
            case Network(), None:
                return (*_shim_ops(before, None), *_no_parent_ops(before, others))
            case _:
                return _shim_ops(before, after)

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> tuple[Operation, ...]:
        """A link is made inside, deleted, or changed while it carries traffic."""
        match before, after:
            case None, Attachment():
                return (
                    _attach(after, netns),
                    *_leased_routes(None, after, netns),
                    *_host_routes(None, after),
                )
            case Attachment(), None:
                return (*_host_routes(before, None), _detach(before, netns))
            case Attachment(), Attachment():
                return (*_changes(before, after, netns), *_host_routes(before, after))
            case _:
                return ()

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Whether its link is inside, whatever it is called by now, on the parent that is there now."""
        options, mac = _options(attachment.network), attachment.place.mac
        parent = host.get(options.parent.name)
        return parent is not None and any(
            link.kind == options.driver
            and link.lower == parent.index
            and mac in {None, link.mac}
            and _has(link, attachment)
            for link in inside.values()
        )


def _has(link: LinkState, attachment: Attachment) -> bool:
    """Whether *link* has any address of *attachment*, or that has none."""
    addresses = {a.ip for a in attachment.place.addresses}
    return not addresses or not addresses.isdisjoint(link.addresses)


def _parent_ops(network: Network, others: Collection[Network]) -> tuple[Operation, ...]:
    parent = _options(network).parent
    if parent.alone:
        return (AddDummy(name=parent.name),)
    if parent.base is None or _is_shared(network, others):
        return ()
    return (AddVlan(name=parent.name, parent=parent.base, vlan=parent.vlan),)


def _no_parent_ops(network: Network, others: Collection[Network]) -> tuple[Operation, ...]:
    parent = _options(network).parent
    goes = parent.alone or (parent.base is not None and not _is_shared(network, others))
    return (DeleteLink(name=parent.name),) if goes else ()


def _is_shared(network: Network, others: Collection[Network]) -> bool:
    """Whether *others* are on its parent too."""
    parent = network.options.parent
    return any(n.options.parent == parent for n in others if n.id != network.id)


def _shim_ops(before: Network | None, after: Network | None) -> tuple[Operation, ...]:
    """The host has a link of its own beside those of the sandboxes, without which it hears nobody."""
    old, new = (_shim(n) if n is not None else None for n in (before, after))
    return (ChangeShim(old=old, new=new),) if old != new else ()


def _shim(network: Network) -> Shim | None:
    options = _options(network)
    if network.shim is None:
        return None
    return Shim(
        name=network.shim,
        parent=options.parent.name,
        link=options.link,
        mac=mac_of(network.id) if options.own_macs else None,
        mtu=options.mtu,
        addresses=tuple(interface(a, a.max_prefixlen) for a in network.host_addresses),
    )


def _attach(attachment: Attachment, netns: Path) -> AttachLink:
    options, place = _options(attachment.network), attachment.place
    lent = place.lease.mtu if place.lease is not None and place.addresses else None
    if lent is not None and attachment.network.autoconf:
        lent = max(lent, MIN_MTU6)  # with less Linux would have no IPv6 there
    return AttachLink(
        parent=options.parent.name,
        netns=netns,
        ifname=place.ifname,
        link=options.link,
        mac=place.mac,
        mtu=options.mtu or lent,
        addresses=place.addresses,
        autoconf=attachment.network.autoconf,
        sysctls=attachment.endpoint.wish.sysctls,
    )


def _detach(attachment: Attachment, netns: Path) -> DetachLink:
    options, place = _options(attachment.network), attachment.place
    return DetachLink(parent=options.parent.name, netns=netns, ifname=place.ifname, mac=place.mac)


def _changes(before: Attachment, after: Attachment, netns: Path) -> tuple[Operation, ...]:
    old, new = _attach(before, netns), _attach(after, netns)
    found: list[Operation] = []
    if old.mtu != new.mtu:
        change = ChangeMtu(
            link=new.ifname, netns=netns, parent=new.parent, old=old.mtu, new=new.mtu
        )
        found.append(change)
    if old.addresses != new.addresses:
        found.append(
            ChangeAddresses(
                link=new.ifname,
                netns=netns,
                ifname=new.ifname,
                parent=new.parent,
                mac=new.mac,
                autoconf=new.autoconf,
                old=old.addresses,
                new=new.addresses,
            )
        )
    return (*found, *_leased_routes(before, after, netns))


def _leased_routes(
    before: Attachment | None, after: Attachment, netns: Path
) -> tuple[Operation, ...]:
    """The routes beside the default one that came with a lease."""
    old, new = (_lent(a) for a in (before, after))
    if old == new:
        return ()
    parent, ifname = _options(after.network).parent.name, after.place.ifname
    return (ChangeLeasedRoutes(netns=netns, ifname=ifname, parent=parent, old=old, new=new),)


def _lent(attachment: Attachment | None) -> tuple[LeasedRoute, ...]:
    place = attachment.place if attachment is not None else None
    if place is None or place.lease is None or not place.addresses:
        return ()
    return place.lease.further_routes


def _host_routes(before: Attachment | None, after: Attachment | None) -> tuple[Operation, ...]:
    """The host reaches by its shim the addresses of those beside it, and nobody else."""
    old, new = (_reached(a) for a in (before, after))
    shims = [a.network.shim for a in (after, before) if a is not None and a.network.shim]
    return (ChangeHostRoutes(link=shims[0], old=old, new=new),) if shims and old != new else ()


def _reached(attachment: Attachment | None) -> tuple[Address, ...]:
    """Its addresses; not those of IPv6 that the LAN gave, since then the host has none on its shim."""
    if attachment is None or attachment.network.shim is None:
        return ()
    without = 6 if attachment.network.autoconf else None
    return tuple(a.ip for a in attachment.place.addresses if a.version != without)


def _options(network: Network) -> MacvlanOptions | IpvlanOptions:
    assert isinstance(network.options, MacvlanOptions | IpvlanOptions)
    return network.options
