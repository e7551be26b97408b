"""The source guard of networks on an interface of the host: what leaves by it is looked at on its way out.

A table of its own, which is there as long as anybody on a parent is guarded: nobody else needs a
kernel that has such tables. Its rules are fixed, and elements change, as in ``plan.firewall``; but where
a bridge's rules see all frames, these must hang at each parent by itself, by a chain that names it.

A sandbox is told by its MAC address, which Linux lets it change. So the rules bind both ways: who has
the MAC address of a guarded endpoint sends by its addresses alone, and nobody else here sends by
these. What has neither is the host's, or somebody else's, and passes.

Sources: nft(8), "NETDEV ADDRESS FAMILY"; ``nf_hook_egress()`` in include/linux/netfilter_netdev.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address

from seaway.model.endpoint import Endpoint
from seaway.model.ids import Address, IfName, Mac, link_local
from seaway.model.network import Network
from seaway.plan.elements import Element, Elements, apart

NETDEV = "netdev seaway"

NO_GUARD = """\
delete table netdev seaway
"""
"""Text that takes the table away, which is there."""

GUARD = """\
table netdev seaway {
  set guarded { type ifname . ether_addr; }
  set own_ip4 { type ifname . ether_addr . ipv4_addr; }
  set own_ip6 { type ifname . ether_addr . ipv6_addr; }
  set own_iid { typeof oifname . ether saddr . @nh,128,64; }
  set own_na { typeof oifname . ether saddr . @th,64,128; }
  set any_na { type ifname . ether_addr; }
  set also_ip4 { type ifname . ether_addr . ipv4_addr; flags interval; }
  set also_ip6 { type ifname . ether_addr . ipv6_addr; flags interval; }
  set drops { type ifname . ether_addr; counter; }
  set held_ip4 { type ifname . ipv4_addr; }
  set held_ip6 { type ifname . ipv6_addr; }
  set held_na { typeof oifname . @th,64,128; }

  chain guard {
    oifname . ether saddr @guarded goto check
    ether type arp oifname . arp saddr ether @guarded drop
    ether type arp oifname . arp saddr ip @held_ip4 drop
    ether type ip oifname . ip saddr @held_ip4 drop
    ether type ip6 oifname . ip6 saddr @held_ip6 drop
    icmpv6 type nd-neighbor-advert oifname . @th,64,128 @held_na drop
  }

  # An IPv6 address whose last half is made of the MAC address is its own, whatever a router announced.
  chain check {
    ether type arp oifname . arp saddr ether . arp saddr ip @own_ip4 accept
    ether type arp oifname . arp saddr ether . arp saddr ip @also_ip4 accept
    ether type arp arp saddr ip 0.0.0.0 arp operation request accept
    ether type ip oifname . ether saddr . ip saddr @own_ip4 accept
    ether type ip oifname . ether saddr . ip saddr @also_ip4 accept
    ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
    icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } goto refuse
    icmpv6 type nd-neighbor-advert goto advertised
    ether type ip6 goto source6
    goto refuse
  }
  chain advertised {
    oifname . ether saddr @any_na goto source6
    oifname . ether saddr . @th,64,128 @own_na goto source6
    oifname . ether saddr . @th,128,64 @own_iid goto source6
    goto refuse
  }
  chain source6 {
    oifname . ether saddr . ip6 saddr @own_ip6 accept
    oifname . ether saddr . ip6 saddr @also_ip6 accept
    oifname . ether saddr . @nh,128,64 @own_iid accept
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, 143 } accept
    goto refuse
  }
  chain refuse {
    oifname . ether saddr @drops drop
    drop
  }
}
"""


def lan_guard_elements(network: Network, endpoint: Endpoint) -> Elements:
    """The addresses that *endpoint*, which is guarded and has a MAC address of its own, may use."""
    place, parent = endpoint.place, network.options.parent
    assert place is not None
    assert parent is not None
    link = f'"{parent.name}"'
    me = f"{link} . {place.own_mac}"
    own: list[Address] = [a.ip for a in place.addresses]
    own6 = [a for a in own if isinstance(a, IPv6Address)]
    half = int(link_local(place.own_mac)) & (1 << 64) - 1
    found = [
        Element(NETDEV, "guarded", me),
        Element(NETDEV, "drops", me),
        Element(NETDEV, "own_iid", f"{me} . {half:#018x}"),
        *(Element(NETDEV, f"own_ip{a.version}", f"{me} . {a}") for a in own),
        *(Element(NETDEV, "own_na", f"{me} . {int(a):#034x}") for a in own6),
    ]
    for version in (4, 6):
        allowed = apart(endpoint.wish.allowed_addresses, version)
        found += [Element(NETDEV, f"also_ip{version}", f"{me} . {p}") for p in allowed]
        if allowed and version == 6:
            found.append(Element(NETDEV, "any_na", me))
    if not network.options.host_access:  # else the host may route for it, with its own MAC address
        found += [Element(NETDEV, f"held_ip{a.version}", f"{link} . {a}") for a in own]
        found += [Element(NETDEV, "held_na", f"{link} . {int(a):#034x}") for a in own6]
    return frozenset(found)


def guarded_on(elements: Iterable[Element]) -> Iterator[tuple[IfName, Mac]]:
    """The parents on which *elements* guard somebody, once for each, with the MAC address of that."""
    for element in elements:
        if (element.table, element.set) == (NETDEV, "guarded"):
            parent, _, mac = element.key.partition(" . ")
            yield IfName(parent.strip('"')), Mac(mac)


def hook(parent: IfName, index: int) -> str:
    """Text that lets the guard see what leaves by *parent*, the host's link of that index.

    The link must be there, and the table.
    """
    return (
        f"add chain {NETDEV} {_chain(index)} "
        f'{{ type filter hook egress device "{parent}" priority filter; policy accept; }}\n'
        f"add rule {NETDEV} {_chain(index)} goto guard\n"
    )


def unhook(index: int) -> str:
    """Text that takes away what ``hook`` made, there or not: old kernels delete a chain with its link."""
    chain = f"chain {NETDEV} {_chain(index)}\n"
    return f"add {chain}flush {chain}delete {chain}"


def _chain(index: int) -> str:
    """The name of a parent's chain; those of links may have characters that no chain's has."""
    return f"parent_{index}"
