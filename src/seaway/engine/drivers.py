"""The drivers by name and by network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from seaway.contracts import Driver
from seaway.model.errors import NotFound
from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.plan.operations import Operation
from seaway.plan.wiring import Attachment


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

    def make_ops(self, network: Network, others: Collection[Network] = ()) -> Sequence[Operation]:
        """What makes *network* among *others*."""
        return self.of(network).network_ops(None, network, others)

    def unmake_ops(self, network: Network, others: Collection[Network]) -> Sequence[Operation]:
        """What takes *network* away from among *others*."""
        return self.of(network).network_ops(network, None, others)

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> Sequence[Operation]:
        """What makes an endpoint's interface in *netns* what *after* says; None: there is none."""
        either = before or after
        assert either is not None
        return self.of(either.network).endpoint_ops(before, after, netns)

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Whether the interface of *attachment* is there, as its network's driver says."""
        return self.of(attachment.network).is_whole(attachment, host, inside)
