"""Which rules does the firewall need?

Two tables of our own, one more for the source guard of networks on a LAN (``plan.lan_guard``), and an
empty one that says that a daemon is there. The rules are fixed; what changes sits in sets and maps, so one more network, endpoint or port is a few more elements, whatever
is there already.

Sources: nft(8); wiki.nftables.org, "Atomic rule replacement", "Maps", "Concatenations"; the path of a
packet and the reasons for each rule are told in docs/explanation/packet-path.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv6Address
from itertools import groupby
from string import Template

from seaway.model.endpoint import Endpoint, Sender
from seaway.model.ids import Address, IfName, Prefix, link_local
from seaway.model.network import Network, Subnet
from seaway.model.options import GatewayMode, Icc
from seaway.model.port import Proto, PublishedPort
from seaway.plan.elements import Element, Elements, apart
from seaway.plan.lan_guard import lan_guard_elements
from seaway.plan.operations import DOOMED_GROUP

HAIRPIN_MARK = "0x01000000"
"""The one bit of the packet mark that is ours: "answer must come back by the host"."""

EVERYBODY: frozenset[Prefix] = frozenset()
"""No source is named, so that all may come."""

INET = "inet seaway"
BRIDGE = "bridge seaway"
TABLES = frozenset({INET, BRIDGE})

NO_RULES = """\
table inet seaway
delete table inet seaway
table bridge seaway
delete table bridge seaway
"""
"""Text that takes our two tables away, there or not."""

DAEMON_TABLE = """\
table inet seaway_daemon {
  flags owner
}
"""
"""A table that belongs to a netlink socket and goes with it; to make one takes CAP_NET_ADMIN, so nobody
else can keep a daemon from starting (``nft_table_valid_genid()``, net/netfilter/nf_tables_api.c)."""

RULES = Template("""\
${none}
table inet seaway {
  set bridges { type ifname; }
  set internal { type ifname; }
  set icc { type ifname . ifname; }

  set masq4 { type ifname . ipv4_addr; flags interval; }
  set masq6 { type ifname . ipv6_addr; flags interval; }
  map snat4 { type ifname . ipv4_addr : ipv4_addr; flags interval; }
  map snat6 { type ifname . ipv6_addr : ipv6_addr; flags interval; }
  set hairpin4 { type ifname . ipv4_addr; }
  set hairpin6 { type ifname . ipv6_addr; }

  map one4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map one6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map range_one4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr; flags interval; }
  map range_one6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr; flags interval; }
  map range_any4 { type inet_proto . inet_service : ipv4_addr; flags interval; }
  map range_any6 { type inet_proto . inet_service : ipv6_addr; flags interval; }

  set limited_one4 { type inet_proto . ipv4_addr . inet_service; flags interval; }
  set limited_one6 { type inet_proto . ipv6_addr . inet_service; flags interval; }
  set limited_any4 { type inet_proto . inet_service; flags interval; }
  set limited_any6 { type inet_proto . inet_service; flags interval; }
  set from_one4 { type inet_proto . ipv4_addr . inet_service . ipv4_addr; flags interval; }
  set from_one6 { type inet_proto . ipv6_addr . inet_service . ipv6_addr; flags interval; }
  set from_any4 { type inet_proto . inet_service . ipv4_addr; flags interval; }
  set from_any6 { type inet_proto . inet_service . ipv6_addr; flags interval; }

  set open4 { type ifname; }
  set open6 { type ifname; }
  set routed4 { type ifname; }
  set routed6 { type ifname; }
  set trusted { type ifname . ifname; }
  set direct4 { type ipv4_addr . inet_proto . inet_service; flags interval; }
  set direct6 { type ipv6_addr . inet_proto . inet_service; flags interval; }
  set from_direct4 { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
  set from_direct6 { type ipv6_addr . inet_proto . inet_service . ipv6_addr; flags interval; }

  # What was cut off says nothing more. A port on 127.0.0.1 stays there, whatever a neighbour routes to us.
  chain early {
    type filter hook prerouting priority raw; policy accept;
    iifgroup $doomed drop
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname != "lo" ip saddr 127.0.0.0/8 drop
  }

  # Published with --from: nobody else, wherever the packet starts.
  chain sources {
    ct direction reply return
    meta l4proto . ip daddr . th dport @limited_one4 meta l4proto . ip daddr . th dport . ip saddr != @from_one4 drop
    meta l4proto . ip6 daddr . th dport @limited_one6 meta l4proto . ip6 daddr . th dport . ip6 saddr != @from_one6 drop
    meta nfproto ipv4 meta l4proto . th dport @limited_any4 meta l4proto . th dport . ip saddr != @from_any4 drop
    meta nfproto ipv6 meta l4proto . th dport @limited_any6 meta l4proto . th dport . ip6 saddr != @from_any6 drop
  }
  chain sources_in {
    type filter hook prerouting priority dstnat - 5; policy accept;
    fib daddr type local jump sources
  }
  chain sources_out {
    type filter hook output priority -105; policy accept;
    fib daddr type local jump sources
  }

  # Published ports.
  chain publish {
    dnat ip to meta l4proto . ip daddr . th dport map @one4
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @one6
    dnat ip to meta l4proto . ip daddr . th dport map @range_one4
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @range_one6
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @range_any4
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @range_any6
  }
  chain publish_in {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }
  chain publish_out {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }

  # Networks cannot reach one another, nor the outside them, but by published ports.
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges goto foreign
    ct status dnat iifname . ip daddr @hairpin4 meta mark set meta mark | $mark
    ct status dnat iifname . ip6 daddr @hairpin6 meta mark set meta mark | $mark
    ct status dnat ct direction reply iifname @bridges oifname @bridges meta mark set meta mark | $mark
    ct state established,related accept
    ct state invalid drop
    iifname . oifname @icc accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct status dnat accept
    meta nfproto ipv4 iifname != @bridges oifname @open4 accept
    meta nfproto ipv6 iifname != @bridges oifname @open6 accept
    meta nfproto ipv4 oifname @routed4 goto routed
    meta nfproto ipv6 oifname @routed6 goto routed
    iifname . oifname @trusted goto direct
    oifname @bridges drop
  }
  chain foreign {$foreign
  }

  # Sandboxes that are reached at their own addresses: by published ports alone.
  chain routed {
    icmp type echo-request accept
    icmpv6 type echo-request accept
    goto direct
  }
  chain direct {
    ip daddr . meta l4proto . th dport @direct4 accept
    ip6 daddr . meta l4proto . th dport @direct6 accept
    ip daddr . meta l4proto . th dport . ip saddr @from_direct4 accept
    ip6 daddr . meta l4proto . th dport . ip6 saddr @from_direct6 accept
    drop
  }

  # Outward with the host's address; back by the host where the answer would take a short cut.
  chain way_out {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname @bridges meta mark & $mark == $mark masquerade
    ct status dnat oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat oifname @bridges ip6 saddr ::1 masquerade
    oifname != @bridges snat ip to iifname . ip saddr map @snat4
    oifname != @bridges snat ip6 to iifname . ip6 saddr map @snat6
    oifname != @bridges iifname . ip saddr @masq4 masquerade
    oifname != @bridges iifname . ip6 saddr @masq6 masquerade
  }
}

# The source guard: nobody uses another's address or MAC.
table bridge seaway {
  set guarded { type ifname; }
  set own_mac { type ifname . ether_addr; }
  set own_ip4 { type ifname . ipv4_addr; }
  set own_ip6 { type ifname . ipv6_addr; }
  set also_ip4 { type ifname . ipv4_addr; flags interval; }
  set also_ip6 { type ifname . ipv6_addr; flags interval; }
  set own_na { typeof iifname . @th,64,128; }
  set any_na { type ifname; }
  set drops { type ifname; counter; }
  set closed { type ifname; }
  set itself { type ifname . ifname; }

  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname @guarded goto check
  }
  chain check {
    iifname . ether saddr != @own_mac goto refuse
    ether type arp iifname . arp saddr ether != @own_mac goto refuse
    ether type arp iifname . arp saddr ip @own_ip4 accept
    ether type arp iifname . arp saddr ip @also_ip4 accept
    ether type arp arp saddr ip 0.0.0.0 arp operation request accept
    ether type ip iifname . ip saddr @own_ip4 accept
    ether type ip iifname . ip saddr @also_ip4 accept
    icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } goto refuse
    icmpv6 type nd-neighbor-advert iifname != @any_na iifname . @th,64,128 != @own_na goto refuse
    ether type ip6 iifname . ip6 saddr @own_ip6 accept
    ether type ip6 iifname . ip6 saddr @also_ip6 accept
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, 143 } accept
    goto refuse
  }
  chain refuse {
    iifname @drops drop
    drop
  }

  # Nobody hears what he says to all. No way from one closed sandbox to another, but by a published
  # port that br_netfilter translated within the bridge. Behind br_netfilter, which passes by chains of
  # its own priority, 0.
  chain between {
    type filter hook forward priority 1; policy accept;
    meta pkttype { broadcast, multicast } iifname . oifname @itself drop
    iifname @closed oifname @closed meta mark & $mark == 0 drop
  }
}
""")

NO_ROUTER = """
    # We turned forwarding on, for sandboxes; the host is no router between its own interfaces."""
NO_ROUTER_IN = """
    meta nfproto ipv{} meta iifkind != "bridge" meta oifkind != "bridge" ct state new drop"""


def ruleset(*, forwarding_is_ours: Collection[int]) -> str:
    """Text that replaces our tables, with nothing in their sets yet, and touches no other.

    *forwarding_is_ours*: the families (4, 6) in which we made the host forward.
    """
    closed = [NO_ROUTER_IN.format(version) for version in sorted(forwarding_is_ours)]
    foreign = "".join([NO_ROUTER, *closed]) if closed else ""
    return RULES.substitute(none=NO_RULES, mark=HAIRPIN_MARK, doomed=DOOMED_GROUP, foreign=foreign)


def network_elements(network: Network) -> Elements:
    """What the firewall must know of *network*, whoever is on it."""
    if network.options.bridge is None:
        return frozenset()
    bridge = f'"{network.options.bridge}"'
    found = [Element(INET, "bridges", bridge)]
    if network.internal:
        found.append(Element(INET, "internal", bridge))
    if network.options.icc is Icc.OPEN:
        found.append(Element(INET, "icc", f"{bridge} . {bridge}"))
    for subnet in network.subnets:
        found += _outward(network, subnet)
        found += _inward(network, subnet)
    if not network.internal:
        trusted = network.options.trusted
        found += [Element(INET, "trusted", f'"{link}" . {bridge}') for link in trusted]
    return frozenset(found)


def _outward(network: Network, subnet: Subnet) -> list[Element]:
    """What gives an address of the host to what leaves *subnet*."""
    version = subnet.version
    if not network.translates(version):
        return []
    key = f'"{network.options.bridge}" . {subnet.prefix}'
    if (source := network.source(version)) is not None:
        return [Element(INET, f"snat{version}", key, str(source))]
    return [Element(INET, f"masq{version}", key)]


def _inward(network: Network, subnet: Subnet) -> list[Element]:
    """What lets in what is for addresses of *subnet* themselves, not for ports of the host."""
    if network.internal:
        return []
    bridge, version = f'"{network.options.bridge}"', subnet.version
    match network.gateway_mode(version):
        case GatewayMode.UNPROTECTED:
            return [Element(INET, f"open{version}", bridge)]
        case GatewayMode.ROUTED:
            return [Element(INET, f"routed{version}", bridge)]
        case GatewayMode.NAT | GatewayMode.ISOLATED:
            return []


def guard_elements(network: Network, endpoint: Endpoint) -> Elements:
    """The addresses that *endpoint* may use, if *network* guards them."""
    if endpoint.place is None or not guarded(network, endpoint):
        return frozenset()
    if network.options.bridge is None:
        return lan_guard_elements(network, endpoint)
    link = f'"{endpoint.link}"'
    own: list[Address] = [a.ip for a in endpoint.place.addresses]
    own6 = [a for a in (*own, link_local(endpoint.place.own_mac)) if isinstance(a, IPv6Address)]
    found = [
        Element(BRIDGE, "guarded", link),
        Element(BRIDGE, "drops", link),
        Element(BRIDGE, "own_mac", f"{link} . {endpoint.place.own_mac}"),
        *(Element(BRIDGE, "own_ip4", f"{link} . {a}") for a in own if a.version == 4),
        *(Element(BRIDGE, "own_ip6", f"{link} . {a}") for a in own6),
        *(Element(BRIDGE, "own_na", f"{link} . {int(a):#034x}") for a in own6),
    ]
    for version in (4, 6):
        allowed = apart(endpoint.wish.allowed_addresses, version)
        found += [Element(BRIDGE, f"also_ip{version}", f"{link} . {p}") for p in allowed]
        if allowed and version == 6:
            found.append(Element(BRIDGE, "any_na", link))
    return frozenset(found)


def link_elements(network: Network, endpoint: Endpoint) -> Elements:
    """What keeps *endpoint* from itself, and from its brothers if *network* wants that."""
    options, link = network.options, f'"{endpoint.link}"'
    if options.bridge is None:
        return frozenset()
    found = [Element(BRIDGE, "itself", f"{link} . {link}")]
    if options.icc is Icc.CLOSED:
        found.append(Element(BRIDGE, "closed", link))
    return frozenset(found)


def guarded(network: Network, endpoint: Endpoint) -> bool:
    """Whether the source guard holds *endpoint*: its own wish, else the network's, where it can."""
    wish, options = endpoint.wish.source_guard, network.options
    return options.tells_senders and (options.source_guard if wish is None else wish)


def sender(network: Network, endpoint: Endpoint) -> Sender:
    """As whom the source guard knows *endpoint*, which is guarded."""
    parent, place = network.options.parent, endpoint.place
    if parent is None or place is None:
        return endpoint.link
    return parent.name, place.own_mac


def port_elements(
    ports: Iterable[PublishedPort], target: Address, bridges: Sequence[IfName]
) -> Elements:
    """What leads *ports* to *target*, whose sandbox is on *bridges*, in the family of *target*."""
    version = target.version
    found: list[Element] = []
    for port in ports:
        if port.is_on(version):
            found += _leading(port, target)
            found += _limits(port, version)
    if found:
        found += [
            Element(INET, f"hairpin{version}", f'"{bridge}" . {target}') for bridge in bridges
        ]
    return frozenset(found)


def direct_elements(ports: Iterable[PublishedPort], target: Address) -> Elements:
    """What lets *ports* be reached at *target* itself, where nothing is translated.

    One that is for a single address of the host stays there: it is open nowhere. Several may lead to
    the same number, so that the elements follow from all together: intervals must not overlap.
    """
    found: list[Element] = []
    version = target.version
    for (proto, sources), numbers in _allowed(ports, version):
        key = f"{target} . {proto} . {_numbers(numbers[0], len(numbers))}"
        if sources == EVERYBODY:
            found.append(Element(INET, f"direct{version}", key))
            continue
        mine = apart(sources, version)
        found += [Element(INET, f"from_direct{version}", f"{key} . {s}") for s in mine]
    return frozenset(found)


def _allowed(
    ports: Iterable[PublishedPort], version: int
) -> Iterator[tuple[tuple[Proto, frozenset[Prefix]], list[int]]]:
    """Consecutive numbers of one protocol to which the same sources may come, with these."""
    allowed: dict[tuple[Proto, int], frozenset[Prefix]] = {}
    for port in ports:
        for number in range(port.port, port.port + port.count) if is_direct(port, version) else ():
            there = allowed.get((port.proto, number))
            more = frozenset(port.sources)
            both = more if there is None else there | more if there and more else EVERYBODY
            allowed[port.proto, number] = both
    for (proto, sources, _), group in groupby(
        enumerate(sorted(allowed)),
        key=lambda each: (each[1][0], allowed[each[1]], each[1][1] - each[0]),
    ):
        yield (proto, sources), [number for _, (_, number) in group]


def is_direct(port: PublishedPort, version: int) -> bool:
    """Whether *port* is reached at a sandbox's own address in family *version*, if others are."""
    return port.is_on(version) and port.one_host is None


def _leading(port: PublishedPort, target: Address) -> list[Element]:
    kind, at = _where(port)
    if port.count > 1 and port.host_port == port.port:
        key = f"{port.proto}{at} . {_span(port)}"
        return [Element(INET, f"range_{kind}{target.version}", key, str(target))]
    return [
        Element(
            INET,
            f"{kind}{target.version}",
            f"{port.proto}{at} . {port.host_port + n}",
            f"{target} . {port.port + n}",
        )
        for n in range(port.count)
    ]


def _limits(port: PublishedPort, version: int) -> list[Element]:
    if not port.sources:
        return []
    kind, at = _where(port)
    key = f"{port.proto}{at} . {_span(port)}"
    return [
        Element(INET, f"limited_{kind}{version}", key),
        *(
            Element(INET, f"from_{kind}{version}", f"{key} . {source}")
            for source in apart(port.sources, version)
        ),
    ]


def _where(port: PublishedPort) -> tuple[str, str]:
    return ("any", "") if port.one_host is None else ("one", f" . {port.one_host}")


def _span(port: PublishedPort) -> str:
    return _numbers(port.host_port, port.count)


def _numbers(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"
