"""How links that somebody else made are left again, as facts that outlive the daemon."""

from __future__ import annotations

import json
from collections.abc import Collection
from ipaddress import ip_interface
from typing import Literal, TypedDict, assert_never, cast

from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.plan.operations import DropVlan, LeaveUplink, Release, ReleaseBridge
from seaway.plan.sharing import shares_uplink

SETTINGS = (
    "net/ipv4/conf/{}/send_redirects",
    "net/ipv4/conf/{}/route_localnet",
    "net/ipv6/conf/{}/accept_ra",
    "net/ipv6/conf/{}/disable_ipv6",
)
"""Files under /proc/sys, for a bridge, that ``AdoptBridge`` may write."""


class _KeptBridge(TypedDict):
    kind: Literal["bridge"]
    name: str
    group: int
    up: bool
    addresses: list[str]
    settings: dict[str, str]


class _KeptUplink(TypedDict):
    kind: Literal["uplink"]
    name: str
    bridge: str
    up: bool


class _KeptVlan(TypedDict):
    kind: Literal["vlan"]
    switch: str
    vlan: int
    uplink: str | None


_Kept = _KeptBridge | _KeptUplink | _KeptVlan


def release_ops(network: Network, others: Collection[Network] = ()) -> tuple[Release, ...]:
    """What leaves links of somebody else's as they were before *network*, but for what *others* need."""
    found = (
        bridge_release(network),
        vlan_release(network),
        None if shares_uplink(network, others) else uplink_release(network),
    )
    return tuple(release for release in found if release is not None)


def bridge_release(network: Network) -> ReleaseBridge | None:
    """What leaves the bridge of *network* as it was; None where the bridge is its own."""
    options, adopted = network.options, network.options.adopted
    if adopted is None or options.bridge is None:
        return None
    held = {interface.ip for interface in adopted.held}
    return ReleaseBridge(
        name=options.bridge,
        group=adopted.group,
        up=adopted.up,
        addresses=tuple(a for a in network.bridge_addresses if a.ip not in held),
        settings=adopted.settings,
    )


def vlan_release(network: Network) -> DropVlan | None:
    """What takes the VLAN of *network* off its switch; None where it has none, or it passed before."""
    switch, uplink = network.options.switch, network.options.uplink
    if switch is None or switch.passed:
        return None
    name = None if uplink is None else uplink.name
    return DropVlan(switch=switch.name, vlan=switch.vlan, uplink=name)


def uplink_release(network: Network) -> LeaveUplink | None:
    """What leaves the uplink of *network* as it was; None where it has none."""
    uplink, bridge = network.options.uplink, network.options.ports_of
    if uplink is None or bridge is None:
        return None
    return LeaveUplink(name=uplink.name, bridge=bridge, up=uplink.up)


def release_key(release: Release) -> str:
    """Which link, or which of its VLANs, *release* is of."""
    match release:
        case ReleaseBridge(name=name):
            return f"bridge:{name}"
        case LeaveUplink(name=name):
            return f"uplink:{name}"
        case DropVlan(switch=switch, vlan=vlan):
            return f"vlan:{switch}:{vlan}"
        case _:
            assert_never(release)


def kept_text(release: Release) -> str:
    """*release* as text."""
    return json.dumps(_kept(release))


def _kept(release: Release) -> _Kept:
    match release:
        case ReleaseBridge():
            return _KeptBridge(
                kind="bridge",
                name=release.name,
                group=release.group,
                up=release.up,
                addresses=[str(a) for a in release.addresses],
                settings=dict(release.settings),
            )
        case LeaveUplink(name=name, bridge=bridge, up=up):
            return _KeptUplink(kind="uplink", name=name, bridge=bridge, up=up)
        case DropVlan(switch=switch, vlan=vlan, uplink=uplink):
            return _KeptVlan(kind="vlan", switch=switch, vlan=vlan, uplink=uplink)
        case _:
            assert_never(release)


def kept_release(text: str) -> Release:
    """The operation that ``kept_text`` made *text* of."""
    kept = cast(_Kept, json.loads(text))
    if kept["kind"] == "uplink":
        name, bridge = IfName(kept["name"]), IfName(kept["bridge"])
        return LeaveUplink(name=name, bridge=bridge, up=kept["up"])
    if kept["kind"] == "vlan":
        uplink = IfName(kept["uplink"]) if kept["uplink"] else None
        return DropVlan(switch=IfName(kept["switch"]), vlan=kept["vlan"], uplink=uplink)
    return ReleaseBridge(
        name=IfName(kept["name"]),
        group=kept["group"],
        up=kept["up"],
        addresses=tuple(map(ip_interface, kept["addresses"])),
        settings=tuple(kept["settings"].items()),
    )
