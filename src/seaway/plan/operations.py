"""What Linux shall do, as values: drivers plan operations, the kernel carries them out.

A list of operations is applied as a whole: when one fails, those before it are undone in reverse
order by their ``inverse``. Operations of removal succeed when what they remove is gone already.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from seaway.model.endpoint import LinkSysctl
from seaway.model.ids import Address, IfName, Interface, Mac
from seaway.model.lease import LeasedRoute
from seaway.model.parent import LinkKind
from seaway.model.port import Proto
from seaway.plan.elements import Element, Elements

BRIDGE_GROUP = 0x5EA
"""Link group of all our bridges, for other firewalls to match (``devgroup``)."""
DOOMED_GROUP = 0x5EB
"""Link group of host ends that wait for their deletion; one message deletes them all."""
ADOPTED_GROUP = 0x5EC
"""Link group of bridges that somebody else made: whatever is known of them, they are never deleted."""
PARENT_GROUP = 0x5ED
"""Link group of what we make on interfaces of the host for networks that are on these."""
BRIDGE_GROUPS = frozenset({BRIDGE_GROUP, ADOPTED_GROUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBridge:
    """Make a bridge with its gateway addresses and bring it up.

    It gets BRIDGE_GROUP, no delay for new ports (``forward_delay 0``), ``route_localnet``, no
    redirects, no router advertisements accepted, and for each IPv6 gateway a nodad address; where it
    has one also a local route to ``::1`` with a metric of its own, so that answers translated back
    to ``::1`` find their way (docs/explanation/packet-path.md).

    With *switch* it is a VLAN subinterface of that, which is to the host all that a bridge is.
    """

    name: IfName
    mac: Mac | None
    """None: that of the switch."""
    mtu: int
    addresses: tuple[Interface, ...]
    """The gateways."""
    switch: IfName | None = None
    vlan: int = 0
    """1 to 4094 with *switch*, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptBridge:
    """Use a bridge that is there: as ``AddBridge``, but in ADOPTED_GROUP, with the MAC address and MTU it has.

    Said again it does no harm. Refused where the link is gone or is no bridge.
    """

    name: IfName
    addresses: tuple[Interface, ...]
    """The gateways; those that it has are fine."""
    release: ReleaseBridge


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBridge:
    """Leave a bridge as it was before ``AdoptBridge``; what is gone already is fine."""

    name: IfName
    group: int
    up: bool
    addresses: tuple[Interface, ...]
    """Those to take away: what it got from us."""
    settings: tuple[tuple[str, str], ...]
    """Kernel settings, by their file under /proc/sys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSwitch:
    """Make a bridge that keeps VLANs apart and bring it up, in BRIDGE_GROUP.

    A port of it is in no VLAN until it is put into one, and nor is the host, which gets no address on
    it. Refused where the kernel cannot do it.
    """

    name: IfName
    mac: Mac


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinUplink:
    """Make an interface of somebody else's a port of *bridge*, and bring it up; said twice is fine.

    Of a switch it is a port that is in no VLAN yet. Refused where it is a port of another already.
    """

    name: IfName
    bridge: IfName
    release: LeaveUplink


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveUplink:
    """Take an interface off *bridge*, and leave it up or down as it was; gone or elsewhere is fine."""

    name: IfName
    bridge: IfName
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PassVlan:
    """Let the frames of *vlan* pass between *switch* and the host, and tagged by its *uplink*.

    Said twice is fine, and an uplink that is no port of it is passed over. The switch comes up.
    Refused where it is no bridge that keeps VLANs apart.
    """

    switch: IfName
    vlan: int
    """1 to 4094."""
    uplink: IfName | None
    adopted: bool
    """Whether somebody else made the switch: its MAC address and MTU stay whatever ports it gets."""
    release: DropVlan | None
    """None: they passed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropVlan:
    """Let the frames of *vlan* pass no more, as after ``PassVlan``; what is gone already is fine."""

    switch: IfName
    vlan: int
    uplink: IfName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVlan:
    """Make a VLAN subinterface and bring it up, in PARENT_GROUP; one of ours that is there is fine.

    The host itself gets no address in the VLAN. While its parent is down it waits for that.
    """

    name: IfName
    parent: IfName
    vlan: int
    """1 to 4094."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDummy:
    """Make a link with nothing behind it and bring it up, in PARENT_GROUP."""

    name: IfName


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """A link of the host's own beside those of the endpoints on *parent*, by which they reach each other.

    It is in PARENT_GROUP, answers only endpoints for addresses that the host has elsewhere
    (``arp_filter``), and takes nothing from router advertisements.
    """

    name: IfName
    parent: IfName
    link: LinkKind
    mac: Mac | None
    mtu: int | None
    """None: the parent's."""
    addresses: tuple[Interface, ...]
    """Each alone, with the longest prefix: what lies behind the link is said by routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeShim:
    """Make the host's shim *new* of *old*; None: there is none. One that is gone already is fine."""

    old: Shim | None
    new: Shim | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLink:
    """Take a link away, and wait for it; gone already is fine."""

    name: IfName


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetns:
    """Make a network namespace with loopback up, bound to the file *path*."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BindNetns:
    """Bind the network namespace *source* (made by somebody else) to the file *path*."""

    path: Path
    source: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NameNetns:
    """Let the symbolic link *name* lead to the bound namespace *path*, in place of what it was."""

    name: Path
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UnnameNetns:
    """Take the symbolic link *name* away; gone already is fine."""

    name: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNetns:
    """Unbind *path*; the namespace and its links die with its last user. Gone already is fine."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachVeth:
    """Join *netns* to *bridge* by a veth pair whose far end is made directly inside.

    One message makes both ends, the near one on the bridge; they come up when the port has its
    flags. Where *guarded* the port neither learns nor floods to strangers (``learning off``,
    ``locked on`` and a static fdb entry for *mac*). Addresses get no duplicate address detection: the
    plan knows that they are free. A gratuitous ARP request and an unsolicited neighbour advertisement
    for each address go out from inside (RFC 5227 section 3, RFC 4861 section 7.2.6), at the end of
    the list.
    """

    link: IfName
    """The near end, on the host."""
    bridge: IfName
    netns: Path
    ifname: IfName
    """The far end, inside."""
    mac: Mac
    host_mac: Mac
    mtu: int
    addresses: tuple[Interface, ...]
    guarded: bool = True
    vlan: int | None = None
    """The one in which it is, and no other; None: *bridge* has none. Refused where it keeps none apart."""
    has_strangers: bool = False
    """Whether machines that are not ours are on *bridge*: none of them is heeded as a router."""
    sysctls: tuple[LinkSysctl, ...] = ()
    """Settings of the far end, written before it comes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachVeth:
    """Cut a veth pair off without waiting for the kernel's deletion of it.

    On return no packet passes: the far end has no address, the near end is a closed port in
    DOOMED_GROUP, to be deleted with its like when nobody waits. Both keep their names until these are
    wanted again. A pair or namespace that is gone already is fine.
    """

    link: IfName
    netns: Path
    ifname: IfName


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachLink:
    """Put a macvlan or ipvlan link on *parent* into *netns*, with its addresses.

    It is made directly inside. Its addresses are used without duplicate address detection by the
    kernel, and announced as by ``AttachVeth``. Router advertisements mean nothing to it unless *autoconf*
    is said.
    """

    parent: IfName
    netns: Path
    ifname: IfName
    link: LinkKind
    mac: Mac | None
    """None: the parent's."""
    mtu: int | None
    """None: the parent's."""
    addresses: tuple[Interface, ...]
    autoconf: bool = False
    """Whether it has IPv6 as the LAN gives it: a link-local address, and what routers advertise, be
    the sandbox a router itself or not."""
    sysctls: tuple[LinkSysctl, ...] = ()
    """Settings of it, written before it comes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachLink:
    """Delete what ``AttachLink`` made; gone already, or with its parent or its namespace, is fine."""

    parent: IfName
    netns: Path
    ifname: IfName
    mac: Mac | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Announce the addresses of what was attached once more; as ``AttachVeth`` announces them."""

    what: AttachVeth | AttachLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeHostRoutes:
    """Let the host reach *new* addresses by its *link*, and *old* ones no more; said twice is fine.

    Of a link that is gone nothing is left to change: when it is made again they are said again.
    """

    link: IfName
    old: tuple[Address, ...] = ()
    new: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMtu:
    """Make *new* the MTU of the host's *link*, or that of its far end inside *netns*, while traffic flows.

    Of a link that is gone nothing is left to change, and what a sandbox did to its far end keeps nobody
    else's network from changing: it is passed over. So it is with the next two.
    """

    link: IfName
    netns: Path | None = None
    parent: IfName | None = None
    """The parent of *link*, where that is no veth pair and its name is the one inside."""
    old: int | None
    """None: that of the parent."""
    new: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGateways:
    """Make *new* the addresses of a bridge, with all that ``AddBridge`` gives it for them."""

    bridge: IfName
    old: tuple[Interface, ...]
    new: tuple[Interface, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddresses:
    """Make *new* the addresses of the far end of *link* inside *netns*; what is in both is not touched.

    With the first IPv6 address comes a link-local one, and with the last it goes, unless *autoconf* is
    said: then IPv6 is there without them. New ones are announced as by ``AttachVeth``.
    """

    link: IfName
    netns: Path
    ifname: IfName
    parent: IfName | None = None
    """As in ``ChangeMtu``."""
    mac: Mac | None
    """None: the parent's."""
    autoconf: bool = False
    """As in ``AttachLink``."""
    old: tuple[Interface, ...]
    new: tuple[Interface, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLeasedRoutes:
    """Make *new* the routes by the interface *ifname* inside *netns* that came with a lease; as ``ChangeMtu``."""

    netns: Path
    ifname: IfName
    parent: IfName
    old: tuple[LeasedRoute, ...]
    new: tuple[LeasedRoute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGuard:
    """Lock a bridge port to *mac*, or open it, as ``AttachVeth`` does with *guarded*."""

    link: IfName
    mac: Mac
    vlan: int | None = None
    """As in ``AttachVeth``."""
    old: bool
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A default route: by which interface, to which gateway; None: all are right behind the interface."""

    ifname: IfName
    gateway: Address | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRoute:
    """Make *new* the default route of family *version* inside *netns*, whatever it is now.

    None: no default route, and gone already is fine. *old* is what undoing puts back.
    """

    netns: Path
    version: int
    old: Route | None
    new: Route | None
    settled: bool = False
    """Whether its interface, if it has one, was there before: then one that the sandbox took away,
    renamed or shut is passed over, with its route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectNames:
    """Inside *netns*: let 127.0.0.11:53 be answered at *port* there, without connection tracking.

    Loopback comes up for it. A sandbox's own server may so bind port 53 on all its addresses.
    """

    netns: Path
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveNames:
    """Take what ``RedirectNames`` did away again, in a namespace that is not ours; gone is fine."""

    netns: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeElements:
    """Make the firewall's elements *new* of *old*, in one transaction."""

    old: Elements
    new: Elements

    def left(self, there: AbstractSet[Element]) -> ChangeElements:
        """What of it is still to do where *there* is what the firewall has: a removal may be said again."""
        gone, new = self.old - self.new, self.new - self.old
        return ChangeElements(old=gone & there, new=new - there)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAddress:
    """Drop the tracked flows from or to *address*, of all protocols; none is fine."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAmong:
    """Drop the tracked flows from one of *addresses* to another, published ports aside; none is fine."""

    addresses: frozenset[Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPort:
    """Drop the tracked flows of *proto* and family *version* sent to ports of the host; none is fine."""

    proto: Proto
    version: int
    host: Address | None = None
    """The address of the host, of that family; None: any of it."""
    host_port: int
    count: int = 1
    """How many ports from *host_port* on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSysctl:
    """Write *value* to the file *path* under /proc/sys, in the host's namespace."""

    path: str
    value: str
    before: str


Operation = (
    AddBridge
    | AdoptBridge
    | ReleaseBridge
    | AddSwitch
    | JoinUplink
    | LeaveUplink
    | PassVlan
    | DropVlan
    | AddVlan
    | AddDummy
    | ChangeShim
    | DeleteLink
    | CreateNetns
    | BindNetns
    | NameNetns
    | UnnameNetns
    | DeleteNetns
    | AttachVeth
    | DetachVeth
    | AttachLink
    | DetachLink
    | Announce
    | ChangeHostRoutes
    | ChangeMtu
    | ChangeGateways
    | ChangeAddresses
    | ChangeLeasedRoutes
    | ChangeGuard
    | ChangeRoute
    | RedirectNames
    | LeaveNames
    | ChangeElements
    | ForgetAddress
    | ForgetAmong
    | ForgetPort
    | SetSysctl
)


Release = ReleaseBridge | LeaveUplink | DropVlan
"""What leaves a link of somebody else's, or one that others share, as it was."""


Attach = AttachVeth | AttachLink
Detach = DetachVeth | DetachLink
"""What makes the interface of an endpoint inside, and what takes it away."""


Forget = ForgetAddress | ForgetAmong | ForgetPort
"""What drops tracked flows: it is done aside, after the rest, and nothing undoes it."""


def inverse(operation: Operation) -> Operation | None:
    """What undoes *operation*; None for removals and for what dies with its namespace.

    A change from old to new is undone by the change from new to old.
    """
    match operation:
        case AddBridge(name=name) | AddSwitch(name=name) | AddVlan(name=name) | AddDummy(name=name):
            return DeleteLink(name=name)
        case AdoptBridge(release=release) | JoinUplink(release=release) | PassVlan(release=release):
            return release
        case CreateNetns(path=path) | BindNetns(path=path):
            return DeleteNetns(path=path)
        case RedirectNames(netns=netns):
            return LeaveNames(netns=netns)
        case NameNetns(name=name):
            return UnnameNetns(name=name)
        case AttachVeth(link=link, netns=netns, ifname=ifname):
            return DetachVeth(link=link, netns=netns, ifname=ifname)
        case AttachLink(parent=parent, netns=netns, ifname=ifname, mac=mac):
            return DetachLink(parent=parent, netns=netns, ifname=ifname, mac=mac)
        case (
            ChangeMtu()
            | ChangeGateways()
            | ChangeAddresses()
            | ChangeLeasedRoutes()
            | ChangeGuard()
            | ChangeRoute()
            | ChangeHostRoutes()
            | ChangeShim()
            | ChangeElements()
        ):
            return replace(operation, old=operation.new, new=operation.old)  # type: ignore[arg-type]
        case SetSysctl(path=path, value=value, before=before):
            return SetSysctl(path=path, value=before, before=value)
        case _:
            return None
