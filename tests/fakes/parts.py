"""Small fakes of the contracts: they keep what they were told, and nothing of Linux."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seaway.contracts import (
    KILLED,
    NO_NUMBERS,
    Exit,
    Hold,
    Holds,
    Launch,
    LogLine,
    SandboxFiles,
    Steps,
    Stream,
    Taken,
)
from seaway.model.errors import (
    Conflict,
    EngineError,
    InvalidRequest,
    NotFound,
    PortTaken,
    Unavailable,
)
from seaway.model.ids import Address, EndpointId, NetworkId, SandboxId
from seaway.model.port import PublishedPort, hosts_meet
from seaway.model.sandbox import Process
from seaway.model.usage import Processes, Usage
from seaway.plan.zone import (
    Empty,
    Found,
    Holder,
    NetworkZone,
    Unknown,
    Upstream,
    View,
    Wanted,
    Zones,
    folded,
)


class CountedSteps:
    """Notes each step, and fails at the one whose number (from 0) is *fail_at*."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.fail_at: int | None = None

    def arm(self, number: int | None) -> None:
        """Count from 0 again, and fail at *number*; None: never."""
        self.reached.clear()
        self.fail_at = number

    def reach(self, step: str) -> None:
        """Note *step*; raises Unavailable at the wanted one."""
        self.reached.append(step)
        if self.fail_at == len(self.reached) - 1:
            raise Unavailable(f"a test made step {step} fail")


class CountingClock:
    """Each look at it is one nanosecond later, from 1 on."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        """The next nanosecond."""
        self.time += 1
        return self.time


class FakeNames:
    """Who has which name where, and who is answered; ``ask`` gives what an asker would be told."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.networks: dict[NetworkId, str] = {}
        self.holders: dict[tuple[NetworkId, EndpointId], Holder] = {}
        self.views: dict[SandboxId, View] = {}
        self.gateways: dict[Address, NetworkId] = {}
        self._netns: dict[SandboxId, Path] = {}

    def ask(self, sandbox: SandboxId, name: str) -> list[str] | None:
        """The addresses of *name*, sorted, or NXDOMAIN, as *sandbox* is told; None: by nobody."""
        view = self.views.get(sandbox)
        return None if view is None else self._told(view, name)

    def ask_at(self, gateway: Address, source: Address, name: str) -> list[str] | None:
        """The same, as whoever has the address *source* is told at *gateway*."""
        network = self.gateways.get(gateway)
        if network is None:
            return None
        near = {a for (n, _), h in self.holders.items() if n == network for a in h.addresses}
        return self._told(View(networks=(network,)), name) if source in {gateway, *near} else None

    def _told(self, view: View, name: str) -> list[str]:
        zones = {n: NetworkZone().named(name) for n, name in self.networks.items()}
        for (network, _), holder in self.holders.items():
            zones[network] = zones.get(network, NetworkZone()).with_holder(holder)
        match Zones(zones).resolve(view, folded(name), Wanted.ADDRESSES):
            case Found(answers):
                return sorted(map(str, answers))
            case Empty():
                return []
            case Unknown():
                return ["NXDOMAIN"]

    def name_network(self, network: NetworkId, name: str) -> None:
        """Keep the name."""
        self.networks[network] = name

    async def answer_at(self, network: NetworkId, address: Address) -> None:
        """Keep the gateway; raises Unavailable when another network has it."""
        self._steps.reach("names.answer_at")
        if self.gateways.setdefault(address, network) != network:
            raise Unavailable(
                f"no names can be answered in the host at {address} port 53: Address already in use"
            )

    async def stop_at(self, network: NetworkId) -> None:
        """Forget the gateways of *network*."""
        self._steps.reach("names.stop_at")
        self.gateways = {a: n for a, n in self.gateways.items() if n != network}

    def forget_network(self, network: NetworkId) -> None:
        """Forget the network and all on it."""
        self.networks.pop(network, None)
        self.holders = {k: h for k, h in self.holders.items() if k[0] != network}

    def join(self, network: NetworkId, holder: Holder) -> None:
        """Keep the holder."""
        self.holders[network, holder.endpoint] = holder

    def leave(self, network: NetworkId, endpoint: EndpointId) -> None:
        """Forget the holder."""
        self.holders.pop((network, endpoint), None)

    async def open(self, sandbox: SandboxId, netns: Path, view: View) -> None:
        """Keep the view; raises Unavailable when another sandbox is answered in *netns*."""
        self._steps.reach("names.open")
        self._forget(sandbox)
        if netns in self._netns.values():
            raise Unavailable(f"no names can be answered in {netns}: Address already in use")
        self.views[sandbox], self._netns[sandbox] = view, netns

    def show(self, sandbox: SandboxId, view: View) -> None:
        """Change the view of one that is open."""
        if sandbox in self.views:
            self.views[sandbox] = view

    def host_servers(self) -> tuple[Upstream, ...]:
        """None."""
        return ()

    def host_search(self) -> tuple[str, ...]:
        """None."""
        return ()

    async def close(self, sandbox: SandboxId) -> None:
        """Forget the view."""
        self._steps.reach("names.close")
        self._forget(sandbox)

    def _forget(self, sandbox: SandboxId) -> None:
        self.views.pop(sandbox, None)
        self._netns.pop(sandbox, None)


class FakeHostPorts:
    """A book of ports; those in *foreign* belong to other programs. Random ones come from 32768 on."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._held: dict[SandboxId, Holds] = {}
        self.foreign: set[int] = set()

    @property
    def all_held(self) -> dict[SandboxId, Holds]:
        """What is held, by owner."""
        return dict(self._held)

    def hold(
        self,
        owner: SandboxId,
        ports: Sequence[PublishedPort],
        versions: Collection[int],
        *,
        last: Mapping[PublishedPort, int] = NO_NUMBERS,
    ) -> Taken:
        """Note *ports* down, all or none; those that are on none of *versions* are given as they are."""
        self._steps.reach("hostports.hold")
        taken: dict[int, PublishedPort] = {}
        mine, new = dict(self.held(owner)), dict[Hold, frozenset[int]]()
        others = [holds for other, holds in self._held.items() if other != owner]
        for index in sorted(
            range(len(ports)), key=lambda n: (ports[n].host_port == 0, ports[n] not in last)
        ):
            port = ports[index]
            families = frozenset(v for v in versions if port.is_on(v))
            if families:
                port = self._chosen(port, families, [*others, mine], last.get(port))
                hold = Hold.of(port)
                if any(Hold.of(t) == hold and t != port for t in taken.values()):
                    raise PortTaken(f"Bind for port {port.host_port} failed: it is given twice")
                if more := families - mine.get(hold, frozenset()):
                    new[hold] = more
                mine[hold] = mine.get(hold, frozenset()) | families
            taken[index] = port
        self._set(owner, mine)
        return Taken(ports=tuple(taken[n] for n in range(len(ports))), new=new)

    def held(self, owner: SandboxId) -> Holds:
        """What *owner* holds."""
        return self._held.get(owner, {})

    def let_go(self, owner: SandboxId, holds: Holds | None = None) -> None:
        """Let them go, or all."""
        self._steps.reach("hostports.free")
        mine = self.held(owner)
        gone = mine if holds is None else holds
        kept = {h: f - gone.get(h, frozenset()) for h, f in mine.items()}
        self._set(owner, {h: f for h, f in kept.items() if f})

    def _set(self, owner: SandboxId, holds: Holds) -> None:
        self._held.pop(owner, None)
        if holds:
            self._held[owner] = holds

    def _chosen(
        self, port: PublishedPort, families: frozenset[int], held: _Held, last: int | None
    ) -> PublishedPort:
        """*port* with its number; raises PortTaken."""
        if port.host_port:
            if (refusal := self._refusal(port, families, held)) is not None:
                raise PortTaken(f"Bind for port {port.host_port} failed: {refusal}")
            return port
        for number in (*([last] if last else []), *range(32768, 33000)):
            chosen = replace(port, host_port=number)
            if self._refusal(chosen, families, held) is None:
                return chosen
        raise AssertionError("the test asks for too many random ports")

    def _refusal(self, port: PublishedPort, families: frozenset[int], held: _Held) -> str | None:
        """Why *port* cannot be held in *families*, the owner's own holds being the last of *held*."""
        missing = families - held[-1].get(Hold.of(port), frozenset())
        if missing and self.foreign & set(_span(port)):
            return "held by another program"
        there = [hold for holds in held for hold, where in holds.items() if where & missing]
        return "published by a container" if any(_meet(port, hold) for hold in there) else None


_Held = Sequence[Holds]
"""What each owner holds."""


def _span(port: PublishedPort | Hold) -> range:
    return range(port.host_port, port.host_port + port.count)


def _meet(port: PublishedPort, hold: Hold) -> bool:
    """Whether one port of one of the host's addresses is meant by both."""
    same = set(_span(port)) & set(_span(hold))
    return port.proto is hold.proto and bool(same) and hosts_meet(port.host, hold.host)


class SilentStream:
    """A process without output."""

    async def read(self) -> tuple[int, bytes] | None:
        """The end, at once."""
        return None

    async def write(self, data: bytes) -> None:
        """Input that nobody reads."""

    async def write_eof(self) -> None:
        """No more input."""

    async def close(self) -> None:
        """Let go."""


class FakeRuntime:
    """Processes that live until a signal that they do not *ignore*, and say nothing."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.ignored: set[int] = set()
        self.unremovable: set[SandboxId] = set()
        self.refusal: EngineError | None = None
        """What the next start raises."""
        self.still: set[SandboxId] = set()
        """Those that are paused."""
        self.used = Usage(tasks=1)
        """What each sandbox uses."""
        self.launched: dict[SandboxId, Launch] = {}
        self.exits: dict[SandboxId, asyncio.Future[Exit]] = {}
        self._started: set[SandboxId] = set()
        self._execs: dict[str, SandboxId] = {}

    async def create(self, launch: Launch) -> int:
        """Note the launch down; the process id is always 4242."""
        if self.pid(launch.sandbox) is not None:
            raise Conflict(f"container {launch.sandbox} is already running")
        self._forget(launch.sandbox)
        self._steps.reach("runtime.create")
        self.launched[launch.sandbox] = launch
        self.exits[launch.sandbox] = asyncio.get_running_loop().create_future()
        return 4242

    async def attach(self, sandbox: SandboxId) -> Stream:
        """A silent stream."""
        self._launch(sandbox)
        if self.pid(sandbox) is None:
            raise Conflict("the process is not running")
        return SilentStream()

    async def start(self, sandbox: SandboxId) -> None:
        """Let it live; raises *refusal*."""
        self._launch(sandbox)
        self._steps.reach("runtime.start")
        if self.refusal is not None:
            raise self.refusal
        if sandbox in self._started or self.pid(sandbox) is None:
            raise Conflict(f"container {sandbox} cannot be started now")
        self._started.add(sandbox)

    def end(self, sandbox: SandboxId, code: int) -> None:
        """The process ends by itself."""
        self.exits[sandbox].set_result(Exit(code=code, finished=1000))

    async def wait(self, sandbox: SandboxId) -> Exit:
        """The end."""
        self._launch(sandbox)
        return await asyncio.shield(self.exits[sandbox])

    def exit(self, sandbox: SandboxId) -> Exit | None:
        """The end, if it came."""
        future = self.exits.get(sandbox)
        return future.result() if future is not None and future.done() else None

    def pid(self, sandbox: SandboxId) -> int | None:
        """4242 while it lives."""
        future = self.exits.get(sandbox)
        return 4242 if future is not None and not future.done() else None

    def paused(self, sandbox: SandboxId) -> bool:
        """Whether ``pause`` was the last that happened to it."""
        return sandbox in self.still

    async def pause(self, sandbox: SandboxId) -> None:
        """Hold it still."""
        self._running(sandbox)
        self._steps.reach("runtime.pause")
        self.still.add(sandbox)

    async def unpause(self, sandbox: SandboxId) -> None:
        """Let it go on."""
        self._running(sandbox)
        self._steps.reach("runtime.unpause")
        self.still.discard(sandbox)

    def usage(self, sandbox: SandboxId) -> Usage:
        """What the test put into ``used``."""
        self._running(sandbox)
        return self.used

    async def processes(self, sandbox: SandboxId, options: Sequence[str]) -> Processes:
        """One process, its command as it was launched."""
        self._running(sandbox)
        if "--nosuch" in options:
            raise InvalidRequest("ps refused its ps_args: error: unknown gnu long option")
        command = " ".join(self._launch(sandbox).process.args)
        return Processes(titles=("PID", "CMD"), rows=(("4242", command),))

    async def kill(self, sandbox: SandboxId, signal: int) -> None:
        """End it by *signal*, unless it is ignored."""
        self._steps.reach("runtime.kill")
        self._running(sandbox)
        self.still.discard(sandbox)
        if signal not in self.ignored:
            self.end(sandbox, 128 + signal)

    async def resize(self, sandbox: SandboxId, height: int, width: int) -> None:
        """Nothing to see."""
        self._launch(sandbox)

    async def execute(self, sandbox: SandboxId, exec_id: str, process: Process) -> Stream:
        """A silent one, which ends well."""
        self._launch(sandbox)
        self._running(sandbox)
        self._steps.reach("runtime.execute")
        self._execs[exec_id] = sandbox
        return SilentStream()

    async def wait_exec(self, exec_id: str) -> Exit:
        """It ended well."""
        self._exec(exec_id)
        return Exit(code=0, finished=1000)

    async def resize_exec(self, exec_id: str, height: int, width: int) -> None:
        """Nothing to see."""
        self._exec(exec_id)

    def exec_pid(self, exec_id: str) -> int | None:
        """4343 of one that was begun."""
        return 4343 if exec_id in self._execs else None

    def files(self, sandbox: SandboxId) -> SandboxFiles:
        """A log of each that was launched."""
        there = sandbox in self.launched
        return SandboxFiles(log=Path("/var/test/log")) if there else SandboxFiles()

    async def logs(self, sandbox: SandboxId, *, follow: bool) -> AsyncIterator[LogLine]:
        """No line."""
        none: tuple[LogLine, ...] = ()
        for line in none:
            yield line

    async def write_files(self, sandbox: SandboxId, *, hosts: str, resolv_conf: str) -> None:
        """Nothing to see."""
        self._launch(sandbox)
        self._steps.reach("runtime.write_files")

    async def remove(self, sandbox: SandboxId, *, keep_log: bool = False) -> None:
        """Forget it, unless it is *unremovable*."""
        self._steps.reach("runtime.remove")
        if sandbox in self.unremovable:
            raise Unavailable(f"the process of {sandbox} waits in the kernel")
        if self.pid(sandbox) is not None:
            self.end(sandbox, KILLED)
        self._forget(sandbox)
        self.launched.pop(sandbox, None)

    async def known(self) -> frozenset[SandboxId]:
        """All that were launched and not removed."""
        return frozenset(self.launched)

    def _forget(self, sandbox: SandboxId) -> None:
        self.exits.pop(sandbox, None)
        self.still.discard(sandbox)
        self._started.discard(sandbox)
        self._execs = {e: s for e, s in self._execs.items() if s != sandbox}

    def _launch(self, sandbox: SandboxId) -> Launch:
        if sandbox not in self.launched:
            raise NotFound(f"No such container: {sandbox}")
        return self.launched[sandbox]

    def _running(self, sandbox: SandboxId) -> None:
        if self.pid(sandbox) is None:
            raise Conflict(f"container {sandbox} is not running")

    def _exec(self, exec_id: str) -> None:
        if exec_id not in self._execs:
            raise NotFound(f"No such exec instance: {exec_id}")
