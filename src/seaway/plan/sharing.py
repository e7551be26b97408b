"""What networks have together: it is there from the first of them to the last."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from seaway.model.ids import IfName
from seaway.model.network import Network


def on_switch(name: IfName, networks: Collection[Network]) -> Iterator[Network]:
    """Those of *networks* that are in a VLAN of the switch *name*."""
    return (n for n in networks if n.options.switch is not None and n.options.switch.name == name)


def on_uplink(name: IfName, networks: Collection[Network]) -> Iterator[Network]:
    """Those of *networks* whose uplink is *name*."""
    return (n for n in networks if n.options.uplink is not None and n.options.uplink.name == name)


def shares_switch(network: Network, others: Collection[Network]) -> bool:
    """Whether any of *others* is on the switch of *network*, if it has one."""
    switch = network.options.switch
    return switch is not None and any(n.id != network.id for n in on_switch(switch.name, others))


def shares_uplink(network: Network, others: Collection[Network]) -> bool:
    """Whether any of *others* has the uplink of *network*, if it has one."""
    uplink = network.options.uplink
    return uplink is not None and any(n.id != network.id for n in on_uplink(uplink.name, others))
