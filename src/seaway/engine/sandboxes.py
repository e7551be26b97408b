"""Sandboxes: create, start, stop, remove, rename, and what happens when their process ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, repeat

from seaway.contracts import Events, Exit, Kernel, Runtime, Store
from seaway.engine.assembly import Assembly
from seaway.engine.background import Background
from seaway.engine.endpoints import Endpoints
from seaway.engine.gate import Gate
from seaway.engine.pending_streams import PendingStreams
from seaway.engine.sandbox_plans import SandboxPlans
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.waiters import Waiters
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint
from seaway.model.errors import (
    CannotRun,
    Conflict,
    EngineError,
    InvalidRequest,
    NotFound,
    NotModified,
    NotPaused,
    Unavailable,
)
from seaway.model.event import network_event, prune_event, sandbox_event
from seaway.model.ids import SandboxId, SandboxName, Signal, signal_number
from seaway.model.network import Network
from seaway.model.sandbox import Sandbox, SandboxWish, State, Status
from seaway.plan.netns import NetnsPaths, rename_ops
from seaway.plan.wiring import former_ports

log = logging.getLogger(__name__)

SECOND = 10**9
"""Nanoseconds."""
CANNOT_START = 128
"""Exit code of a sandbox that could not be put up."""
AGAIN = (0.1, 1.0, 10.0, 30.0)
"""Seconds before the end of a sandbox that could not be noted is tried again; then always the last."""
KILL_WAIT = 10.0
"""Seconds a process has to vanish after SIGKILL."""


class Sandboxes:
    """What users do with sandboxes as a whole."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        runtime: Runtime,
        wires: Wires,
        endpoints: Endpoints,
        plans: SandboxPlans,
        assembly: Assembly,
        streams: PendingStreams,
        paths: NetnsPaths,
        events: Events,
        turns: Turns,
        gate: Gate,
        background: Background,
    ) -> None:
        self._store, self._kernel, self._runtime = store, kernel, runtime
        self._wires, self._endpoints, self._plans = wires, endpoints, plans
        self._assembly, self.streams, self._paths = assembly, streams, paths
        self._events, self._turns = events, turns
        self._gate, self._background = gate, background
        self._restarting: set[SandboxId] = set()
        self._exits, self._removals = Waiters(), Waiters()

    # Create

    async def create(self, wish: SandboxWish) -> Sandbox:
        """Note a sandbox and its networks down; nothing of it is in Linux before it starts.

        Raises Conflict (name), InvalidRequest, NotFound (network).
        """
        await self._settled(wish)
        sandbox = self._plans.sandbox(wish)
        ends = self._plans.ends(sandbox, wish)
        async with Undo() as undo:
            await self._store.claim(sandbox)
            undo.by(self._store.release, sandbox.id)
            await self._store.commit(put=[sandbox, *ends])
        self._events.emit(sandbox_event("create", sandbox))
        return sandbox

    async def create_namespace(self, wish: SandboxWish) -> Sandbox:
        """Make a sandbox without a process: a namespace that runs until it is removed.

        It is promised when it runs, and not before. Raises what ``create`` and ``start`` do.
        """
        await self._settled(wish)
        sandbox = self._plans.sandbox(wish)
        ends = self._plans.ends(sandbox, wish)
        async with self._turns.take(sandbox.id), Undo() as undo:
            records: tuple[Sandbox | Endpoint, ...] = (sandbox, *ends)
            for record in records:
                await self._store.claim(record)
                undo.by(self._store.release, record.id)
            sandbox = await self._assembly.put_up(sandbox)
        self._events.emit(sandbox_event("create", sandbox))
        self._tell_started(sandbox)
        return sandbox

    async def _settled(self, wish: SandboxWish) -> None:
        self._gate.pass_through()
        for ref, wanted in wish.endpoints:
            await self._endpoints.settled(ref)
            await self._endpoints.refuse_sysctls(wanted)

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
        except BaseException:
            if sandbox.auto_remove:
                await self._remove_ended(sandbox.id)
            raise
        self._tell_started(sandbox)
        if sandbox.process is not None:
            self._background.begin(f"exit of {sandbox.name}", lambda: self.watch(sandbox.id))

    def _tell_started(self, sandbox: Sandbox) -> None:
        self._tell_networks("connect", self._networks(sandbox), sandbox)
        self._events.emit(sandbox_event("start", sandbox))

    def _networks(self, sandbox: Sandbox) -> tuple[Network, ...]:
        """Those that *sandbox* is on now, the host's and none included; Docker tells of them too."""
        ends = self._store.endpoints_of(sandbox.id)
        return tuple(self._store.network(e.network) for e in ends if e.live)

    def _tell_networks(self, action: str, networks: Sequence[Network], sandbox: Sandbox) -> None:
        for network in networks:
            self._events.emit(network_event(action, network, sandbox))

    def _tell_not_run(self, sandbox: Sandbox) -> None:
        """It was on its networks, and they let it go again; no word of a process that never was."""
        ends = self._store.endpoints_of(sandbox.id)
        networks = [self._store.network(e.network) for e in ends]
        self._tell_networks("connect", networks, sandbox)
        self._tell_networks("disconnect", networks, sandbox)

    async def _start_in_turn(self, sandbox_id: SandboxId) -> Sandbox:
        async with self._turns.take(sandbox_id):
            sandbox = self._store.sandbox(sandbox_id)
            if sandbox.running:
                raise NotModified(f"container {sandbox.name} is running already")
            try:
                return await self._assembly.put_up(sandbox)
            except BaseException as error:
                self.streams.fail(sandbox.id, error)
                if isinstance(error, CannotRun):
                    self._tell_not_run(sandbox)
                await self._note_failure(sandbox, error)
                raise

    async def _note_failure(self, sandbox: Sandbox, error: BaseException) -> None:
        """Keep why it could not start; what never ran keeps no address from whoever tries again."""
        code = error.exit_code if isinstance(error, CannotRun) else CANNOT_START
        status = replace(sandbox.status, error=str(error), exit_code=code)
        try:
            ends = () if status.started else self._store.endpoints_of(sandbox.id)
            no_more = [replace(e, keeps=False) for e in ends if e.wish.addresses]
            await self._store.commit(put=[replace(sandbox, status=status), *no_more])
        except EngineError:
            log.exception("a failed start could not be noted", extra={"sandbox": sandbox.name})

    # End

    async def watch(self, sandbox: SandboxId) -> None:
        """Wait for the end of a sandbox's process, and then take down what it had.

        What fails is tried again until it is done: a sandbox whose end is not noted would run for ever.
        """
        for pause in chain(AGAIN, repeat(AGAIN[-1])):
            try:
                await self._watch(sandbox)
                break
            except EngineError as error:
                facts = {"sandbox": sandbox, "reason": str(error)}
                log.warning("the end of a sandbox could not be noted", extra=facts)
            except Exception:
                log.exception("a sandbox ended badly", extra={"sandbox": sandbox})
            await asyncio.sleep(pause)

    async def _watch(self, sandbox: SandboxId) -> None:
        record = await self._over(sandbox, await self._runtime.wait(sandbox))
        if record is not None and record.auto_remove and sandbox not in self._restarting:
            await self._remove_ended(sandbox)

    async def _remove_ended(self, sandbox: SandboxId) -> None:
        """Remove a sandbox that removes itself, unless it is gone, or runs again."""
        with suppress(NotFound, Conflict):
            await self.remove(sandbox)

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
        wiring, networks = self._wires.wiring(sandbox), self._networks(sandbox)
        await self._assembly.surely(sandbox, lambda: self._assembly.take_down(sandbox, wiring))
        stopped = replace(
            sandbox,
            status=Status(
                state=State.EXITED,
                exit_code=ended.code,
                started=sandbox.status.started,
                finished=ended.finished,
                former=former_ports(sandbox),
            ),
        )
        ends = [replace(e, live=False, taken=0) for e in self._store.endpoints_of(sandbox.id)]
        await self._store.commit(put=[stopped, *ends])
        await self._assembly.drop_namespace(sandbox)
        ran = max(ended.finished - sandbox.status.started, 0) // SECOND
        facts = ("exitCode", str(ended.code)), ("execDuration", str(ran))
        self._events.emit(sandbox_event("die", sandbox, *facts))
        self._tell_networks("disconnect", networks, sandbox)
        self._exits.tell(sandbox.id, ended.code)

    async def stop(
        self, ref: str, *, timeout: int | None = None, sig: Signal | None = None
    ) -> None:
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
        over = self._exits.future(sandbox.id)
        await self.kill(sandbox.id, sig or sandbox.process.stop_signal)
        try:
            await asyncio.wait_for(over, None if grace < 0 else grace)
        except TimeoutError:
            await self._kill_hard(sandbox)
        self._events.emit(sandbox_event("stop", sandbox))

    async def _kill_hard(self, sandbox: Sandbox) -> None:
        over = self._exits.future(sandbox.id)
        if not self._store.sandbox(sandbox.id).running:
            over.cancel()
            return
        await self._signal(sandbox, signal.SIGKILL)
        try:
            if not await self._note_end(sandbox):
                await asyncio.wait_for(over, KILL_WAIT)
        except TimeoutError:
            if not await self._note_end(sandbox):
                raise Unavailable(
                    f"the process of container {sandbox.name} did not end within {KILL_WAIT:.0f} "
                    "seconds after SIGKILL: it waits in the kernel for a device or a file server"
                ) from None
        finally:
            over.cancel()

    async def _note_end(self, sandbox: Sandbox) -> bool:
        """Whether its process is gone; what it has is taken down then.

        Raises Unavailable when that cannot be noted: a full disk takes neither an exit status nor a commit.
        """
        if self._runtime.pid(sandbox.id) is not None:
            return False
        try:
            ended = await asyncio.wait_for(self._runtime.wait(sandbox.id), KILL_WAIT)
            await self._over(sandbox.id, ended)
        except NotFound:
            pass  # removed meanwhile
        except Unavailable as error:
            raise Unavailable(
                f"the process of container {sandbox.name} has ended, but that could not be noted: "
                f"{error}; it is tried again every {AGAIN[-1]:.0f} seconds: make room if the disk is full"
            ) from error
        return True

    async def kill(self, ref: str, sig: Signal) -> None:
        """Send a signal to the process; raises NotFound, Conflict (it does not run)."""
        sandbox = self._store.sandbox(ref)
        if not sandbox.running or sandbox.process is None:
            raise Conflict(f"cannot kill container: {ref}: container {sandbox.id} is not running")
        await self._signal(sandbox, signal_number(sig))

    async def _signal(self, sandbox: Sandbox, number: int) -> None:
        try:
            await self._runtime.kill(sandbox.id, number)
        except Conflict:
            log.debug("the process was gone before the signal", extra={"sandbox": sandbox.name})
        self._events.emit(sandbox_event("kill", sandbox, ("signal", str(number))))

    # Pause

    async def pause(self, ref: str) -> None:
        """Hold its processes still; raises NotFound, Conflict (it does not run, or is paused)."""
        sandbox = self._store.sandbox(ref)
        async with self._turns.take(sandbox.id):
            if self._runtime.paused(sandbox.id):
                raise Conflict(f"container {sandbox.id} is already paused")
            await self._runtime.pause(sandbox.id)
        self._events.emit(sandbox_event("pause", sandbox))

    async def unpause(self, ref: str) -> None:
        """Let its processes go on; raises NotFound, NotPaused."""
        sandbox = self._store.sandbox(ref)
        async with self._turns.take(sandbox.id):
            if not self._runtime.paused(sandbox.id):
                raise NotPaused(f"Container {sandbox.id} is not paused")
            await self._runtime.unpause(sandbox.id)
        self._events.emit(sandbox_event("unpause", sandbox))

    async def restart(
        self, ref: str, *, timeout: int | None = None, sig: Signal | None = None
    ) -> None:
        """Stop it, if it runs, and start it; one that removes itself at its end stays."""
        sandbox = self._store.sandbox(ref)
        self._restarting.add(sandbox.id)
        try:
            if sandbox.running:
                await self.stop(sandbox.id, timeout=timeout, sig=sig)
            await self.start(sandbox.id)
        finally:
            self._restarting.discard(sandbox.id)
        self._events.emit(sandbox_event("restart", sandbox))

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
        while (removed := await self._remove_in_turn(sandbox.id)) is None:
            if not force:
                raise Conflict(
                    f'cannot remove container "{sandbox.name}": container is running: '
                    "stop the container before removing or force remove"
                )
            await self._kill_hard(sandbox)
        if removed:
            self._events.emit(sandbox_event("destroy", sandbox))
            self._removals.tell(sandbox.id, sandbox.status.exit_code)

    async def _remove_in_turn(self, sandbox_id: SandboxId) -> bool | None:
        """Whether the sandbox was removed: False when it was gone, None when its process runs."""
        async with self._turns.take(sandbox_id):
            try:
                sandbox = self._store.sandbox(sandbox_id)
            except NotFound:
                return False
            if sandbox.running and sandbox.process is not None:
                return None
            await self._remove(sandbox)
        return True

    async def _remove(self, sandbox: Sandbox) -> None:
        wiring, networks = self._wires.wiring(sandbox), self._networks(sandbox)
        async with Undo() as undo:
            if sandbox.running:
                undo.by(self._assembly.put_back, sandbox, wiring)
                await self._assembly.take_down(sandbox, wiring)
            if sandbox.process is not None:
                await self._runtime.remove(sandbox.id)
            ends = [e.id for e in self._store.endpoints_of(sandbox.id)]
            await self._store.commit(delete=[*ends, sandbox.id])
        if sandbox.running:
            await self._assembly.drop_namespace(sandbox)
            self._tell_networks("disconnect", networks, sandbox)

    async def prune(
        self, wanted: Callable[[Sandbox], bool] = lambda _: True
    ) -> tuple[SandboxId, ...]:
        """Remove all *wanted* that stopped or never ran; gives their ids."""
        gone: list[SandboxId] = []
        for sandbox in tuple(self._store.sandboxes()):
            if sandbox.running or not wanted(sandbox):
                continue
            with suppress(NotFound, Conflict):  # somebody else was quicker
                await self.remove(sandbox.id)
                gone.append(sandbox.id)
        self._events.emit(prune_event("container"))
        return tuple(gone)

    # Rename

    async def rename(self, ref: str, name: SandboxName) -> None:
        """Give a sandbox another name; its names on networks follow. Raises NotFound, Conflict."""
        sandbox_id = self._store.sandbox(ref).id
        async with self._turns.take(sandbox_id):
            before = self._store.sandbox(sandbox_id)
            if name == before.name:
                raise InvalidRequest("Renaming a container with the same name as its current name")
            after = replace(before, name=name)
            async with Undo() as undo:
                await self._store.claim(after)
                undo.by(self._store.release, after.id)
                if before.running and before.has_namespace:
                    await self._kernel.apply(rename_ops(before, after, self._paths))
                    back = rename_ops(after, before, self._paths)
                    undo.by(self._kernel.apply, back)
                await self._store.commit(put=[after])
            self._wires.name(after, self._wires.wiring(after).attachments)
        self._events.emit(sandbox_event("rename", after, ("oldName", f"/{before.name}")))
