"""Sandboxes: create, start, stop, remove, rename, and what happens when their process ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from seaway.contracts import Clock, Events, Exit, HostPorts, Kernel, Launch, Runtime, Store
from seaway.engine.drivers import Drivers
from seaway.engine.endpoints import Endpoints, refuse_alias
from seaway.engine.exits import Waiters
from seaway.engine.files import Files
from seaway.engine.pending import PendingStreams
from seaway.engine.turns import Turns
from seaway.engine.wires import NetnsPaths, Wires
from seaway.model.endpoint import Endpoint, EndpointWish
from seaway.model.errors import (
    CannotRun,
    Conflict,
    EngineError,
    InvalidRequest,
    NotFound,
    NotModified,
    PortTaken,
    Unavailable,
)
from seaway.model.event import Event
from seaway.model.ids import SandboxId, new_id
from seaway.model.network import Network
from seaway.model.sandbox import Netns, Process, Sandbox, SandboxWish, State, Status
from seaway.plan.names import made_up_name
from seaway.plan.wiring import UNWIRED, Wiring, default_attachment

log = logging.getLogger(__name__)

KILLED = 137
"""Exit code of a process that SIGKILL ended: 128 + 9."""
AGAIN = (0.1, 1.0, 10.0)
"""Seconds to wait each time before the end of a sandbox that could not be noted is tried again."""
KILL_WAIT = 10.0
"""Seconds a process has to vanish after SIGKILL."""


class Sandboxes:
    """What users do with sandboxes as a whole."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        host_ports: HostPorts,
        runtime: Runtime,
        wires: Wires,
        files: Files,
        endpoints: Endpoints,
        drivers: Drivers,
        events: Events,
        clock: Clock,
        turns: Turns,
        paths: NetnsPaths,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._store, self._kernel, self._runtime = store, kernel, runtime
        self._host_ports, self._wires, self._endpoints = host_ports, wires, endpoints
        self._files = files
        self._drivers, self._events, self._clock, self._turns = drivers, events, clock, turns
        self._paths, self._tasks = paths, tasks
        self._exits, self._removals = Waiters(), Waiters()
        self.streams = PendingStreams(runtime)

    # Create

    async def create(self, wish: SandboxWish) -> Sandbox:
        """Note a sandbox and its networks down; nothing of it is in Linux before it starts.

        Raises Conflict (name), InvalidRequest, NotFound (network).
        """
        sandbox = self._planned(wish)
        ends = self._wished_ends(sandbox, wish)
        async with AsyncExitStack() as undo:
            await self._store.claim(sandbox)
            undo.callback(self._store.release, sandbox.id)
            await self._store.commit(put=[sandbox, *ends])
            undo.pop_all()
        self.tell("create", sandbox)
        return sandbox

    async def create_namespace(self, wish: SandboxWish) -> Sandbox:
        """Make a sandbox without a process: a namespace that runs until it is removed.

        It is promised when it runs, and not before. Raises what ``create`` and ``start`` do.
        """
        sandbox = self._planned(wish)
        ends = self._wished_ends(sandbox, wish)
        async with self._turns.take(sandbox.id), AsyncExitStack() as undo:
            records: tuple[Sandbox | Endpoint, ...] = (sandbox, *ends)
            for record in records:
                await self._store.claim(record)
                undo.callback(self._store.release, record.id)
            sandbox = await self._start(sandbox)
            undo.pop_all()
        self.tell("create", sandbox)
        self._tell_started(sandbox)
        return sandbox

    def _wished_ends(self, sandbox: Sandbox, wish: SandboxWish) -> list[Endpoint]:
        return [
            replace(self._endpoints.wished(network, sandbox, wanted), order=n)
            for n, (network, wanted) in enumerate(self._networks(sandbox, wish), 1)
        ]

    def _planned(self, wish: SandboxWish) -> Sandbox:
        sandbox_id = SandboxId(new_id())
        netns, shares = self._netns(wish)
        if netns is Netns.SHARED and (wish.ports or wish.publish_all):
            raise InvalidRequest(
                "conflicting options: port publishing and the container type network mode"
            )
        if netns is Netns.SHARED and wish.hostname:
            raise InvalidRequest("conflicting options: hostname and the network mode")
        hostname = wish.hostname or sandbox_id[:12]
        refuse_alias(hostname)
        return Sandbox(
            id=sandbox_id,
            name=wish.name or made_up_name(s.name for s in self._store.sandboxes()),
            created=self._clock.now(),
            hostname=hostname,
            netns=netns,
            shares=shares,
            adopted_from=wish.adopt,
            labels=wish.labels,
            dns=wish.dns,
            extra_hosts=wish.extra_hosts,
            ports=wish.ports,
            exposed=wish.exposed,
            publish_all=wish.publish_all,
            process=wish.process,
            auto_remove=wish.auto_remove,
            network_mode=wish.network_mode,
        )

    def _netns(self, wish: SandboxWish) -> tuple[Netns, SandboxId | None]:
        if wish.adopt is not None:
            return Netns.ADOPTED, None
        mode = wish.network_mode
        if mode.startswith("container:"):
            return Netns.SHARED, self._store.sandbox(mode.removeprefix("container:")).id
        if mode in {"none", "host"}:
            return Netns(mode), None
        return Netns.OWN, None

    def _networks(self, sandbox: Sandbox, wish: SandboxWish) -> list[tuple[Network, EndpointWish]]:
        found = [(self._store.network(ref), wanted) for ref, wanted in wish.endpoints]
        ids = [network.id for network, _ in found]
        if len(set(ids)) != len(ids):
            raise InvalidRequest(
                "a container can be on each network once; a network is given twice"
            )
        mode = wish.network_mode if wish.network_mode != "default" or wish.process else ""
        for network, _ in found:
            fits = self._drivers.of(network).places == sandbox.has_networks
            if not fits or sandbox.netns is Netns.SHARED:
                raise InvalidRequest(
                    f"conflicting options: network {network.name} and "
                    + (f"network mode {mode}" if mode else "a namespace of its own")
                )
        return found

    # Start

    async def start(self, ref: str) -> None:
        """Make the namespace, its links, names and ports, and let the process run: all, or none.

        Raises NotFound, NotModified (it runs), PortTaken, AddressTaken, Exhausted, CannotRun,
        KernelRefused.
        """
        sandbox = self._store.sandbox(ref)
        try:
            sandbox = await self._start_in_turn(sandbox.id)
        except NotModified:
            raise
        except EngineError:
            if sandbox.auto_remove:
                await self.remove(sandbox.id)
            raise
        self._tell_started(sandbox)
        if sandbox.process is not None:
            self._tasks.create_task(self.watch(sandbox.id), name=f"exit of {sandbox.name}")

    def _tell_started(self, sandbox: Sandbox) -> None:
        for attachment in self._wires.wiring(sandbox).attachments:
            self._endpoints.tell("connect", attachment.network, sandbox)
        self.tell("start", sandbox)

    async def _start_in_turn(self, sandbox_id: SandboxId) -> Sandbox:
        async with self._turns.take(sandbox_id):
            sandbox = self._store.sandbox(sandbox_id)
            if sandbox.running:
                raise NotModified(f"container {sandbox.name} is running already")
            try:
                return await self._start(sandbox)
            except EngineError as error:
                await self._note_failure(sandbox, error)
                raise

    async def _start(self, sandbox: Sandbox) -> Sandbox:
        async with AsyncExitStack() as undo:
            endpoints = await self._claimed(sandbox, undo)
            wiring = self._wired(sandbox, endpoints, undo)
            await self._lay(sandbox, wiring, undo)
            if sandbox.process is not None:
                await self._launch(sandbox, sandbox.process, wiring, undo)
            started = replace(
                sandbox,
                status=Status(
                    state=State.RUNNING, started=self._clock.now(), published=wiring.ports
                ),
            )
            await self._store.commit(put=[started, *endpoints])
            undo.pop_all()
        return started

    async def _claimed(self, sandbox: Sandbox, undo: AsyncExitStack) -> list[Endpoint]:
        return [
            await self._endpoints.claim(self._network(sandbox, e), e, undo)
            for e in self._store.endpoints_of(sandbox.id)
        ]

    def _network(self, sandbox: Sandbox, endpoint: Endpoint) -> Network:
        try:
            return self._store.network(endpoint.network)
        except NotFound:
            raise NotFound(
                f"failed to set up container networking: network {endpoint.network} not found: "
                f"it was removed while {sandbox.name} was stopped; disconnect it, or remove the container"
            ) from None

    def _wired(
        self, sandbox: Sandbox, endpoints: Sequence[Endpoint], undo: AsyncExitStack
    ) -> Wiring:
        placed = tuple(self._wires.attachment(e) for e in endpoints if e.place is not None)
        try:
            return self._wires.hold(sandbox, Wiring(attachments=placed), undo)
        except PortTaken as error:
            owner = default_attachment(Wiring(attachments=placed), 4) or placed[0]
            raise PortTaken(
                "failed to set up container networking: driver failed programming external "
                f"connectivity on endpoint {sandbox.name} ({owner.endpoint.id}): {error}"
            ) from None

    async def _lay(self, sandbox: Sandbox, wiring: Wiring, undo: AsyncExitStack) -> None:
        if sandbox.netns in {Netns.HOST, Netns.SHARED}:
            return
        make, unmake = self._wires.namespace_ops(sandbox), self._wires.no_namespace_ops(sandbox)
        await self._wires.lay(sandbox, UNWIRED, wiring, first=make)
        undo.push_async_callback(self._wires.cut, sandbox, wiring, UNWIRED, last=unmake)
        await self._wires.open_names(sandbox, wiring)
        undo.push_async_callback(self._wires.close_names, sandbox)

    async def _launch(
        self, sandbox: Sandbox, process: Process, wiring: Wiring, undo: AsyncExitStack
    ) -> None:
        await self._runtime.create(self._launched(sandbox, process, wiring))
        undo.push_async_callback(self._runtime.remove, sandbox.id, keep_log=True)
        await self.streams.attach(sandbox.id)
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

    async def _note_failure(self, sandbox: Sandbox, error: EngineError) -> None:
        code = error.exit_code if isinstance(error, CannotRun) else 128
        status = replace(sandbox.status, error=str(error), exit_code=code)
        await self._store.commit(put=[replace(sandbox, status=status)])
        self.streams.fail(sandbox.id, error)

    # End

    async def watch(self, sandbox: SandboxId) -> None:
        """Wait for the end of a sandbox's process, and then take down what it had."""
        for pause in AGAIN:
            try:
                await self._watch(sandbox)
                break
            except* EngineError as errors:
                reason = str(errors.exceptions)
                log.exception("a sandbox ended badly", extra={"sandbox": sandbox, "reason": reason})
            await asyncio.sleep(pause)

    async def _watch(self, sandbox: SandboxId) -> None:
        record = await self._over(sandbox, await self._runtime.wait(sandbox))
        if record is not None and record.auto_remove:
            await self.remove(sandbox, force=True)

    async def _over(self, sandbox: SandboxId, ended: Exit) -> Sandbox | None:
        """Take down what a sandbox has whose process is over; None when it is gone already."""
        async with self._turns.take(sandbox):
            try:
                record = self._store.sandbox(sandbox)
            except NotFound:
                return None
            if record.running:
                await self.end(record, ended)
        return record

    async def end(self, sandbox: Sandbox, ended: Exit) -> None:
        """Take down what *sandbox* had, its process being over; who calls it holds its turn."""
        wiring = self._wires.wiring(sandbox)
        await self._surely(sandbox, lambda: self._take_down(sandbox, wiring))
        stopped = replace(
            sandbox,
            status=Status(
                state=State.EXITED,
                exit_code=ended.code,
                started=sandbox.status.started,
                finished=ended.finished,
            ),
        )
        ends = [replace(e, live=False) for e in self._store.endpoints_of(sandbox.id)]
        await self._store.commit(put=[stopped, *ends])
        await self._drop_namespace(sandbox)
        self.tell("die", sandbox, ("exitCode", str(ended.code)))
        for attachment in wiring.attachments:
            self._endpoints.tell("disconnect", attachment.network, sandbox)
        self._exits.tell(sandbox.id, ended.code)

    async def _take_down(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Take away all that it has in Linux but the namespace; goes on after errors, and raises a group.

        The namespace goes after the commit (``_drop_namespace``), since nothing could put it back.
        """
        errors: list[EngineError] = []
        try:
            await self._wires.close_names(sandbox)
        except EngineError as error:
            errors.append(error)
        try:
            self._host_ports.keep_only(sandbox.id)
        except EngineError as error:
            errors.append(error)
        try:
            if _has_namespace(sandbox):
                last = [self._wires.unname_op(sandbox)]
                await self._wires.cut(sandbox, wiring, UNWIRED, last=last)
        except ExceptionGroup as group:
            errors += [e for e in group.exceptions if isinstance(e, EngineError)]
        if errors:
            raise ExceptionGroup("not everything could be taken down", errors)

    async def _put_back(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Let it hang as before; its removal came to nothing."""
        if not _has_namespace(sandbox):
            return
        first = [self._wires.name_op(sandbox)]
        await self._wires.put_back(sandbox, UNWIRED, wiring, first=first)
        try:
            await self._wires.open_names(sandbox, wiring)
        except EngineError:
            log.exception("names are not answered", extra={"sandbox": sandbox.name})

    async def _drop_namespace(self, sandbox: Sandbox) -> None:
        """Let go of the namespace of a sandbox that is over, by the store."""
        if _has_namespace(sandbox):
            gone = self._wires.let_go_ops(sandbox)
            await self._surely(sandbox, lambda: self._kernel.remove(gone))

    async def _surely(self, sandbox: Sandbox, work: Callable[[], Awaitable[None]]) -> None:
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

    async def stop(self, ref: str, *, timeout: int | None = None, sig: int | None = None) -> None:
        """End the process: by its stop signal, after *timeout* seconds by SIGKILL.

        Negative: wait for ever. Raises NotFound, NotModified (it does not run).
        """
        sandbox = self._store.sandbox(ref)
        if not sandbox.running:
            raise NotModified(f"container {sandbox.name} is not running")
        if sandbox.process is None:
            raise InvalidRequest(
                f"sandbox {sandbox.name} has no process to stop; remove it by: seaway sandbox rm {sandbox.name}"
            )
        grace = sandbox.process.stop_timeout if timeout is None else timeout
        number = sig if sig is not None else signal_number(sandbox.process.stop_signal)
        over = self._exits.future(sandbox.id)
        await self.kill(sandbox.id, number)
        try:
            await asyncio.wait_for(over, None if grace < 0 else grace)
        except TimeoutError:
            await self._kill_hard(sandbox)
        self.tell("stop", sandbox)

    async def _kill_hard(self, sandbox: Sandbox) -> None:
        over = self._exits.future(sandbox.id)
        if not self._store.sandbox(sandbox.id).running:
            over.cancel()
            return
        await self._signal(sandbox, signal.SIGKILL)
        if (known := self._runtime.exit(sandbox.id)) is not None:
            await self._over(sandbox.id, known)
        try:
            await asyncio.wait_for(over, KILL_WAIT)
        except TimeoutError:
            raise Unavailable(
                f"the process of container {sandbox.name} did not end within {KILL_WAIT:.0f} seconds "
                "after SIGKILL: it waits in the kernel for a device or a file server"
            ) from None

    async def kill(self, ref: str, number: int) -> None:
        """Send a signal to the process; raises NotFound, Conflict (it does not run)."""
        sandbox = self._store.sandbox(ref)
        if not sandbox.running or sandbox.process is None:
            raise Conflict(f"cannot kill container: {ref}: container {sandbox.id} is not running")
        await self._signal(sandbox, number)

    async def _signal(self, sandbox: Sandbox, number: int) -> None:
        try:
            await self._runtime.kill(sandbox.id, number)
        except Conflict:
            log.debug("the process was gone before the signal", extra={"sandbox": sandbox.name})
        self.tell("kill", sandbox, ("signal", str(number)))

    async def restart(self, ref: str, *, timeout: int | None = None) -> None:
        """Stop it, if it runs, and start it."""
        sandbox = self._store.sandbox(ref)
        if sandbox.running:
            await self.stop(sandbox.id, timeout=timeout)
        await self.start(sandbox.id)
        self.tell("restart", sandbox)

    def wait(self, ref: str, condition: str) -> asyncio.Future[int]:
        """A future with the exit code, by Docker's *condition*; raises NotFound, InvalidRequest."""
        sandbox = self._store.sandbox(ref)
        match condition:
            case "" | "not-running":
                if sandbox.running:
                    return self._exits.future(sandbox.id)
                future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                future.set_result(sandbox.status.exit_code)
                return future
            case "next-exit":
                return self._exits.future(sandbox.id)
            case "removed":
                return self._removals.future(sandbox.id)
            case _:
                raise InvalidRequest(
                    f'invalid condition: "{condition}"; it is not-running, next-exit or removed'
                )

    # Remove

    async def remove(self, ref: str, *, force: bool = False) -> None:
        """Take a sandbox away with all it has; raises NotFound, Conflict (it runs, without *force*)."""
        sandbox = self._store.sandbox(ref)
        if sandbox.running and sandbox.process is not None:
            if not force:
                raise Conflict(
                    f'cannot remove container "{sandbox.name}": container is running: '
                    "stop the container before removing or force remove"
                )
            await self._kill_hard(sandbox)
        async with self._turns.take(sandbox.id):
            try:
                sandbox = self._store.sandbox(sandbox.id)
            except NotFound:
                return
            await self._remove(sandbox)
        self.tell("destroy", sandbox)
        self._removals.tell(sandbox.id, sandbox.status.exit_code)

    async def _remove(self, sandbox: Sandbox) -> None:
        wiring = self._wires.wiring(sandbox)
        async with AsyncExitStack() as undo:
            if sandbox.running:
                undo.push_async_callback(self._put_back, sandbox, wiring)
                await self._take_down(sandbox, wiring)
            if sandbox.process is not None:
                await self._runtime.remove(sandbox.id)
            ends = [e.id for e in self._store.endpoints_of(sandbox.id)]
            await self._store.commit(delete=[*ends, sandbox.id])
            undo.pop_all()
        if sandbox.running:
            await self._drop_namespace(sandbox)
            for attachment in wiring.attachments:
                self._endpoints.tell("disconnect", attachment.network, sandbox)

    async def prune(
        self, wanted: Callable[[Sandbox], bool] = lambda _: True
    ) -> tuple[SandboxId, ...]:
        """Remove all *wanted* that stopped or never ran; gives their ids."""
        gone: list[SandboxId] = []
        for sandbox in tuple(self._store.sandboxes()):
            if not sandbox.running and wanted(sandbox):
                await self.remove(sandbox.id)
                gone.append(sandbox.id)
        return tuple(gone)

    # Rename

    async def rename(self, ref: str, wish: SandboxWish) -> None:
        """Give a sandbox another name; its names on networks follow. Raises NotFound, Conflict."""
        assert wish.name is not None
        sandbox_id = self._store.sandbox(ref).id
        async with self._turns.take(sandbox_id):
            before = self._store.sandbox(sandbox_id)
            if wish.name == before.name:
                raise InvalidRequest("Renaming a container with the same name as its current name")
            after = replace(before, name=wish.name)
            async with AsyncExitStack() as undo:
                await self._store.claim(after)
                undo.callback(self._store.release, after.id)
                if before.running and before.netns not in {Netns.HOST, Netns.SHARED}:
                    await self._kernel.apply(self._wires.rename_ops(before, after))
                    back = self._wires.rename_ops(after, before)
                    undo.push_async_callback(self._kernel.apply, back)
                    undo.push_async_callback(
                        self._kernel.apply, self._wires.rename_ops(after, before)
                    )
                await self._store.commit(put=[after])
                undo.pop_all()
            self._wires.name(after, self._wires.wiring(after).attachments)
        self.tell("rename", after, ("oldName", f"/{before.name}"))

    # Telling

    def tell(self, action: str, sandbox: Sandbox, *more: tuple[str, str]) -> None:
        """Let those who watch know what happened to *sandbox*."""
        image = (sandbox.process.rootfs or "host") if sandbox.process else ""
        self._events.emit(
            Event(
                type="container",
                action=action,
                actor=sandbox.id,
                attributes=(("image", image), ("name", sandbox.name), *more, *sandbox.labels),
            )
        )


def _has_namespace(sandbox: Sandbox) -> bool:
    """Whether a running *sandbox* has a namespace that is bound for it."""
    return sandbox.netns not in {Netns.HOST, Netns.SHARED}


def signal_number(text: str) -> int:
    """*text* (``SIGTERM``, ``term``, ``15``) as a signal's number; raises InvalidRequest."""
    if text.isascii() and text.isdecimal() and len(text) < 4 and 0 < int(text) < signal.NSIG:
        return int(text)
    name = text.upper()
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except KeyError:
        raise InvalidRequest(f"invalid signal: {text}") from None
