"""Processes of sandboxes, each an OCI container under a conmon of its own.

conmon holds the terminal, the log and the exit status, so all three outlive the daemon; nothing is
kept in memory that another daemon on the same directories would lack.

When the conmon of a sandbox was killed, nobody would know how its process ends: that is killed too,
and its exit code is 137. A further process goes on, and how it ends is not known: 255.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal as signals
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from seaway.contracts import (
    KILLED,
    UNKNOWN_EXIT,
    Exit,
    Launch,
    LogLine,
    SandboxFiles,
    Steps,
)
from seaway.model.errors import Conflict, InvalidRequest, NotFound, Unavailable
from seaway.model.ids import SandboxId, shown
from seaway.model.sandbox import Process
from seaway.model.usage import Processes, Usage
from seaway.plan.oci import OWN_FILES, cgroup
from seaway.plan.oci_error import refusal
from seaway.runtime import (
    bundle,
    freezer,
    programs,
    streams,
    supervisor,
    traces,
    usage,
    watch,
    window,
)
from seaway.runtime.bundle import Place
from seaway.runtime.log import LogReader
from seaway.runtime.supervisor import START_TIMEOUT, Seat

log = logging.getLogger(__name__)

PROGRAMS = ("runc", "crun")
"""OCI runtimes, the preferred one first: crun refuses hosts with both kinds of cgroups."""
_END_TIMEOUT = 10.0
"""Seconds for conmon to write the exit status after the process ended."""
_EXEC_KEPT = 300.0
"""Seconds for which the exit status of a further process can be asked, at least."""
_PS_TIMEOUT = 10.0
"""Seconds for ps to look at all processes of the host."""
_PS_MOST = 16 << 20
"""Bytes that ps may write; a sandbox chooses how long its processes' command lines are."""
_CHUNK = 1 << 16
"""Bytes of a log that are read at once."""


class ConmonRuntime:
    """The Runtime contract, by conmon and runc or crun."""

    def __init__(
        self, run_dir: Path, data_dir: Path, steps: Steps, mask: Sequence[Path] = ()
    ) -> None:
        """Nothing of *run_dir*, *data_dir* and *mask* is ever seen inside a sandbox."""
        self._bundles = run_dir / "bundles"
        self._states = run_dir / "oci"
        self._kept = data_dir / "sandboxes"
        self._hidden = (run_dir, data_dir, *mask)
        self._steps = steps
        self._writes = watch.Writes()
        self._chosen: str | None = None
        self._parked: dict[str, list[socket.socket]] = {}

    # Making and starting

    async def create(self, launch: Launch) -> int:
        """Make the container, its command not yet running; gives the process id.

        Raises CannotRun (126, 127) when the command cannot be run, InvalidRequest for a wrong
        mount, user or capability, Conflict when it runs already, Unavailable else.
        """
        if self.pid(launch.sandbox) is not None:
            raise Conflict(f"container {launch.sandbox} is already running")
        await self._forget(launch.sandbox)
        self._steps.reach("runtime.create")
        refused: list[Unavailable] = []
        for program in self._candidates():
            try:
                pid = await self._create_by(program, launch)
            except Unavailable as error:
                refused.append(error)
                continue
            self._chosen = program
            return pid
        raise refused[0]

    def _candidates(self) -> Sequence[str]:
        """The runtimes to try: the one that worked before, or all that are installed."""
        if self._chosen is not None:
            return (self._chosen,)
        found = [path for path in map(programs.find, PROGRAMS) if path is not None]
        if not found:
            raise Unavailable("neither runc nor crun is installed: one of them runs the processes")
        return found

    async def _create_by(self, program: str, launch: Launch) -> int:
        place = self._place(launch.sandbox)
        try:
            self._make(launch, place, program)
            return await supervisor.begin(
                self._seat(place, place.bundle, program), launch.process, place.exit_dir, place.log
            )
        except BaseException:
            await self._forget(launch.sandbox)
            if not _has_log(place):
                shutil.rmtree(place.kept, ignore_errors=True)  # it never ran before
            raise

    def _make(self, launch: Launch, place: Place, program: str) -> None:
        try:
            bundle.make(launch, place, self._hidden, program)
        except OSError as error:
            raise Unavailable(f"the files of the container cannot be made: {error}") from error

    async def start(self, sandbox: SandboxId) -> None:
        """Let the command run; raises CannotRun, NotFound, Conflict when it was started before."""
        place, known = self._of(sandbox)
        self._steps.reach("runtime.start")
        done = await self._oci(known.program, "start", sandbox)
        if done.code == 0:
            return
        if self.pid(sandbox) is None or "cannot start" in done.output:
            raise Conflict(f"container {place.id} cannot be started now: {done.output.strip()}")
        raise refusal(done.output, command=known.process.args[0])

    async def _oci(self, program: str, *words: str) -> programs.Finished:
        command = [program, "--root", str(self._states), *words]
        try:
            return await programs.run(command, timeout=START_TIMEOUT)
        except TimeoutError as error:
            raise Unavailable(
                f"{program} {words[0]} took more than {START_TIMEOUT:.0f} s"
            ) from error

    # Streams

    async def attach(self, sandbox: SandboxId) -> streams.ConmonStream:
        """The streams of a container, all output if before start; raises Conflict when it ended."""
        place, known = self._of(sandbox)
        return await self._connect(place.bundle, sandbox, known.process)

    async def _connect(self, directory: Path, owner: str, process: Process) -> streams.ConmonStream:
        """Connections that were let go are parked until the process of *owner* ended."""
        input_can_end = process.stdin_open and not process.tty
        park = self._parked.setdefault(owner, []).append if input_can_end else None
        return await streams.connect(directory, park, START_TIMEOUT)

    def _unpark(self, owner: str) -> None:
        for connection in self._parked.pop(owner, []):
            connection.close()

    async def resize(self, sandbox: SandboxId, height: int, width: int) -> None:
        """Tell the terminal its size in characters; raises Conflict when the process ended."""
        place, _ = self._of(sandbox)
        window.resize(place.bundle, height, width)

    async def logs(self, sandbox: SandboxId, *, follow: bool) -> AsyncIterator[LogLine]:
        """What was written to the standard streams from the beginning, with *follow* to its end."""
        path = self._place(sandbox).log
        if not path.exists():
            return
        reader = LogReader()
        with path.open("rb") as source, self._writes.to(path) as written:
            ended = False
            while True:
                while data := source.read(_CHUNK):
                    for line in reader.feed(data):
                        yield line
                    await asyncio.sleep(0)  # a log may have gigabytes, and others wait
                if ended or not follow:
                    return
                ended = await self._changed(sandbox, written)

    async def _changed(self, sandbox: SandboxId, written: asyncio.Event) -> bool:
        """Wait for a write to the log or the end of its writer; says whether that ended."""
        place = self._place(sandbox)
        with traces.conmon_of(place.bundle) as handle:
            if handle is None:
                return True
            await watch.readable(handle, event=written)
        written.clear()
        return False

    # The end

    async def wait(self, sandbox: SandboxId) -> Exit:
        """Wait for the end of the process, say how it was; raises NotFound when there is none."""
        place = self._place(sandbox)
        if not place.bundle.exists() and self.exit(sandbox) is None:
            raise NotFound(f"No such container: {sandbox}")
        ended = await traces.end_of(place.bundle, place.exit_dir, sandbox)
        self._unpark(sandbox)
        return ended or await self._lost(place)

    async def _lost(self, place: Place) -> Exit:
        """Nobody watches the process any more: end it, and keep that as its exit status."""
        if not place.bundle.exists():  # removed while we waited
            return Exit(code=KILLED, finished=time.time_ns())
        log.warning("conmon is gone; killing its process", extra={"sandbox": place.id})
        await traces.end(self.pid(place.id), place.id, _END_TIMEOUT)
        try:
            place.exit_dir.mkdir(parents=True, exist_ok=True)
            (place.exit_dir / place.id).write_text(str(KILLED))
        except OSError as error:  # a full disk, which its log may have filled
            log.warning(
                "an exit status cannot be kept", extra={"sandbox": place.id, "reason": str(error)}
            )
        return self.exit(place.id) or Exit(code=KILLED, finished=time.time_ns())

    def exit(self, sandbox: SandboxId) -> Exit | None:
        """How the process ended; None while it lives or when there is none."""
        return traces.exit_in(self._place(sandbox).exit_dir, sandbox)

    def pid(self, sandbox: SandboxId) -> int | None:
        """The process id of a living process."""
        place = self._place(sandbox)
        pid = traces.number_in(place.pid_file)
        return pid if pid is not None and traces.is_in_container(pid, sandbox) else None

    def paused(self, sandbox: SandboxId) -> bool:
        """Whether its processes are held still."""
        return freezer.is_still(cgroup(sandbox))

    async def pause(self, sandbox: SandboxId) -> None:
        """Hold its processes still; raises Conflict, Unavailable."""
        self._refuse_ended(sandbox)
        self._steps.reach("runtime.pause")
        await freezer.hold(cgroup(sandbox))

    async def unpause(self, sandbox: SandboxId) -> None:
        """Let its processes go on; raises Conflict."""
        self._refuse_ended(sandbox)
        self._steps.reach("runtime.unpause")
        freezer.let_go(cgroup(sandbox))

    def usage(self, sandbox: SandboxId) -> Usage:
        """What its processes use; raises Conflict when none is running."""
        self._refuse_ended(sandbox)
        return usage.usage(cgroup(sandbox))

    async def processes(self, sandbox: SandboxId, options: Sequence[str]) -> Processes:
        """Its processes, as ps shows them; raises Conflict, InvalidRequest, Unavailable."""
        self._refuse_ended(sandbox)
        ps = programs.find("ps")
        if ps is None:
            raise Unavailable("ps is not installed: the package procps has it")
        try:
            done = await programs.run([ps, *options], timeout=_PS_TIMEOUT, most=_PS_MOST)
        except TimeoutError as error:
            raise Unavailable(f"ps did not end within {_PS_TIMEOUT:.0f} seconds") from error
        if done.code == -signals.SIGXFSZ:
            raise Unavailable(
                f"ps wrote more than {_PS_MOST >> 20} MB: ask for shorter columns, as in: -e -o pid,comm"
            )
        if done.code != 0:
            reason, *_usage = done.output.strip().splitlines() or ["it did not say why"]
            raise InvalidRequest(f"ps refused its ps_args: {shown(reason)}")
        return usage.table(done.output, usage.members(cgroup(sandbox)))

    def _refuse_ended(self, sandbox: SandboxId) -> None:
        if self.pid(sandbox) is None:
            raise Conflict(f"container {sandbox} is not running")

    async def kill(self, sandbox: SandboxId, signal: int) -> None:
        """Send a signal, which one that is paused gets too; raises Conflict when it is not running."""
        self._steps.reach("runtime.kill")
        with traces.process_in(self.pid(sandbox), sandbox) as handle:
            if handle is None:
                raise Conflict(f"container {sandbox} is not running")
            try:
                signals.pidfd_send_signal(handle, signal)
            except ProcessLookupError as error:
                raise Conflict(f"container {sandbox} is not running") from error
        freezer.let_go(cgroup(sandbox))

    # Further processes

    async def execute(
        self, sandbox: SandboxId, exec_id: str, process: Process
    ) -> streams.ConmonStream:
        """Run a further process; raises CannotRun, Conflict. Its end: ``wait_exec``."""
        place, known = self._of(sandbox)
        specification = bundle.further_process(place, process)
        if specification is None or self.pid(sandbox) is None:
            raise Conflict(f"container {sandbox} is not running")
        self._steps.reach("runtime.execute")
        traces.remove_ended(place.bundle / "execs", before=time.time() - _EXEC_KEPT)
        directory = place.bundle / "execs" / exec_id
        (directory / "exit").mkdir(mode=0o700, parents=True)
        try:
            (directory / supervisor.SPECIFICATION).write_bytes(specification)
            return await self._execute(
                self._seat(place, directory, known.program), process, exec_id
            )
        except BaseException:
            self._unpark(exec_id)
            shutil.rmtree(directory, ignore_errors=True)
            raise

    async def _execute(self, seat: Seat, process: Process, exec_id: str) -> streams.ConmonStream:
        async with supervisor.begin_further(seat, process) as let_go:
            stream = await self._connect(seat.directory, exec_id, process)
            try:
                await let_go()
            except BaseException:
                await stream.close()
                raise
        return stream

    async def wait_exec(self, exec_id: str) -> Exit:
        """Wait for the end of a further process; raises NotFound."""
        directory = self._exec_dir(exec_id)
        sandbox = directory.parent.parent.name
        ended = await traces.end_of(directory, directory / "exit", sandbox)
        self._unpark(exec_id)
        if ended is not None:
            return ended
        code = UNKNOWN_EXIT if directory.exists() else KILLED  # gone with its sandbox
        return Exit(code=code, finished=time.time_ns())

    async def resize_exec(self, exec_id: str, height: int, width: int) -> None:
        """Tell the terminal of a further process its size; raises NotFound, Conflict."""
        window.resize(self._exec_dir(exec_id), height, width)

    def exec_pid(self, exec_id: str) -> int | None:
        """The process id of a living further process."""
        try:
            directory = self._exec_dir(exec_id)
        except NotFound:
            return None
        pid = traces.number_in(directory / "pid")
        sandbox = directory.parent.parent.name
        return pid if pid is not None and traces.is_in_container(pid, sandbox) else None

    def files(self, sandbox: SandboxId) -> SandboxFiles:
        """Where its own files are on the host, those that are there."""
        place = self._place(sandbox)
        hosts, resolv_conf, hostname = (place.own_file(target) for target in OWN_FILES)
        return SandboxFiles(
            hosts=_there(hosts),
            hostname=_there(hostname),
            resolv_conf=_there(resolv_conf),
            log=_there(place.log),
        )

    def _exec_dir(self, exec_id: str) -> Path:
        if exec_id.isalnum():
            for found in self._bundles.glob(f"*/execs/{exec_id}"):
                return found
        raise NotFound(f"No such exec instance: {exec_id}")

    # Files and removal

    async def write_files(self, sandbox: SandboxId, *, hosts: str, resolv_conf: str) -> None:
        """Change /etc/hosts and /etc/resolv.conf of a running sandbox in place; raises NotFound."""
        place, _ = self._of(sandbox)
        self._steps.reach("runtime.write_files")
        for target, text in (("/etc/hosts", hosts), ("/etc/resolv.conf", resolv_conf)):
            with place.own_file(target).open("r+b") as file:  # the same inode: it is mounted
                file.write(text.encode())
                file.truncate()

    async def remove(self, sandbox: SandboxId, *, keep_log: bool = False) -> None:
        """End what still lives and take every file of the container away; gone already is fine.

        With *keep_log* what was written stays: the sandbox is there still, and only a start failed.
        """
        self._steps.reach("runtime.remove")
        await self._forget(sandbox)
        if not (keep_log and _has_log(self._place(sandbox))):
            shutil.rmtree(self._place(sandbox).kept, ignore_errors=True)

    async def known(self) -> frozenset[SandboxId]:
        """The sandboxes of which any trace is there."""
        places = (self._bundles, self._states, self._kept)
        return frozenset(SandboxId(n) for place in places for n in traces.names(place))

    async def _forget(self, sandbox: SandboxId) -> None:
        """As ``remove``, but for the log."""
        place = self._place(sandbox)
        freezer.let_go(cgroup(sandbox))
        await traces.end(self.pid(sandbox), sandbox, _END_TIMEOUT)
        await traces.end_conmon(place.bundle, _END_TIMEOUT)
        self._unpark(sandbox)
        await self._delete_state(place)
        traces.remove_cgroups(cgroup(sandbox))
        traces.remove_bundle(place.bundle)
        with suppress(FileNotFoundError):
            (place.exit_dir / sandbox).unlink()

    async def _delete_state(self, place: Place) -> None:
        """Let the runtime forget the container."""
        state = self._states / place.id
        if not state.exists():
            return
        known = bundle.launched(place)
        program = known.program if known else self._candidates()[0]
        done = await self._oci(program, "delete", "--force", place.id)
        if done.code != 0:
            log.warning(
                "the runtime could not delete a container",
                extra={"sandbox": place.id, "reason": done.output.strip()},
            )
        shutil.rmtree(state, ignore_errors=True)

    def _seat(self, place: Place, directory: Path, program: str) -> Seat:
        return Seat(container=place.id, directory=directory, program=program, states=self._states)

    def _place(self, sandbox: SandboxId) -> Place:
        return Place(id=sandbox, bundle=self._bundles / sandbox, kept=self._kept / sandbox)

    def _of(self, sandbox: SandboxId) -> tuple[Place, bundle.Launched]:
        place = self._place(sandbox)
        known = bundle.launched(place)
        if known is None:
            raise NotFound(f"No such container: {sandbox}")
        return place, known


def _there(path: Path) -> Path | None:
    return path if path.exists() else None


def _has_log(place: Place) -> bool:
    """Whether anything was ever written by the container's process."""
    return place.log.exists() and place.log.stat().st_size > 0
