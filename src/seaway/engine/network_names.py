"""The DNS suffix of each network, and the servers at its gateways."""

from __future__ import annotations

import logging

from seaway.contracts import Names
from seaway.model.errors import Unavailable
from seaway.model.network import Network

log = logging.getLogger(__name__)


class NetworkNames:
    """Begins and ends the name service of a network."""

    def __init__(self, *, names: Names, at_gateways: bool) -> None:
        """With *at_gateways* the host may ask for the names of a network at its gateway, port 53."""
        self._names, self._at_gateways = names, at_gateways

    async def begin(self, network: Network) -> None:
        """Answer ``name.network``; a gateway whose port 53 somebody has is only logged."""
        self._names.name_network(network.id, network.name)
        for address in network.bridge_addresses if self._at_gateways else ():
            try:
                await self._names.answer_at(network.id, address.ip)
            except Unavailable as error:
                facts = {"network": network.name, "reason": str(error)}
                log.warning("names are not answered at a gateway", extra=facts)

    async def end(self, network: Network) -> None:
        """No name of *network* leads anywhere from now on."""
        self._names.forget_network(network.id)
        if self._at_gateways:
            await self._names.stop_at(network.id)
