"""Which subnets does a network get?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from seaway.model.errors import AddressClash, Exhausted, Forbidden, InvalidRequest, PoolsExhausted
from seaway.model.ids import Address, Interface, NetworkName, Prefix, prefix, shown
from seaway.model.network import HOST, NetworkWish, Subnet, SubnetWish
from seaway.model.observed import Observed
from seaway.model.options import Options
from seaway.model.parent import Parent

LONGEST = {4: 30, 6: 126}
"""The longest prefix with room for a gateway and an endpoint beside the addresses of no host."""


SPECIAL = (
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("127.0.0.0/8", "loopback"),
    ("::1/128", "loopback"),
    ("0.0.0.0/8", "the unspecified network"),
    ("::/128", "the unspecified network"),
    ("255.255.255.255/32", "addresses of no host"),
    ("fe80::/10", "link-local addresses, which every IPv6 link has anyway"),
)
"""What no network can have, and why (RFC 6890, RFC 4291)."""

Span = tuple[int, int]
"""First and last number of consecutive pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    """A space that subnets of one size are cut from; its pieces are numbered from 0."""

    base: Prefix
    size: int
    """Prefix length of the pieces; that of the base at least."""

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return 1 << (self.size - self.base.prefixlen)

    def piece(self, number: int) -> Prefix:
        """The piece of that number."""
        first = self.base.network_address + (number << (self.base.max_prefixlen - self.size))
        return ip_network(f"{first}/{self.size}")

    def span(self, prefix: Prefix) -> Span | None:
        """The pieces that share an address with *prefix*; None when there are none."""
        return next(iter(self.spans((prefix,))), None)

    def spans(self, prefixes: Iterable[Prefix]) -> list[Span]:
        """The pieces of each of *prefixes* that has any; quick, since a status asks each pool of all."""
        version, begin = self.base.version, int(self.base.network_address)
        end, shift = int(self.base.broadcast_address), self.base.max_prefixlen - self.size
        found: list[Span] = []
        for each in prefixes:
            if each.version == version:
                first, last = int(each.network_address), int(each.broadcast_address)
                if first <= end and last >= begin:
                    first, last = max(first, begin), min(last, end)
                    found.append(((first - begin) >> shift, (last - begin) >> shift))
        return found


def planned_subnets(
    wish: NetworkWish,
    pools: Sequence[AddressPool],
    used: Sequence[tuple[NetworkName, Prefix]],
    routed: Sequence[Prefix],
    *,
    shut: Sequence[Prefix] = (),
    several: bool = False,
    has_gateway: bool = True,
) -> tuple[Subnet, ...]:
    """The subnets of a network that is asked for as *wish*: IPv4 first, then IPv6.

    *used* are the subnets of other networks with which it must share no address, *shut* others of
    which it gets none unasked, *routed* what the host reaches already; *several*: it may have more
    than one of a family. Raises InvalidRequest, Forbidden (overlap), PoolsExhausted.
    """
    found: list[Subnet] = []
    for version in (4, 6):
        wishes = [w for w in wish.subnets if _version(w) == version]
        if not (wish.ipv4 if version == 4 else wish.ipv6):
            if wishes:
                raise InvalidRequest(
                    f"invalid network config:\nsubnet {wishes[0].prefix} is given, "
                    f"but IPv{version} is not enabled on network {wish.name}"
                )
            continue
        _refuse_overlapwithin(wishes)
        if len(wishes) > 1 and not several:
            raise Forbidden("bridge driver doesn't support multiple subnets")
        for asked in wishes or [SubnetWish()]:
            taken = [*(p for _, p in used), *shut]
            prefix = asked.prefix or free_subnet(pools, version, taken, routed)
            if asked.prefix is not None:
                _refuse_overlap(asked.prefix, used)
            found.append(_subnet(asked, prefix, has_gateway=has_gateway))
    if not found:
        raise InvalidRequest("invalid network config:\nIPv4 or IPv6 must be enabled")
    return tuple(found)


def refuse_dhcp(wish: NetworkWish) -> None:
    """Raise InvalidRequest for what goes with no network whose addresses the LAN itself gives."""
    if wish.dhcp and wish.subnets:
        raise InvalidRequest(
            "invalid network config:\nthe DHCP server of the LAN gives the addresses, with their subnet and "
            "gateway: leave --subnet, --gateway, --ip-range and --aux-address out"
        )
    if wish.dhcp and not wish.versions:
        raise InvalidRequest("invalid network config:\nIPv4 or IPv6 must be enabled")


def refuse_dhcp_without_lan(wish: NetworkWish, options: Options) -> None:
    """Raise InvalidRequest where no DHCP server of a LAN could be asked."""
    if wish.dhcp and (options.parent is None or options.parent.alone or not options.has_gateway):
        raise InvalidRequest(
            "invalid network config:\n--ipam-driver dhcp needs a LAN whose server can be asked: "
            "use -d macvlan, or -d ipvlan in mode l2, with -o parent=INTERFACE"
        )
    if wish.dhcp and options.host_access and not wish.ipv4:
        raise InvalidRequest(
            "invalid network config:\nwhere the LAN gives the addresses the host reaches its sandboxes by "
            "IPv4: leave --ipv4=false out, or do without access from the host"
        )


def more_subnets(
    wishes: Sequence[SubnetWish],
    used: Sequence[tuple[NetworkName, Prefix]],
    *,
    has_gateway: bool = True,
) -> tuple[Subnet, ...]:
    """The subnets that a network gets beside those it has, which are among the *used*.

    Raises InvalidRequest, Forbidden (overlap).
    """
    _refuse_overlapwithin(wishes)
    found: list[Subnet] = []
    for wish in wishes:
        _version(wish)
        assert wish.prefix is not None
        _refuse_overlap(wish.prefix, used)
        found.append(_subnet(wish, wish.prefix, has_gateway=has_gateway))
    return tuple(found)


def with_host(subnet: Subnet, taken: Collection[Address] = ()) -> Subnet:
    """*subnet* with an address set aside for the host: the first of its range that is not *taken*.

    One that has such an address keeps it. Raises Exhausted.
    """
    if HOST in dict(subnet.auxiliary):
        return subnet
    first, last = bounds(subnet)
    kind = type(subnet.prefix.network_address)
    reserved = {subnet.gateway, *(a for _, a in subnet.auxiliary), *taken}
    for number in range(first, last + 1):
        if (address := kind(number)) not in reserved:
            return replace(subnet, auxiliary=(*subnet.auxiliary, (HOST, address)))
    raise Exhausted(
        f"{subnet.range or subnet.prefix} has no address left for the host: set one aside by "
        f"--aux-address {HOST}=ADDRESS, or do without access from the host"
    )


def fitted(wish: NetworkWish, options: Options, observed: Observed) -> NetworkWish:
    """*wish* for what is there already, a bridge or a LAN: its subnets and addresses are heeded."""
    if options.parent is not None:
        return _fitted_to_lan(wish, options.parent, observed)
    return _fitted_to_bridge(wish, options)


def _fitted_to_lan(wish: NetworkWish, parent: Parent, observed: Observed) -> NetworkWish:
    """*wish* for the LAN behind *parent*: the host's subnet there unless another is asked for.

    The router that the host uses is the gateway, and the host's own addresses are nobody else's.
    """
    link = observed.links.get(parent.name)
    held = [i for i in link.interfaces if not i.ip.is_link_local] if link is not None else []
    found = [w for w in wish.subnets if w.prefix is None]
    for version, wanted in ((4, wish.ipv4), (6, wish.ipv6)):
        mine = [i for i in held if i.version == version]
        asked = [w for w in wish.subnets if w.prefix is not None and w.prefix.version == version]
        if not asked and mine and wanted:
            asked = [SubnetWish(prefix=mine[0].network)]
        found += [_on_lan(w, mine, parent, observed) for w in asked]
    return replace(wish, subnets=tuple(found))


def _on_lan(
    wish: SubnetWish, held: Iterable[Interface], parent: Parent, observed: Observed
) -> SubnetWish:
    assert wish.prefix is not None
    routers = (g for g in observed.gateways if g in wish.prefix)
    gateway = wish.gateway or next(routers, None)
    return _beside(replace(wish, gateway=gateway), held, parent.name, host_is_gateway=False)


def _fitted_to_bridge(wish: NetworkWish, options: Options) -> NetworkWish:
    """*wish* for a bridge that is there already: its subnets, and its addresses in them, are kept.

    The host's address in a subnet is the gateway unless another is asked for, or the host shall be
    none; an address that is not is nobody else's either.
    """
    held = options.adopted.held if options.adopted is not None else ()
    if not held:
        return wish
    found = [w for w in wish.subnets if w.prefix is None]
    for version, wanted in ((4, wish.ipv4), (6, wish.ipv6)):
        mine = [i for i in held if i.version == version]
        asked = [w for w in wish.subnets if w.prefix is not None and w.prefix.version == version]
        if not asked and mine and wanted:
            asked = [SubnetWish(prefix=mine[0].network)]
        host_is_gateway = version == 6 or not options.inhibit_ipv4
        found += [
            _beside(w, mine, str(options.bridge), host_is_gateway=host_is_gateway) for w in asked
        ]
    return replace(wish, subnets=tuple(found))


def _beside(
    wish: SubnetWish, held: Iterable[Interface], link: str, *, host_is_gateway: bool
) -> SubnetWish:
    """*wish*, with what the host has in its subnet as the gateway or set aside under *link*'s name."""
    there = [i.ip for i in held if wish.prefix is not None and i.ip in wish.prefix]
    gateway = wish.gateway or (there[0] if there and host_is_gateway else None)
    aside = [a for a in there if a != gateway and a not in dict(wish.auxiliary).values()]
    names = [link if n == 0 else f"{link}-{n + 1}" for n in range(len(aside))]
    return replace(
        wish, gateway=gateway, auxiliary=(*wish.auxiliary, *zip(names, aside, strict=True))
    )


def _version(wish: SubnetWish) -> int:
    if wish.prefix is None:
        what = f"ip-range {wish.range}" if wish.gateway is None else f"gateway {wish.gateway}"
        raise InvalidRequest(
            f"invalid network config:\ninvalid {what}: parent subnet invalid Prefix doesn't contain "
            "this address; give the subnet that does"
        )
    return wish.prefix.version


def free_subnet(
    pools: Sequence[AddressPool], version: int, used: Iterable[Prefix], routed: Iterable[Prefix]
) -> Prefix:
    """The first piece of the first pool that nothing uses; raises PoolsExhausted with the facts."""
    mine = [p for p in pools if p.base.version == version]
    used, routed = list(used), list(routed)
    for pool in mine:
        number = _first_beside(pool.spans((*used, *routed)))
        if number < pool.count:
            return pool.piece(number)
    raise PoolsExhausted(
        "all predefined address pools have been fully subnetted: "
        + "; ".join(_pool_use(pool, used, routed) for pool in mine[:8])
        + ("; …" if len(mine) > 8 else "")
        + "; add pools by the setting default-address-pools (--default-address-pool), "
        "or give --subnet"
    )


def skipped_for_routes(
    pools: Sequence[AddressPool], chosen: Prefix, used: Sequence[Prefix], routed: Sequence[Prefix]
) -> tuple[Prefix, ...]:
    """The routes of the host for whose sake pieces before *chosen* were passed over."""
    found: list[Prefix] = []
    for pool in (p for p in pools if p.base.version == chosen.version):
        place = pool.span(chosen)
        taken = pool.spans(used)
        for route in routed:
            span = pool.span(route)
            if span is None or (place is not None and span[0] >= place[0]):
                continue
            before = span if place is None else (span[0], min(span[1], place[0] - 1))
            if covered([*taken, before]) > covered(taken):
                found.append(route)
        if place is not None:
            break
    return tuple(dict.fromkeys(found))


def _pool_use(pool: AddressPool, used: Iterable[Prefix], routed: Iterable[Prefix]) -> str:
    taken, hidden = covered(pool.spans(used)), covered(pool.spans(routed))
    text = f"pool {pool.base} in /{pool.size}: {taken} of {pool.count} in use"
    return text + (f", {hidden} routed by the host" if hidden else "")


def _first_beside(spans: Iterable[Span]) -> int:
    """The lowest number that is in none of *spans*."""
    number = 0
    for first, last in sorted(spans):
        if number < first:
            break
        number = max(number, last + 1)
    return number


def covered(spans: Iterable[Span]) -> int:
    """How many numbers are in any of *spans*."""
    size, behind = 0, 0
    for first, last in sorted(spans):
        size += max(last + 1 - max(first, behind), 0)
        behind = max(behind, last + 1)
    return size


def overlap(one: Prefix, other: Prefix) -> bool:
    """Whether two prefixes of whatever family share an address."""
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def _refuse_overlapwithin(wishes: Sequence[SubnetWish]) -> None:
    for n, wish in enumerate(wishes):
        for other in wishes[n + 1 :]:
            if wish.prefix and other.prefix and overlap(wish.prefix, other.prefix):
                raise InvalidRequest(
                    f"invalid network config:\nsubnets {wish.prefix} and {other.prefix} overlap"
                )


def _refuse_overlap(prefix: Prefix, used: Iterable[tuple[NetworkName, Prefix]]) -> None:
    for name, other in used:
        if overlap(prefix, other):
            raise Forbidden(
                "invalid pool request: Pool overlaps with other one on this address space: "
                f"{prefix} overlaps {other} of network {name}"
            )


def subnet_prefix(text: str) -> Prefix:
    """*text* as a subnet, host bits clear; raises InvalidRequest, which offers the right one."""
    if "/" not in text:
        raise InvalidRequest(
            f"invalid network config:\ninvalid subnet {shown(text)}: it should be like 10.77.0.0/24 or fd77::/64"
        )
    try:
        return prefix(text, "subnet")
    except InvalidRequest as error:
        raise InvalidRequest(f"invalid network config:\n{error}") from None


def _subnet(wish: SubnetWish, prefix: Prefix, *, has_gateway: bool) -> Subnet:
    _refuse_prefix(prefix)
    gateway = wish.gateway
    if gateway is None and has_gateway:
        gateway = _first_free(prefix, [a for _, a in wish.auxiliary])
    if gateway is not None:
        _refuse_outside("gateway", gateway, prefix)
        _refuse_no_host("gateway", gateway, prefix)
    if wish.range is not None and not within(wish.range, prefix):
        raise InvalidRequest(
            f"invalid network config:\ninvalid ip-range {wish.range}: "
            f"parent subnet {prefix} doesn't contain this range"
        )
    for name, address in wish.auxiliary:
        _refuse_outside(f"auxiliary address {name}", address, prefix)
        if address == gateway:
            raise AddressClash(
                f"failed to allocate secondary ip address ({name}:{address}): Address already in use"
                " as the gateway"
            )
    found = Subnet(
        prefix=prefix,
        gateway=gateway,
        range=wish.range,
        auxiliary=wish.auxiliary,
        asked=wish.prefix is not None,
    )
    if wish.range is not None and usable(found) == 0:
        raise InvalidRequest(
            f"invalid network config:\ninvalid ip-range {wish.range}: "
            "it has no address that an endpoint could get"
        )
    return found


def bounds(subnet: Subnet) -> tuple[int, int]:
    """The first and last address, as numbers, that an endpoint may get without asking."""
    space = subnet.range or subnet.prefix
    first, last = int(space[0]), int(space[-1])
    if no_host(space[0], subnet.prefix):
        first += 1
    if no_host(space[-1], subnet.prefix):
        last -= 1
    return first, last


def usable(subnet: Subnet) -> int:
    """How many addresses endpoints may get without asking."""
    first, last = bounds(subnet)
    reserved = {subnet.gateway, *(a for _, a in subnet.auxiliary)} - {None}
    return max(last - first + 1, 0) - sum(1 for a in reserved if a and first <= int(a) <= last)


def _refuse_prefix(prefix: Prefix) -> None:
    kinds = (kind for special, kind in SPECIAL if overlap(prefix, ip_network(special)))
    kind = "every address" if prefix.prefixlen == 0 else next(kinds, "")
    if kind:
        raise InvalidRequest(
            f"invalid network config:\ninvalid subnet {prefix}: it holds {kind}; "
            "try a private one like 10.77.0.0/24 or fd77::/64"
        )
    if prefix.prefixlen > LONGEST[prefix.version]:
        raise InvalidRequest(
            f"invalid network config:\ninvalid subnet {prefix}: it has no room for a gateway and an "
            f"endpoint; /{LONGEST[prefix.version]} is the smallest"
        )


def _first_free(prefix: Prefix, taken: Sequence[Address]) -> Address:
    address = prefix.network_address + 1
    while address in taken:
        address += 1
    return address


def within(inner: Prefix, outer: Prefix) -> bool:
    """Whether all of *inner* is in *outer*."""
    return overlap(inner, outer) and inner.prefixlen >= outer.prefixlen


def _refuse_outside(what: str, address: Address, prefix: Prefix) -> None:
    if address.version != prefix.version or address not in prefix:
        raise InvalidRequest(
            f"invalid network config:\ninvalid {what} {address}: "
            f"parent subnet {prefix} doesn't contain this address"
        )


def _refuse_no_host(what: str, address: Address, prefix: Prefix) -> None:
    if (name := no_host(address, prefix)) is not None:
        raise InvalidRequest(
            f"invalid network config:\ninvalid {what} {address}: it is the {name} of {prefix}; "
            f"try {prefix.network_address + 1}"
        )


def no_host(address: Address, prefix: Prefix) -> str | None:
    """Why *address* of *prefix* can be no host's own; None when it can.

    RFC 1122 section 3.2.1.3 (network and broadcast), RFC 4291 section 2.6.1 (subnet-router anycast).
    """
    if address == prefix.network_address:
        return "network address" if address.version == 4 else "subnet-router anycast address"
    if address.version == 4 and address == prefix.broadcast_address:
        return "broadcast address"
    return None
