"""What lies around an interface that keeps sandboxes on it from being heard, told from facts."""

from __future__ import annotations

from collections.abc import Iterator

from seaway.model.observed import Surroundings
from seaway.model.parent import LinkKind, Macvlan, MacvlanMode

_CLOUDS = (
    ("Amazon EC2", "Amazon EC2"),
    ("Google", "Google Compute Engine"),
    ("DigitalOcean", "DigitalOcean"),
    ("Alibaba Cloud", "Alibaba Cloud"),
    ("Hetzner", "Hetzner Cloud"),
    ("OVHcloud", "OVHcloud"),
    ("Scaleway", "Scaleway"),
    ("Vultr", "Vultr"),
    ("OracleCloud", "Oracle Cloud"),
    ("OpenStack", "OpenStack"),
)
"""How the makers of virtual machines begin that let only known addresses through, and whose they are."""
_AZURE = "7783-7084-3265-9085-8269-3286-77"
"""The asset tag of all virtual machines of Azure, whose maker is that of every Hyper-V."""
_SWITCHES = {
    "vmxnet3": (
        "a virtual switch of VMware, which drops frames with other MAC addresses until its port group "
        "accepts promiscuous mode, MAC address changes and forged transmits"
    ),
    "hv_netvsc": (
        "a virtual switch of Hyper-V, which drops frames with other MAC addresses until the adapter has "
        "MAC address spoofing enabled"
    ),
}
"""By the driver of the interface: what it is plugged into."""
_VIRTUALBOX = "innotek"


def pitfalls(link: LinkKind, around: Surroundings) -> Iterator[str]:
    """Why sandboxes with links like *link* on an interface may not be heard, and what helps; one sentence each.

    Sources: IEEE 802.11 (a station sends with its own address alone), the manuals of the makers.
    """
    name = around.name
    if (cloud := _cloud(around)) is not None:
        yield (
            f"{name} is in {cloud}, which lets through only the addresses that it gave to this host itself: "
            f"sandboxes are heard if you assign their addresses to {name} there, and use ipvlan"
        )
    if not isinstance(link, Macvlan) or link.mode is MacvlanMode.PASSTHRU:
        return
    if around.wireless:
        yield (
            f"{name} is Wi-Fi, where an access point hears the host's own MAC address alone: sandboxes on "
            "macvlan are not heard; use -d ipvlan"
        )
    if cloud is None and (switch := _switch(around)) is not None:
        yield f"{name} is on {switch}; or use -d ipvlan"


def _cloud(around: Surroundings) -> str | None:
    if around.asset_tag == _AZURE:
        return "Azure"
    return next((whose for start, whose in _CLOUDS if around.maker.startswith(start)), None)


def _switch(around: Surroundings) -> str | None:
    if around.maker.startswith(_VIRTUALBOX):
        return (
            "a virtual switch of VirtualBox, which drops frames with other MAC addresses until the "
            "adapter's promiscuous mode is Allow All"
        )
    return _SWITCHES.get(around.driver)
