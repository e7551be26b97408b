"""The daemon: the one place that joins the parts."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import resource
import secrets
import shutil
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Network
from pathlib import Path

from seaway import __version__
from seaway.api.certificates import CertificateFiles, Certificates
from seaway.api.parts import DaemonFacts, Parts
from seaway.api.server import Server
from seaway.api.sockets import listening
from seaway.config import Config, Settings, settings
from seaway.contracts import Steps
from seaway.dhcp.clients import LeaseClients
from seaway.dhcp.ipv4 import Ipv4
from seaway.dhcp.ipv6 import Ipv6
from seaway.dns.names import NameServers
from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.host import HostDriver
from seaway.drivers.ipvlan import IpvlanDriver
from seaway.drivers.macvlan import MacvlanDriver
from seaway.drivers.null import NullDriver
from seaway.engine.engine import Engine, engine_over
from seaway.faults import Faults, NoFaults
from seaway.kernel.descriptors import reserve
from seaway.kernel.hostports import SocketHostPorts
from seaway.kernel.linux import LinuxKernel
from seaway.kernel.mark import only_daemon
from seaway.logs import set_up
from seaway.model.errors import EngineError, InvalidRequest, Unavailable, leaves
from seaway.plan.listening import TcpAddress, plain_warning
from seaway.plan.netns import NetnsPaths
from seaway.plan.subnets import AddressPool
from seaway.runtime.conmon import ConmonRuntime
from seaway.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

ULA = "ula"
"""The name of the fact in which the store keeps the host's own IPv6 prefix."""


LOCK = "seaway.lock"
"""File of the data directory that a running daemon holds, with its process id."""
HOME = "home"
"""File of the data directory that says in which network namespace the daemon runs."""


class SystemClock:
    """The time of the host."""

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that runs, joined."""

    engine: Engine
    store: SqliteStore
    kernel: LinuxKernel
    runtime: ConmonRuntime
    paths: NetnsPaths


@asynccontextmanager
async def world(config: Config) -> AsyncGenerator[World]:
    """All parts, joined and restored; ending it leaves the traffic of running sandboxes alone."""
    steps: Steps = Faults(config.test_fault) if config.test_fault else NoFaults()
    paths = NetnsPaths(run_dir=config.run_dir)
    async with AsyncExitStack() as stack:
        store = SqliteStore(config.data_dir / "seaway.db", steps, power_safe=config.power_safe)
        stack.callback(store.close)
        kernel = LinuxKernel(steps)
        stack.push_async_callback(kernel.close)
        names = NameServers(kernel, steps, resolv_conf=config.resolv_conf)
        runtime = ConmonRuntime(config.run_dir, config.data_dir, steps, mask=config.sockets)
        leases4 = LeaseClients(Ipv4(kernel), steps)
        leases6 = LeaseClients(Ipv6(kernel), steps)
        engine = engine_over(
            store=store,
            kernel=kernel,
            names=await stack.enter_async_context(names),
            host_ports=SocketHostPorts(steps, lambda owner: store.sandbox(owner).name),
            runtime=runtime,
            leases4=await stack.enter_async_context(leases4),
            leases6=await stack.enter_async_context(leases6),
            drivers=[BridgeDriver(), MacvlanDriver(), IpvlanDriver(), HostDriver(), NullDriver()],
            clock=SystemClock(),
            paths=paths,
            pools=(*config.default_address_pools, await own_prefix(store)),
            names_at_gateways=config.names_at_gateways,
            tasks=await stack.enter_async_context(cancelled_at_end()),
        )
        await engine.recovery.restore()
        await engine.networks.create_predefined(config.default_network.wish())
        yield World(engine=engine, store=store, kernel=kernel, runtime=runtime, paths=paths)


@asynccontextmanager
async def cancelled_at_end() -> AsyncGenerator[asyncio.TaskGroup]:
    """A task group whose tasks (they wait for processes to end) are cancelled when the block ends."""

    async def end() -> None:
        raise _End

    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
            tasks.create_task(end())
    except* _End:
        log.debug("tasks ended")


class _End(Exception):
    """The block is over: the tasks are cancelled."""


async def own_prefix(store: SqliteStore) -> AddressPool:
    """The host's own unique local prefix, made once (RFC 4193 section 3.2.2); /64 for each network."""
    text = store.fact(ULA)
    if text is None:
        number = 0xFD << 120 | secrets.randbits(40) << 80
        text = str(IPv6Network((number, 48)))
        await store.keep_fact(ULA, text)
    return AddressPool(base=IPv6Network(text), size=64)


@contextmanager
def alone(config: Config) -> Generator[None]:
    """Be the only daemon on the data directory and in the network namespace; raises Unavailable.

    Who is refused leaves nothing behind: the directory is made last. One that was locked before is
    tried first, since its lock says whose it is.
    """
    guards = [only_daemon(), locked(config.data_dir)]
    if (config.data_dir / LOCK).exists():
        guards.reverse()
    with guards[0], guards[1]:
        yield


@contextmanager
def locked(data_dir: Path) -> Generator[None]:
    """Be the only daemon on *data_dir*, which is made; raises Unavailable."""
    with usable(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = (data_dir / LOCK).open("a+")
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Unavailable(
                f"another daemon (pid {lock.read().strip() or 'unknown'}) uses {data_dir}: "
                "end it first"
            ) from None
        with usable(data_dir):
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield


@contextmanager
def usable(path: Path) -> Generator[None]:
    """Raise Unavailable where a file in *path* cannot be made or written."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path} cannot be used: {error.strerror or error}") from None


async def serve(given: Settings) -> bool:
    """Run until SIGTERM, SIGINT or a purge; gives whether it was a purge."""
    config, stop, purged = given.config, asyncio.Event(), False
    certificates = certificates_of(config)
    with usable(config.data_dir):
        (config.data_dir / HOME).write_text(home_text())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with world(config) as all_:

        async def take_everything() -> Sequence[str]:
            nonlocal purged
            done = await all_.engine.purge.everything()
            purged = True
            return done

        parts = Parts(
            engine=all_.engine,
            store=all_.store,
            kernel=all_.kernel,
            runtime=all_.runtime,
            clock=SystemClock(),
            paths=all_.paths,
            facts=facts(given),
            purge=take_everything,
            end=stop.set,
            notices=partial(notices, config, certificates),
        )
        sockets = listening(config.addresses, config.group, tls=config.tlsverify)
        log.info("listening", extra={"socket": parts.facts.socket})
        for text in parts.notices():
            log.warning(text)
        await Server(parts).serve(sockets, stop, certificates)
    log.info("purged and ended" if purged else "ended; sandboxes run on")
    return purged


def certificates_of(config: Config) -> Certificates | None:
    """What TCP is secured with; raises Unavailable when the files are no good."""
    if not config.tlsverify:
        return None
    files = CertificateFiles(ca=config.tlscacert, cert=config.tlscert, key=config.tlskey)
    return Certificates(files)


def notices(config: Config, certificates: Certificates | None) -> Sequence[str]:
    """What is to be warned of in the way the daemon is reached."""
    plain = [plain_warning(address) for address in config.plain]
    return [*plain, *(certificates.warnings() if certificates else ())]


def facts(given: Settings) -> DaemonFacts:
    """What the daemon says of itself."""
    return DaemonFacts(
        version=__version__,
        started=time.time_ns(),
        socket=_url(given.config.addresses[0]),
        run_dir=given.config.run_dir,
        data_dir=given.config.data_dir,
        settings=given.shown,
    )


def _url(address: Path | TcpAddress) -> str:
    return f"unix://{address}" if isinstance(address, Path) else str(address)


async def purge(config: Config) -> bool:
    """Take every trace off the host, without answering anybody."""
    refuse_stranger(config)
    async with world(config) as all_:
        for line in await all_.engine.purge.everything():
            sys.stdout.write(f"{line}\n")
    return True


def refuse_stranger(config: Config) -> None:
    """Refuse to purge for a daemon of another network namespace; raises InvalidRequest.

    Its namespace is known by its number as long as the machine runs.
    """
    path = config.data_dir / HOME
    if path.exists() and path.read_text() not in {"", home_text()}:
        raise InvalidRequest(
            f"{config.data_dir} belongs to a daemon of another network namespace (or of an earlier "
            f"boot): purge where it ran, or remove {path} if that is gone, and purge again"
        )


def home_text() -> str:
    """Which network namespace this is: the boot, and the namespace's number in it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.stat('/proc/thread-self/ns/net').st_ino}\n"  # noqa: PTH116


def remove_directories(config: Config) -> None:
    """The last traces: what the daemon kept on disk, and, when all is done, its sockets."""
    for path in (config.run_dir, config.data_dir):
        shutil.rmtree(path, ignore_errors=True)
    if "LISTEN_FDS" in os.environ:
        return  # systemd goes on listening there
    for path in config.sockets:
        path.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; gives its exit status."""
    failures: list[str] = []
    try:
        given = settings(sys.argv[1:] if arguments is None else arguments)
        set_up(given.config.log_format, given.config.log_level)
        _refuse_without_root()
        _raise_descriptor_limit()
        reserve.fill()
        with alone(given.config):
            if asyncio.run(purge(given.config) if given.purge else serve(given)):
                remove_directories(given.config)
    except* EngineError as errors:
        failures = [str(error) for error in leaves(errors)]
    for failure in failures:
        sys.stderr.write(f"seaway daemon: {failure}\n")
    return 1 if failures else 0


def _refuse_without_root() -> None:
    if os.geteuid() != 0:
        raise Unavailable("it makes links, namespaces and rules, so it must run as root: use sudo")


def _raise_descriptor_limit() -> None:
    """As many descriptors as the host lets us have: each held port takes one or two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
