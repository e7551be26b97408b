"""How a sandbox looks as a container of the Engine API."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from msgspec import UNSET, UnsetType

from seaway.api import moments, wire
from seaway.api.parts import Parts
from seaway.contracts import Store
from seaway.model.endpoint import Endpoint
from seaway.model.errors import NotFound
from seaway.model.ids import IfName
from seaway.model.network import Network, Reach
from seaway.model.port import ExposedPort, PublishedPort
from seaway.model.sandbox import Mount, Netns, Process, Sandbox, State
from seaway.plan.firewall import is_direct
from seaway.plan.wiring import VERSIONS, Attachment, Wiring, gateway, reach, target, ways_in, wired
from seaway.plan.zone import names_of

ANY = {4: "0.0.0.0", 6: "::"}
"""All addresses of the host, by family."""
PAUSED = "paused"
_NO_PROCESS = Process(args=())


def kind(sandbox: Sandbox) -> str:
    """``process``, ``namespace``, ``adopted``, ``shared`` or ``host``."""
    match sandbox.netns:
        case Netns.ADOPTED | Netns.SHARED | Netns.HOST:
            return sandbox.netns.value
        case Netns.OWN | Netns.NONE:
            return "process" if sandbox.process else "namespace"


@dataclass(frozen=True)
class Hanging:
    """A sandbox with the networks it is on, live or not, in the order of connecting."""

    sandbox: Sandbox
    ends: tuple[tuple[Network, Endpoint], ...]

    @property
    def wiring(self) -> Wiring:
        """How it hangs now."""
        return wired(self.sandbox, (Attachment(network=n, endpoint=e) for n, e in self.ends))

    @cached_property
    def ways(self) -> Mapping[int, Reach]:
        """Where published ports that lead into it are reached, by family."""
        wiring = self.wiring
        return {v: reach(wiring, v) for v in ways_in(wiring)}

    def own_address(self, version: int) -> str:
        """Its address at which published ports are reached where the host translates none."""
        return str(target(self.wiring, version) or "")


def hanging(store: Store, sandbox: Sandbox) -> Hanging:
    """*sandbox* with its networks; those removed while it was stopped are left out."""
    return Hanging(sandbox, tuple(_ends(store, sandbox)))


def _ends(store: Store, sandbox: Sandbox) -> Iterator[tuple[Network, Endpoint]]:
    for endpoint in store.endpoints_of(sandbox.id):
        try:
            yield store.network(endpoint.network), endpoint
        except NotFound:
            continue


# Ports


def host_addresses(port: PublishedPort, ways: Mapping[int, Reach]) -> list[str]:
    """The host's addresses on which *port* is, one for each family in which the host has it."""
    if port.host is None:
        return [ANY[v] for v, way in ways.items() if way is Reach.HOST]
    return [] if ways.get(port.host.version) is Reach.OWN else [str(port.host)]


def direct_versions(port: PublishedPort, ways: Mapping[int, Reach]) -> list[int]:
    """The families in which *port* is reached at the sandbox's own address."""
    return [v for v, way in ways.items() if way is Reach.OWN and is_direct(port, v)]


def single_ports(port: PublishedPort | ExposedPort) -> list[str]:
    """``80/tcp`` for each of a range."""
    return [f"{port.port + n}/{port.proto}" for n in range(port.count)]


def bound_ports(found: Hanging) -> dict[str, list[wire.ShownBinding] | None]:
    """Where each published port is; None for ports that are only exposed."""
    sandbox, ways = found.sandbox, found.ways
    if not sandbox.running:
        return {}
    bindings: dict[str, list[wire.ShownBinding] | None] = {
        key: None for port in sandbox.exposed for key in single_ports(port)
    }
    for port in sandbox.status.published:
        hosts = host_addresses(port, ways)
        direct = [
            wire.ShownBinding(host_ip=ANY[v], host_port="") for v in direct_versions(port, ways)
        ]
        for n, key in enumerate(single_ports(port)):
            there = bindings.get(key) or []
            number = str(port.host_port + n)
            held = [wire.ShownBinding(host_ip=h, host_port=number) for h in hosts]
            bindings[key] = [*there, *held, *(d for d in direct if d not in there)]
    return bindings


def _asked_ports(sandbox: Sandbox) -> dict[str, list[wire.ShownBinding]]:
    found: dict[str, list[wire.ShownBinding]] = {}
    for port in sandbox.ports:
        for n, key in enumerate(single_ports(port)):
            number = str(port.host_port + n) if port.host_port else ""
            binding = wire.ShownBinding(host_ip=str(port.host or ""), host_port=number)
            found.setdefault(key, []).append(binding)
    return found


def _port_summaries(found: Hanging) -> list[wire.PortSummary]:
    return [
        summary
        for key, bindings in bound_ports(found).items()
        for summary in _summaries_of(key, bindings)
    ]


def _summaries_of(key: str, bindings: list[wire.ShownBinding] | None) -> Iterator[wire.PortSummary]:
    port, _, proto = key.partition("/")
    if not bindings:
        yield wire.PortSummary(private_port=int(port), type=proto)
    for b in bindings or ():
        number = int(b.host_port) if b.host_port else UNSET
        yield wire.PortSummary(ip=b.host_ip, private_port=int(port), public_port=number, type=proto)


# Endpoints


def endpoint(
    found: Hanging, network: Network, end: Endpoint, drops: Mapping[IfName, int] | None = None
) -> wire.Endpoint:
    """One endpoint as its container sees it; what it has only while live is empty else.

    *drops*: what the source guard dropped, by link; None: it is not shown.
    """
    sandbox, wish = found.sandbox, end.wish
    place = end.place if end.live else None
    v4, v6 = (
        next((a for a in place.interfaces if a.version == v), None) if place else None
        for v in VERSIONS
    )
    attachment = Attachment(network=network, endpoint=end)
    ways = {v: str(gateway(attachment, v) or "") if place else "" for v in VERSIONS}
    return wire.Endpoint(
        ipam_config=_asked_addresses(end),
        aliases=[*wish.aliases] or None,
        short_id=UNSET if network.predefined else sandbox.short_id,
        mac_address=(place.mac or "") if place else (wish.mac or ""),
        driver_opts=dict(wish.options) or None,
        gw_priority=wish.gw_priority,
        network_id=network.id if sandbox.status.started else "",
        endpoint_id=end.id if end.live else "",
        gateway=ways[4],
        ip_address=str(v4.ip) if v4 else "",
        ip_prefix_len=v4.network.prefixlen if v4 else 0,
        ipv6_gateway=ways[6],
        global_ipv6_address=str(v6.ip) if v6 else "",
        global_ipv6_prefix_len=v6.network.prefixlen if v6 else 0,
        dns_names=[*names_of(sandbox, end)] if sandbox.has_networks else None,
        drops=UNSET if place is None or drops is None else drops.get(end.link, 0),
    )


def _asked_addresses(end: Endpoint) -> wire.ShownEndpointIpam | None:
    if not end.wish.addresses:
        return None
    asked = {a.version: str(a) for a in end.wish.addresses}
    return wire.ShownEndpointIpam(ipv4_address=asked.get(4, ""), ipv6_address=asked.get(6, ""))


def endpoints(
    found: Hanging, drops: Mapping[IfName, int] | None = None
) -> dict[str, wire.Endpoint]:
    """The endpoints by their networks' names."""
    return {network.name: endpoint(found, network, end, drops) for network, end in found.ends}


def _listed_endpoints(found: Hanging) -> dict[str, wire.Endpoint]:
    """In a list without its names and options, as Docker lists them."""
    shown = endpoints(found)
    for each in shown.values():
        each.aliases = each.driver_opts = each.dns_names = None
        each.short_id = UNSET
    return shown


# Whole containers


class Inspection:
    """Makes the API's pictures of sandboxes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def container(self, sandbox: Sandbox, drops: Mapping[IfName, int]) -> wire.Container:
        """All of it, as ``docker inspect`` shows it; *drops* of the source guard, by link."""
        process = sandbox.process or _NO_PROCESS
        found, files = hanging(self._parts.store, sandbox), self._parts.runtime.files(sandbox.id)
        return wire.Container(
            id=sandbox.id,
            created=moments.shown(sandbox.created),
            path=process.args[0] if process.args else "",
            args=list(process.args[1:]),
            state=self._state(sandbox),
            image=sandbox.image,
            resolv_conf_path=str(files.resolv_conf or ""),
            hostname_path=str(files.hostname or ""),
            hosts_path=str(files.hosts or ""),
            log_path=str(files.log or ""),
            name=f"/{sandbox.name}",
            exec_ids=[*self._parts.engine.execs.of(sandbox.id)] or None,
            host_config=_host_config(sandbox, process),
            mounts=[_mount(m) for m in process.mounts],
            config=_config(found, process),
            network_settings=self._network_settings(found, drops),
        )

    def summary(self, sandbox: Sandbox) -> wire.ContainerSummary:
        """In a list, as ``docker ps`` shows it."""
        process = sandbox.process or _NO_PROCESS
        found = hanging(self._parts.store, sandbox)
        return wire.ContainerSummary(
            id=sandbox.id,
            names=[f"/{sandbox.name}"],
            image=sandbox.image,
            command=shlex.join(process.args),
            created=sandbox.created // moments.SECOND,
            ports=_port_summaries(found),
            labels=dict(sandbox.labels),
            state=(state := self.state(sandbox)),
            status=status(sandbox, self._parts.clock.now(), paused=state == PAUSED),
            host_config=wire.ModeSummary(network_mode=mode(sandbox)),
            network_settings=wire.NetworkSummary(networks=_listed_endpoints(found)),
            mounts=[_mount(m) for m in process.mounts],
        )

    def state(self, sandbox: Sandbox) -> str:
        """Docker's word for where it stands: one whose processes are held still is ``paused``."""
        held = sandbox.running and sandbox.process and self._parts.runtime.paused(sandbox.id)
        return PAUSED if held else sandbox.status.state.value

    def netns(self, sandbox: Sandbox) -> str:
        """Where people find its network namespace; empty while there is none of its own."""
        if not sandbox.running or sandbox.netns is Netns.HOST:
            return ""
        if sandbox.shares is not None:
            try:
                return self.netns(self._parts.store.sandbox(sandbox.shares))
            except NotFound:
                return ""
        return str(self._parts.paths.named(sandbox.name))

    def _state(self, sandbox: Sandbox) -> wire.ContainerState:
        now = sandbox.status
        pid = self._parts.runtime.pid(sandbox.id) if sandbox.running and sandbox.process else None
        return wire.ContainerState(
            status=(state := self.state(sandbox)),
            running=sandbox.running,
            paused=state == PAUSED,
            pid=pid or 0,
            exit_code=now.exit_code,
            error=now.error,
            started_at=moments.shown(now.started),
            finished_at=moments.shown(now.finished),
        )

    def _network_settings(
        self, found: Hanging, drops: Mapping[IfName, int]
    ) -> wire.NetworkSettings:
        sandbox = found.sandbox
        key = self.netns(sandbox)
        settings = wire.NetworkSettings(
            sandbox_id=sandbox.id if key else "",
            sandbox_key=key,
            ports=bound_ports(found),
            networks=endpoints(found, drops),
        )
        for network, end in found.ends:
            if network.predefined and network.name == "bridge":
                _copy_old_members(settings, endpoint(found, network, end))
        return settings


def _copy_old_members(settings: wire.NetworkSettings, place: wire.Endpoint) -> None:
    """The place on the default bridge, where old clients look for it."""
    settings.endpoint_id, settings.mac_address = place.endpoint_id, place.mac_address
    settings.gateway, settings.ipv6_gateway = place.gateway, place.ipv6_gateway
    settings.ip_address, settings.ip_prefix_len = place.ip_address, place.ip_prefix_len
    settings.global_ipv6_address = place.global_ipv6_address
    settings.global_ipv6_prefix_len = place.global_ipv6_prefix_len


def status(sandbox: Sandbox, now: int, *, paused: bool = False) -> str:
    """``Up 2 seconds``, ``Up 2 minutes (Paused)``, ``Exited (137) About an hour ago``, ``Created``."""
    match sandbox.status.state:
        case State.CREATED:
            return "Created"
        case State.RUNNING:
            return f"Up {moments.in_words(now - sandbox.status.started)}" + " (Paused)" * paused
        case State.EXITED:
            ago = moments.in_words(now - sandbox.status.finished)
            return f"Exited ({sandbox.status.exit_code}) {ago} ago"


def mode(sandbox: Sandbox) -> str:
    """The network mode, with the whole id of a sandbox whose namespace is shared."""
    if sandbox.shares is not None:
        return f"container:{sandbox.shares}"
    return sandbox.network_mode


def _host_config(sandbox: Sandbox, process: Process) -> wire.ShownHostConfig:
    return wire.ShownHostConfig(
        binds=[_bind(m) for m in process.mounts] or None,
        network_mode=mode(sandbox),
        port_bindings=_asked_ports(sandbox),
        auto_remove=sandbox.auto_remove,
        console_size=process.console_size or (0, 0),
        cap_add=[*process.cap_add] or None,
        cap_drop=[*process.cap_drop] or None,
        dns=[str(a) for a in sandbox.dns.servers],
        dns_options=[*sandbox.dns.options],
        dns_search=[*sandbox.dns.search],
        extra_hosts=[f"{h.name}:{h.address or 'host-gateway'}" for h in sandbox.extra_hosts]
        or None,
        publish_all_ports=sandbox.publish_all,
        readonly_rootfs=not process.rootfs,
    )


def _config(found: Hanging, process: Process) -> wire.ShownConfig:
    sandbox = found.sandbox
    ports: tuple[PublishedPort | ExposedPort, ...] = (*sandbox.exposed, *sandbox.ports)
    exposed = {key for port in ports for key in single_ports(port)}
    return wire.ShownConfig(
        hostname=sandbox.hostname,
        user=process.user,
        attach_stdin=process.stdin_open,
        exposed_ports={key: wire.Nothing() for key in sorted(exposed)} or UNSET,
        tty=process.tty,
        open_stdin=process.stdin_open,
        stdin_once=process.stdin_once,
        env=[*process.env],
        cmd=[*process.args] or None,
        image=sandbox.image,
        working_dir=process.cwd if sandbox.process else "",
        mac_address=_asked_mac(found),
        labels=dict(sandbox.labels),
        stop_signal=process.stop_signal,
        stop_timeout=process.stop_timeout,
    )


def _asked_mac(found: Hanging) -> str | UnsetType:
    """The MAC address that was asked for on the network of the network mode."""
    mode = found.sandbox.network_mode
    macs = (end.wish.mac for n, end in found.ends if mode and mode in {n.name, n.id[: len(mode)]})
    return next(macs, None) or UNSET


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}" + (":ro" if mount.read_only else "")


def _mount(mount: Mount) -> wire.ShownMount:
    return wire.ShownMount(
        source=mount.source,
        destination=mount.target,
        mode="ro" if mount.read_only else "",
        rw=not mount.read_only,
    )
