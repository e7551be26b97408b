"""The drivers by name and by network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from seaway.contracts import Driver
from seaway.model.endpoint import Endpoint
from seaway.model.errors import NotFound
from seaway.model.network import Network
from seaway.plan.operations import Operation


class Drivers:
    """All drivers; for ``plan.wiring`` one that passes each question on to the network's driver."""

    def __init__(self, drivers: Iterable[Driver]) -> None:
        self._drivers = {driver.name: driver for driver in drivers}

    def named(self, name: str) -> Driver:
        """The driver of that name; raises NotFound."""
        if (driver := self._drivers.get(name)) is None:
            raise NotFound(
                f'plugin "{name}" not found; drivers are {", ".join(sorted(self._drivers))}'
            )
        return driver

    def of(self, network: Network) -> Driver:
        """The driver that makes *network*."""
        return self._drivers[network.driver]

    def attach_ops(self, network: Network, endpoint: Endpoint, netns: Path) -> Sequence[Operation]:
        """What makes *endpoint*'s interface in *netns*."""
        return self.of(network).attach_ops(network, endpoint, netns)

    def detach_ops(self, network: Network, endpoint: Endpoint, netns: Path) -> Sequence[Operation]:
        """What takes *endpoint*'s interface away."""
        return self.of(network).detach_ops(network, endpoint, netns)
