"""Putting a sandbox up: ports, namespace, rules and links, names, process; and taking it down."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from seaway.contracts import Clock, Kernel, Launch, Runtime, Store
from seaway.engine.endpoints import Endpoints
from seaway.engine.files import Files
from seaway.engine.held_ports import HeldPorts
from seaway.engine.leasing import Leasing
from seaway.engine.pending_streams import PendingStreams
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint
from seaway.model.errors import (
    AddressTaken,
    Conflict,
    EngineError,
    Forbidden,
    NotFound,
    PortTaken,
)
from seaway.model.network import Network
from seaway.model.sandbox import Netns, Process, Sandbox, State, Status
from seaway.plan.netns import (
    NetnsPaths,
    let_go_ops,
    name_op,
    namespace_ops,
    no_namespace_ops,
    unname_op,
)
from seaway.plan.wiring import UNWIRED, Wiring, default_attachment, former_ports

log = logging.getLogger(__name__)


class Assembly:
    """Makes and removes all that a running sandbox has; the caller holds the sandbox's turn."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        held_ports: HeldPorts,
        runtime: Runtime,
        wires: Wires,
        files: Files,
        endpoints: Endpoints,
        leasing: Leasing,
        clock: Clock,
        paths: NetnsPaths,
        streams: PendingStreams,
    ) -> None:
        self._store, self._kernel, self._held_ports = store, kernel, held_ports
        self._runtime, self._wires, self._files = runtime, wires, files
        self._endpoints, self._clock, self._paths = endpoints, clock, paths
        self._streams, self._leasing = streams, leasing

    # Up

    async def put_up(self, sandbox: Sandbox) -> Sandbox:
        """Make all of it and let its process run, or none; gives it as it is then, by the store."""
        async with Undo() as undo:
            endpoints = await self._claimed(sandbox, undo)
            wiring = self._wired(sandbox, endpoints, undo)
            await self._lay(sandbox, wiring, undo)
            wiring = await self._leasing.obtain(sandbox, wiring, wiring.attachments, undo)
            endpoints = _as_wired(endpoints, wiring)
            if sandbox.process is not None:
                await self._launch(sandbox, sandbox.process, wiring, undo)
            started = replace(
                sandbox,
                status=Status(
                    state=State.RUNNING,
                    started=self._clock.now(),
                    published=wiring.ports,
                    former=former_ports(sandbox, wiring.ports),
                ),
            )
            await self._store.commit(put=[started, *endpoints])
        await self._leasing.keep(sandbox, wiring.attachments)
        return started

    async def _claimed(self, sandbox: Sandbox, undo: Undo) -> list[Endpoint]:
        try:
            return [
                await self._endpoints.claim(self._network(sandbox, e), e, undo)
                for e in self._store.endpoints_of(sandbox.id)
            ]
        except AddressTaken as error:
            raise Forbidden(f"failed to set up container networking: {error}") from error

    def _network(self, sandbox: Sandbox, endpoint: Endpoint) -> Network:
        try:
            return self._store.network(endpoint.network)
        except NotFound:
            raise NotFound(
                f"failed to set up container networking: network {endpoint.network} not found: "
                f"it was removed while {sandbox.name} was stopped; disconnect it, or remove the container"
            ) from None

    def _wired(self, sandbox: Sandbox, endpoints: Sequence[Endpoint], undo: Undo) -> Wiring:
        placed = tuple(self._wires.attachment(e) for e in endpoints if e.place is not None)
        try:
            return self._held_ports.hold(sandbox, Wiring(attachments=placed), undo)
        except PortTaken as error:
            owner = default_attachment(Wiring(attachments=placed), 4) or placed[0]
            raise PortTaken(
                "failed to set up container networking: driver failed programming external "
                f"connectivity on endpoint {sandbox.name} ({owner.endpoint.id}): {error}"
            ) from None

    async def _lay(self, sandbox: Sandbox, wiring: Wiring, undo: Undo) -> None:
        if not sandbox.has_namespace:
            return
        make = namespace_ops(sandbox, self._paths)
        unmake = no_namespace_ops(sandbox, self._paths)
        await self._wires.lay(sandbox, UNWIRED, wiring, first=make)
        undo.by(self._wires.cut, sandbox, wiring, UNWIRED, last=unmake)
        await self._wires.open_names(sandbox, wiring)
        undo.by(self._wires.close_names, sandbox)

    async def _launch(self, sandbox: Sandbox, process: Process, wiring: Wiring, undo: Undo) -> None:
        await self._runtime.create(self._launched(sandbox, process, wiring))
        undo.by(self._runtime.remove, sandbox.id, keep_log=True)
        await self._streams.attach(sandbox.id)
        await self._runtime.start(sandbox.id)

    def _launched(self, sandbox: Sandbox, process: Process, wiring: Wiring) -> Launch:
        owner = sandbox
        if sandbox.shares is not None:
            owner = self._store.sandbox(sandbox.shares)
            if not owner.running:
                raise Conflict(
                    f"joining network namespace of container: Container {owner.id} is not running"
                )
            wiring = self._wires.wiring(owner)
        hosts_text, resolv_text = self._files.texts(owner, wiring)
        return Launch(
            sandbox=sandbox.id,
            name=sandbox.name,
            process=process,
            hostname=owner.hostname,
            netns=None if owner.netns is Netns.HOST else self._paths.bound(owner),
            hosts=hosts_text,
            resolv_conf=resolv_text,
        )

    # Down

    async def take_down(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Take away all that it has in Linux but the namespace; goes on after errors, and raises a group.

        The namespace goes after the commit (``drop_namespace``), since nothing could put it back.
        """
        errors: list[EngineError] = []
        try:
            await self._wires.close_names(sandbox)
        except EngineError as error:
            errors.append(error)
        try:
            self._held_ports.let_go_of_all(sandbox)
        except EngineError as error:
            errors.append(error)
        try:
            await self._leasing.give_back(sandbox, wiring.attachments)
        except EngineError as error:
            errors.append(error)
        try:
            if sandbox.has_namespace:
                last = [unname_op(sandbox, self._paths)]
                await self._wires.cut(sandbox, wiring, UNWIRED, last=last)
        except ExceptionGroup as group:
            errors += [e for e in group.exceptions if isinstance(e, EngineError)]
        if errors:
            raise ExceptionGroup("not everything could be taken down", errors)

    async def put_back(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Let it hang as before; its removal came to nothing."""
        if not sandbox.has_namespace:
            return
        first = [name_op(sandbox, self._paths)]
        try:
            await self._wires.put_back(sandbox, UNWIRED, wiring, first=first)
            await self._leasing.keep(sandbox, wiring.attachments)
        finally:
            await self._wires.open_names(sandbox, wiring)

    async def drop_namespace(self, sandbox: Sandbox) -> None:
        """Let go of the namespace of a sandbox that is over, by the store."""
        if sandbox.has_namespace:
            gone = let_go_ops(sandbox, self._paths)
            await self.surely(sandbox, lambda: self._kernel.remove(gone))

    async def surely(self, sandbox: Sandbox, work: Callable[[], Awaitable[None]]) -> None:
        """Do the *work* of a removal from which there is no way back: tried twice, and not raised.

        What is left even so goes with the next start of the daemon.
        """
        for _ in range(2):
            try:
                await work()
                break
            except* EngineError as errors:
                facts = {"sandbox": sandbox.name, "reason": str(errors.exceptions)}
                log.warning("something could not be taken down", extra=facts)


def _as_wired(endpoints: Sequence[Endpoint], wiring: Wiring) -> list[Endpoint]:
    """*endpoints* as they hang in *wiring*; those that have no interface stay as they are."""
    there = {a.endpoint.id: a.endpoint for a in wiring.attachments}
    return [there.get(endpoint.id, endpoint) for endpoint in endpoints]
