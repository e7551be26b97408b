"""The host's ports of a sandbox: held while it publishes them, and let go of with them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from seaway.contracts import Hold, HostPorts
from seaway.engine.undo import Undo
from seaway.model.errors import EngineError, Exhausted, PortTaken
from seaway.model.network import Reach
from seaway.model.port import PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.wiring import VERSIONS, Wiring, bound, waiting, ways_in

log = logging.getLogger(__name__)


class HeldPorts:
    """Holds host ports; who calls it holds the sandbox's turn."""

    def __init__(self, host_ports: HostPorts) -> None:
        self._host_ports = host_ports

    # Hold

    def hold(self, sandbox: Sandbox, wiring: Wiring, undo: Undo) -> Wiring:
        """Hold the host's ports that *sandbox* publishes when it hangs so; gives the wiring with them.

        Those are the ports of *wiring*, as they are, and each that was asked for and waits for a way
        in, at the address that the network of the default route prefers. Without a way in (no network
        that leads outside) none is held, as none is published; where they are reached at the sandbox's
        own address none is held either.
        Raises PortTaken, Exhausted; *undo* lets go of those that were not held before.
        """
        ports = (*wiring.ports, *bound(waiting(sandbox, wiring), wiring))
        return replace(wiring, ports=self.hold_ports(sandbox, ports, wiring, undo))

    def hold_ports(
        self,
        sandbox: Sandbox,
        ports: Sequence[PublishedPort],
        wiring: Wiring,
        undo: Undo,
    ) -> tuple[PublishedPort, ...]:
        """The same of *ports* alone, whatever else *sandbox* publishes; gives them as they are held.

        A port for which any number will do gets the one that it had last, if that is free.
        """
        if not ports or not ways_in(wiring):
            return ()
        versions, last = ways_in(wiring, Reach.HOST), _last(sandbox, ports)
        taken = self._host_ports.hold(sandbox.id, ports, versions, last=last)
        undo.by(self._host_ports.let_go, sandbox.id, taken.new)
        return taken.ports

    def hold_free(self, sandbox: Sandbox, wiring: Wiring, undo: Undo) -> Wiring:
        """As ``hold``, for one who must not fail: where a port is taken, those that wait go on waiting."""
        try:
            return self.hold(sandbox, wiring, undo)
        except (PortTaken, Exhausted) as error:
            facts = {"sandbox": sandbox.name, "reason": str(error)}
            log.warning("ports that could be published again are taken", extra=facts)
            return wiring

    def put_back(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Hold again what *sandbox* publishes when it hangs so, as is promised: letting go came to nothing."""
        self.hold(sandbox, wiring, Undo())

    # Let go

    def let_go(self, sandbox: Sandbox, wiring: Wiring) -> Wiring:
        """Let go of the host's ports of *sandbox* in families where none leads in; gives the wiring."""
        versions = ways_in(wiring, Reach.HOST)
        held = self._host_ports.held(sandbox.id)
        lost = {h: gone for h, f in held.items() if (gone := f - frozenset(versions))}
        if lost:
            self._host_ports.let_go(sandbox.id, lost)
        return wiring if ways_in(wiring) else replace(wiring, ports=())

    def let_go_of(self, sandbox: Sandbox, ports: Sequence[PublishedPort]) -> None:
        """Let go of *ports* of *sandbox*, held or not."""
        both = frozenset(VERSIONS)
        self._host_ports.let_go(sandbox.id, {Hold.of(port): both for port in ports})

    def let_go_of_all(self, sandbox: Sandbox) -> None:
        """Let go of all that is held for *sandbox*."""
        self._host_ports.let_go(sandbox.id)

    # Hold again

    def unheld(self, sandbox: Sandbox, wiring: Wiring) -> tuple[PublishedPort, ...]:
        """The ports of *wiring* that are not held: taken while no daemon held them."""
        held = self._host_ports.held(sandbox.id)
        missing = [p for p in wiring.ports if Hold.of(p) not in held]
        versions = ways_in(wiring, Reach.HOST) if missing else ()
        return tuple(p for p in missing if any(p.is_on(v) for v in versions))

    def hold_again(
        self, sandbox: Sandbox, wiring: Wiring
    ) -> tuple[tuple[PublishedPort, EngineError], ...]:
        """Hold each unheld port of *wiring* that can be held; gives the others, with the reason."""
        versions = ways_in(wiring, Reach.HOST)
        missing = self.unheld(sandbox, wiring)
        # all at once first: most are free, and there may be thousands
        if not missing or self._refusal(sandbox, missing, versions) is None:
            return ()
        tried = ((p, self._refusal(sandbox, [p], versions)) for p in missing)
        return tuple((port, error) for port, error in tried if error is not None)

    def _refusal(
        self, sandbox: Sandbox, ports: Sequence[PublishedPort], versions: Sequence[int]
    ) -> EngineError | None:
        """Hold all of *ports*, or none: then why not."""
        try:
            self._host_ports.hold(sandbox.id, ports, versions)
        except (PortTaken, Exhausted) as error:
            return error
        return None


def _last(sandbox: Sandbox, ports: Sequence[PublishedPort]) -> Mapping[PublishedPort, int]:
    """The numbers that those of *ports* without one had last."""
    free = [p for p in ports if not p.host_port] if sandbox.status.former else []
    return {p: was.host_port for p, was in counterparts(free, sandbox.status.former).items()}
