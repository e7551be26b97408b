"""The ``host`` driver: sandboxes use the host's own namespace, so Linux has nothing to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from seaway.contracts import NetworkFacts
from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import HostOptions
from seaway.plan.operations import Operation
from seaway.plan.wiring import Attachment


class HostDriver:
    """Its ports are the host's; there is one such network."""

    name = HostOptions.driver
    multiple = False
    known_options: frozenset[str] = frozenset()

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> HostOptions:
        """It has none."""
        return HostOptions()

    def network_ops(
        self, before: Network | None, after: Network | None, others: Collection[Network] = ()
    ) -> tuple[Operation, ...]:
        """Nothing to do."""
        return ()

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> tuple[Operation, ...]:
        """Nothing to do."""
        return ()

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Nothing can be missing."""
        return True
