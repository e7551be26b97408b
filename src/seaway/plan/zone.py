"""Which name leads where, and who may see it: pure, and immutable so that servers need no lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.model.endpoint import Endpoint
from seaway.model.ids import Address, EndpointId, NetworkId
from seaway.model.sandbox import Sandbox

NAMES_ADDRESS = IPv4Address("127.0.0.11")
"""Where a sandbox asks for names, at port 53."""
LISTEN_PORT = 35353
"""Where the name server listens at NAMES_ADDRESS, so that a sandbox's own may have port 53."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A name server that is asked for names which are not ours."""

    address: Address
    port: int = 53
    scope: str = ""
    """Interface of a link-local address (``fe80::1%eth0``); empty else."""
    from_host: bool = True
    """Asked from the host's namespace (its own servers), else from the sandbox's (``--dns``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An endpoint, as the name service sees it."""

    endpoint: EndpointId
    name: str
    """The name that a reverse query gives."""
    names: tuple[str, ...]
    """All names that lead to it: sandbox name, aliases, short id, hostname. Any case."""
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one sandbox may see."""

    networks: tuple[NetworkId, ...] = ()
    """The networks it is on, in the order of connecting."""
    forwards: bool = True
    """Whether upstreams are asked what we do not know; false where all networks are internal."""
    upstreams: tuple[Upstream, ...] | None = None
    """None: those of the host, followed when they change."""


class Wanted(Enum):
    """What a question asks for."""

    IPV4 = auto()
    IPV6 = auto()
    ADDRESSES = auto()
    """Of both families."""
    NAME = auto()
    """The name behind an address (a reverse query)."""
    OTHER = auto()
    """Something that no name of ours has: mail exchangers, text, …"""


@dataclass(frozen=True, slots=True)
class Found:
    """The answers: addresses in the order of joining, or names."""

    answers: tuple[Address | str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """The name is ours and has nothing of the wanted kind (NODATA, RFC 2308 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No name of ours that the asker may see: upstreams may know it."""


Outcome = Found | Empty | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkZone:
    """The names of one network. Never changed: a change gives a new zone."""

    suffix: str = ""
    """The network's name, folded; ``name.suffix`` leads to a holder of ``name`` too."""
    holders: Mapping[EndpointId, Holder] = field(default_factory=dict[EndpointId, Holder])
    by_name: Mapping[str, tuple[Holder, ...]] = field(default_factory=dict[str, tuple[Holder, ...]])
    """By folded name, in the order of joining: nobody hides behind somebody of the same name."""
    by_address: Mapping[Address, Holder] = field(default_factory=dict[Address, Holder])

    def named(self, name: str) -> NetworkZone:
        """The zone under the network name *name*."""
        return replace(self, suffix=folded(name))

    def with_holder(self, holder: Holder) -> NetworkZone:
        """The zone with *holder*, in place of what its endpoint had before."""
        zone = self.without_holder(holder.endpoint)
        added = {name: (*zone.by_name.get(name, ()), holder) for name in _folded_names(holder)}
        return replace(
            zone,
            holders={**zone.holders, holder.endpoint: holder},
            by_name={**zone.by_name, **added},
            by_address={**zone.by_address, **dict.fromkeys(holder.addresses, holder)},
        )

    def without_holder(self, endpoint: EndpointId) -> NetworkZone:
        """The zone without any name of *endpoint*; itself when it has none."""
        gone = self.holders.get(endpoint)
        if gone is None:
            return self
        by_name = dict(self.by_name)
        for name in _folded_names(gone):
            if others := tuple(h for h in by_name.pop(name) if h.endpoint != endpoint):
                by_name[name] = others
        return replace(
            self,
            holders={e: h for e, h in self.holders.items() if e != endpoint},
            by_name=by_name,
            by_address={a: h for a, h in self.by_address.items() if h.endpoint != endpoint},
        )

    def holders_of(self, name: str) -> Iterator[Holder]:
        """The holders of the folded *name*, then those of what stands before our suffix in it."""
        yield from self.by_name.get(name, ())
        if self.suffix and name.endswith(f".{self.suffix}"):
            yield from self.by_name.get(name[: -len(self.suffix) - 1], ())


EMPTY_ZONE = NetworkZone()


@dataclass(frozen=True, slots=True)
class Zones:
    """All networks' names. Never changed: a change gives new zones."""

    networks: Mapping[NetworkId, NetworkZone] = field(default_factory=dict[NetworkId, NetworkZone])

    def zone(self, network: NetworkId) -> NetworkZone:
        """The zone of *network*, empty when it has none."""
        return self.networks.get(network, EMPTY_ZONE)

    def with_zone(self, network: NetworkId, zone: NetworkZone) -> Zones:
        """The same with *zone* in the place of the network's former one."""
        return Zones({**self.networks, network: zone})

    def without_zone(self, network: NetworkId) -> Zones:
        """The same without *network*."""
        return Zones({n: z for n, z in self.networks.items() if n != network})

    def resolve(self, view: View, name: str, wanted: Wanted) -> Outcome:
        """What *name* (folded) means to an asker with *view*.

        All holders on all networks of the asker count, in the order of its connecting and theirs:
        who is on two of them is found at both addresses, and nobody is shadowed.

        An address is ours while an endpoint on a network of the asker has it; the reverse name of
        any other is unknown, so that nobody learns of networks that are not shared.
        """
        if (address := reverse_address(name)) is not None:
            return self._reverse(view, address, wanted)
        holders = [h for n in view.networks for h in self.zone(n).holders_of(name)]
        if not holders:
            return Unknown()
        addresses = dict.fromkeys(a for h in holders for a in h.addresses if _is(a, wanted))
        return Found(tuple(addresses)) if addresses else Empty()

    def _reverse(self, view: View, address: Address, wanted: Wanted) -> Outcome:
        found = (self.zone(n).by_address.get(address) for n in view.networks)
        names = dict.fromkeys(h.name for h in found if h is not None)
        if not names:
            return Unknown()
        return Found(tuple(names)) if wanted is Wanted.NAME else Empty()


def folded(name: str) -> str:
    """*name* as questions have it: ASCII letters in lower case, no dot at the end (RFC 4343)."""
    raw = name.removesuffix(".").replace("\\", "\\\\").encode("utf-8", "surrogateescape")
    return raw.lower().decode("utf-8", "surrogateescape")


def rotated(addresses: tuple[Address | str, ...], turn: int) -> tuple[Address | str, ...]:
    """*addresses* beginning with the one whose turn it is, so that askers spread over all."""
    first = turn % len(addresses)
    return addresses[first:] + addresses[:first]


def reverse_address(name: str) -> Address | None:
    """The address behind a reverse query's *name*, folded (RFC 1035 section 3.5, RFC 3596 2.5)."""
    if not name.endswith(".arpa"):
        return None
    *digits, family, _ = name.split(".")
    if family == "in-addr" and len(digits) == 4:
        return _parsed(".".join(reversed(digits)))
    if family == "ip6" and len(digits) == 32 and all(len(d) == 1 for d in digits):
        joined = "".join(reversed(digits))
        return _parsed(":".join(joined[i : i + 4] for i in range(0, 32, 4)))
    return None


def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is(address: Address, wanted: Wanted) -> bool:
    match wanted:
        case Wanted.IPV4:
            return isinstance(address, IPv4Address)
        case Wanted.IPV6:
            return isinstance(address, IPv6Address)
        case Wanted.ADDRESSES:
            return True
        case Wanted.NAME | Wanted.OTHER:
            return False


def _folded_names(holder: Holder) -> dict[str, None]:
    return dict.fromkeys(f for n in holder.names if (f := folded(n)))


# Endpoints


def names_of(sandbox: Sandbox, endpoint: Endpoint) -> tuple[str, ...]:
    """The names that lead to *endpoint*, each once: the sandbox's own first."""
    names = (sandbox.name, *endpoint.wish.aliases, sandbox.short_id, sandbox.hostname)
    return tuple(dict.fromkeys(name for name in names if name))


def holder(sandbox: Sandbox, endpoint: Endpoint) -> Holder:
    """*endpoint* as the name service sees it."""
    assert endpoint.place is not None
    return Holder(
        endpoint=endpoint.id,
        name=sandbox.name,
        names=names_of(sandbox, endpoint),
        addresses=tuple(a.ip for a in endpoint.place.interfaces),
    )
