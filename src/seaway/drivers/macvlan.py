"""The ``macvlan`` driver: links with MAC addresses of their own on an interface of the host."""

from __future__ import annotations

from collections.abc import Mapping

from seaway.contracts import NetworkFacts
from seaway.drivers import parent_options
from seaway.drivers.on_parent import OnParentDriver
from seaway.drivers.words import one_of, refusal
from seaway.model.options import MacvlanOptions
from seaway.model.parent import Macvlan, MacvlanMode

MODE = "macvlan_mode"
BCLIM = "bclim"
_MOST = (1 << 31) - 1


class MacvlanDriver(OnParentDriver):
    """Sandboxes are machines on the LAN."""

    name = MacvlanOptions.driver
    multiple = True
    known_options = parent_options.KNOWN | {MODE, BCLIM}

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> MacvlanOptions:
        """*asked* as typed options; raises InvalidRequest."""
        parent_options.refuse_unknown(asked, self.name)
        link = Macvlan(
            mode=one_of(MacvlanMode, asked, MODE, MacvlanMode.BRIDGE),
            bclim=_bclim(asked.get(BCLIM)),
        )
        parent = parent_options.parent(asked, link, facts)
        return MacvlanOptions(
            parent=parent,
            link=link,
            mtu=parent_options.parent_mtu(asked, parent, facts),
            host_access=parent_options.host_access(asked, link),
            probe=parent_options.probe(asked, parent, link),
            source_guard=parent_options.source_guard(asked, parent, link),
            dns=parent_options.dns(asked),
            ifname_prefix=parent_options.prefix(asked),
        )


def _bclim(text: str | None) -> int | None:
    if not text:
        return None
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(text) <= len(str(_MOST))
    if not is_number or not -1 <= int(text) <= _MOST:
        raise refusal(
            BCLIM, text, f"it is a number of links from 0 to {_MOST}, or -1: no broadcast waits"
        )
    return int(text)
