"""The ``host`` driver: sandboxes use the host's own namespace, so Linux has nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seaway.contracts import NetworkFacts
from seaway.model.endpoint import Endpoint
from seaway.model.network import HostOptions, Network
from seaway.plan.operations import Operation


class HostDriver:
    """Its ports are the host's; there is one such network."""

    name = HostOptions.driver
    multiple = False
    known_options: frozenset[str] = frozenset()

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> HostOptions:
        """It has none."""
        return HostOptions()

    def create_ops(self, network: Network) -> tuple[Operation, ...]:
        """Nothing to do."""
        return ()

    delete_ops = create_ops

    def attach_ops(
        self,
        network: Network,
        endpoint: Endpoint,
        netns: Path,
    ) -> tuple[Operation, ...]:
        """Nothing to do."""
        return ()

    detach_ops = attach_ops
