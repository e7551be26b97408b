"""How bridges that somebody else made are left again, as facts that outlive the daemon."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from typing import TypedDict, cast

from seaway.model.ids import IfName, NetworkId
from seaway.model.network import Network
from seaway.plan.operations import ReleaseBridge

SETTINGS = (
    "net/ipv4/conf/{}/send_redirects",
    "net/ipv4/conf/{}/route_localnet",
    "net/ipv6/conf/{}/accept_ra",
    "net/ipv6/conf/{}/disable_ipv6",
)
"""Files under /proc/sys, for a bridge, that ``AdoptBridge`` may write."""


class _Kept(TypedDict):
    network: str
    name: str
    group: int
    up: bool
    addresses: list[str]
    settings: dict[str, str]


def release_ops(network: Network) -> tuple[ReleaseBridge, ...]:
    """What leaves the bridge of *network* as it was before; nothing where the bridge is its own."""
    options, adopted = network.options, network.options.adopted
    if adopted is None or options.bridge is None:
        return ()
    held = {interface.ip for interface in adopted.held}
    return (
        ReleaseBridge(
            name=options.bridge,
            group=adopted.group,
            up=adopted.up,
            addresses=tuple(a for a in network.bridge_addresses if a.ip not in held),
            settings=adopted.settings,
        ),
    )


def kept_text(network: Network, release: ReleaseBridge) -> str:
    """*release* of the bridge of *network* as text."""
    kept = _Kept(
        network=network.id,
        name=release.name,
        group=release.group,
        up=release.up,
        addresses=[str(a) for a in release.addresses],
        settings=dict(release.settings),
    )
    return json.dumps(kept)


def kept_release(text: str) -> tuple[NetworkId, ReleaseBridge]:
    """For which network *text* was kept, and the operation that ``kept_text`` made it of."""
    kept = cast(_Kept, json.loads(text))
    return NetworkId(kept["network"]), ReleaseBridge(
        name=IfName(kept["name"]),
        group=kept["group"],
        up=kept["up"],
        addresses=tuple(map(ip_interface, kept["addresses"])),
        settings=tuple(kept["settings"].items()),
    )
