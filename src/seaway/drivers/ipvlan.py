"""The ``ipvlan`` driver: links that share the MAC address of an interface of the host."""

from __future__ import annotations

from collections.abc import Mapping

from seaway.contracts import NetworkFacts
from seaway.drivers import parent_options
from seaway.drivers.on_parent import OnParentDriver
from seaway.drivers.words import one_of
from seaway.model.options import IpvlanOptions
from seaway.model.parent import Ipvlan, IpvlanFlag, IpvlanMode

MODE = "ipvlan_mode"
FLAG = "ipvlan_flag"


class IpvlanDriver(OnParentDriver):
    """Sandboxes are addresses on the LAN (L2), or behind the host (L3)."""

    name = IpvlanOptions.driver
    multiple = True
    known_options = parent_options.KNOWN | {MODE, FLAG}

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> IpvlanOptions:
        """*asked* as typed options; raises InvalidRequest."""
        parent_options.refuse_unknown(asked, self.name)
        link = Ipvlan(
            mode=one_of(IpvlanMode, asked, MODE, IpvlanMode.L2),
            flag=one_of(IpvlanFlag, asked, FLAG, IpvlanFlag.BRIDGE),
        )
        parent = parent_options.parent(asked, link, facts)
        parent_options.source_guard(asked, parent, link)
        return IpvlanOptions(
            parent=parent,
            link=link,
            mtu=parent_options.parent_mtu(asked, parent, facts),
            host_access=parent_options.host_access(asked, link),
            probe=parent_options.probe(asked, parent, link),
            dns=parent_options.dns(asked),
            ifname_prefix=parent_options.prefix(asked),
        )
