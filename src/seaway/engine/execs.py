"""Further processes in running sandboxes (``docker exec``): create, start, and how they ended."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from seaway.contracts import UNKNOWN_EXIT, Events, Runtime, Store, Stream
from seaway.engine.background import Background
from seaway.model.errors import CannotRun, Conflict, EngineError, InvalidRequest, NotFound
from seaway.model.event import sandbox_event
from seaway.model.ids import SandboxId, new_id
from seaway.model.sandbox import Process, Sandbox

log = logging.getLogger(__name__)

KEPT = 256
"""How many processes that ended are remembered; the first to end are forgotten first."""
CANNOT_RUN = 126
"""Exit code of a process that could not be started, where the reason brings none; as in a shell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    """A further process, asked for or started."""

    id: str
    """64 lower-case hexadecimal digits."""
    sandbox: SandboxId
    process: Process
    detach_keys: str = ""
    started: bool = False
    exit_code: int | None = None
    """None: it did not end yet."""

    @property
    def running(self) -> bool:
        """Whether it was started and did not end."""
        return self.started and self.exit_code is None


class Execs:
    """What users do with further processes. The records live as long as the daemon."""

    def __init__(
        self, *, store: Store, runtime: Runtime, events: Events, background: Background
    ) -> None:
        self._store, self._runtime = store, runtime
        self._events, self._background = events, background
        self._execs: dict[str, Exec] = {}
        self._ends: dict[str, asyncio.Event] = {}

    def create(self, ref: str, process: Process, *, detach_keys: str = "") -> Exec:
        """Note a further process down; raises NotFound, Conflict (the sandbox does not run)."""
        if not process.args:
            raise InvalidRequest("No exec command specified")
        sandbox = self._running(ref)
        found = Exec(id=new_id(), sandbox=sandbox.id, process=process, detach_keys=detach_keys)
        self._forget()
        self._execs[found.id] = found
        self._tell("exec_create", found, _command(found))
        return found

    def get(self, exec_id: str) -> Exec:
        """By full id; raises NotFound."""
        try:
            return self._execs[exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    def of(self, sandbox: SandboxId) -> tuple[str, ...]:
        """The ids of processes that run in *sandbox*."""
        return tuple(e.id for e in self._execs.values() if e.sandbox == sandbox and e.running)

    def startable(self, exec_id: str) -> Exec:
        """The one with that id; raises NotFound, Conflict (started before, the sandbox is not up)."""
        found = self.get(exec_id)
        if found.started:
            raise Conflict(f"exec instance {exec_id} was started before; make a new one")
        self._running(found.sandbox)
        return found

    async def start(self, exec_id: str) -> Stream:
        """Let it run; gives its streams. Raises as ``startable``, and CannotRun."""
        found = self.startable(exec_id)
        found = self._keep(replace(found, started=True))
        self._tell("exec_start", found, _command(found))  # also of one that cannot run, as Docker
        try:
            stream = await self._runtime.execute(found.sandbox, found.id, found.process)
        except BaseException as error:
            code = error.exit_code if isinstance(error, CannotRun) else CANNOT_RUN
            self._keep(replace(found, exit_code=code))
            raise
        self._ends[found.id] = asyncio.Event()
        self._background.begin(f"exit of exec {found.id}", lambda: self._watch(found))
        return stream

    async def ended(self, exec_id: str) -> None:
        """Wait until it ended, if it runs, and its exit code is known."""
        if (end := self._ends.get(exec_id)) is not None:
            await end.wait()

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Tell its terminal the size in characters; raises NotFound, Conflict (it does not run)."""
        found = self.get(exec_id)
        if not found.running:
            raise Conflict(f"exec instance {exec_id} is not running")
        await self._runtime.resize_exec(found.id, height, width)

    def detached(self, exec_id: str) -> None:
        """A client left it by its detach keys; it runs on."""
        self._tell("exec_detach", self.get(exec_id), "")

    async def _watch(self, found: Exec) -> None:
        try:
            code = (await self._runtime.wait_exec(found.id)).code
        except EngineError as error:
            log.warning(
                "an exec's end was not seen", extra={"exec": found.id, "reason": str(error)}
            )
            code = UNKNOWN_EXIT
        self._keep(replace(found, exit_code=code))
        self._ends.pop(found.id).set()
        self._tell("exec_die", found, "", ("execID", found.id), ("exitCode", str(code)))

    def _running(self, ref: str) -> Sandbox:
        sandbox = self._store.sandbox(ref)
        if sandbox.process is None:
            raise Conflict(
                f"sandbox {sandbox.name} is only a network namespace; run commands in it by "
                "nsenter --net=PATH, with the path that inspect shows as SandboxKey"
            )
        if not sandbox.running:
            raise Conflict(f"container {sandbox.id} is not running")
        if self._runtime.paused(sandbox.id):
            raise Conflict(f"Container {sandbox.name} is paused, unpause the container before exec")
        return sandbox

    def _keep(self, found: Exec) -> Exec:
        self._execs.pop(found.id, None)
        self._execs[found.id] = found
        return found

    def _forget(self) -> None:
        """Drop the oldest of those that do not run, those never started included."""
        idle = [e.id for e in self._execs.values() if not e.running]
        for exec_id in idle[: max(len(idle) - KEPT + 1, 0)]:
            del self._execs[exec_id]

    def _tell(self, action: str, found: Exec, text: str, *more: tuple[str, str]) -> None:
        try:
            sandbox = self._store.sandbox(found.sandbox)
        except NotFound:
            return
        said = f"{action}: {text}" if text else action
        attributes = more or (("execID", found.id),)
        self._events.emit(sandbox_event(said, sandbox, *attributes))


def _command(found: Exec) -> str:
    """Program and arguments as Docker writes them: a blank is between both, though there are none."""
    program, *arguments = found.process.args
    return f"{program} {' '.join(arguments)}"
