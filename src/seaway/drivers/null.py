"""The ``null`` driver: sandboxes have loopback only, which every namespace has."""

from __future__ import annotations

from collections.abc import Mapping

from seaway.contracts import NetworkFacts
from seaway.drivers.host import HostDriver
from seaway.model.options import NullOptions


class NullDriver:
    """Its sandboxes stay alone; there is one such network."""

    name = NullOptions.driver
    multiple = False
    known_options: frozenset[str] = frozenset()

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> NullOptions:
        """It has none."""
        return NullOptions()

    network_ops = HostDriver.network_ops
    endpoint_ops = HostDriver.endpoint_ops
    is_whole = HostDriver.is_whole
