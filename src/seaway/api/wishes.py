"""From what clients ask for, in Docker's words, to wishes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seaway.api import wire
from seaway.api.query import LEAST, MOST
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import Forbidden, InvalidRequest, NotFound
from seaway.model.ids import (
    SIGTERM,
    Address,
    DnsName,
    NetworkId,
    Prefix,
    address,
    dns_name,
    host_name,
    ifname,
    mac,
    network_name,
    resolver_option,
    sandbox_name,
    shown,
    signal,
)
from seaway.model.network import Network, NetworkChange, NetworkWish, SubnetWish
from seaway.model.port import ExposedPort, PublishedPort
from seaway.model.sandbox import DnsSettings, ExtraHost, Mount, Process, SandboxWish
from seaway.plan.linksysctls import OPTION as SYSCTLS
from seaway.plan.linksysctls import link_sysctls
from seaway.plan.portspec import (
    bound_ports,
    coalesced,
    exposed_ports,
    published_ports,
    source_prefixes,
)
from seaway.plan.subnets import subnet_prefix

FindNetwork = Callable[[str], Network]
Endpoints = Mapping[str, wire.EndpointConfig | None]

IFNAME = "com.docker.network.endpoint.ifname"
SOURCE_GUARD = "seaway.source_guard"
ALLOWED_ADDRESSES = "seaway.allowed_addresses"
_HOSTNAME_LIMIT = 64
"""Bytes (linux/utsname.h)."""
_WORD_LIMIT = 128 << 10
"""Bytes of one word, with the zero at its end (MAX_ARG_STRLEN in linux/binfmts.h)."""
_SIZES = 1 << 16
"""Rows and columns of a terminal are less (struct winsize)."""
HOST_IMAGE = "host"
"""The image that is the host's own file system."""


def pairs(labels: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Labels or options, in the order given."""
    return tuple((labels or {}).items())


# Networks


def network_wish(asked: wire.NetworkCreate) -> NetworkWish:
    """A network as *asked* for; raises InvalidRequest, NotFound, Forbidden."""
    _refuse_swarm(asked)
    ipam = asked.ipam or wire.Ipam()
    if ipam.driver not in {None, "", "default"}:
        raise NotFound(f'plugin "{ipam.driver}" not found; the only one that chooses is default')
    return NetworkWish(
        name=network_name(asked.name or ""),
        driver=asked.driver or "bridge",
        ipv4=asked.enable_ipv4 is not False,
        ipv6=bool(asked.enable_ipv6),
        subnets=tuple(_subnet_wish(c) for c in ipam.config or () if _says_something(c)),
        internal=bool(asked.internal),
        attachable=bool(asked.attachable),
        labels=pairs(asked.labels),
        options=pairs(asked.options),
        ipam_options=None if ipam.options is None else pairs(ipam.options),
        config_only=bool(asked.config_only),
        config_from=(asked.config_from.network or "") if asked.config_from else "",
    )


def network_change(asked: wire.NetworkUpdate) -> NetworkChange:
    """A change of a network as *asked* for; raises InvalidRequest."""
    for config in asked.add_subnets or ():
        if not config.subnet:
            raise InvalidRequest("AddSubnets: each has a Subnet, such as 10.77.0.0/24 or fd77::/64")
    return NetworkChange(
        name=network_name(asked.name) if asked.name is not None else None,
        add_subnets=tuple(_subnet_wish(c) for c in asked.add_subnets or ()),
        internal=asked.internal,
        labels=tuple((asked.labels or {}).items()),
        options=tuple((asked.options or {}).items()),
    )


NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)
"""Docker's words. There is no swarm to connect to: networks across hosts are made without one."""


def _refuse_swarm(asked: wire.NetworkCreate) -> None:
    if asked.ingress or asked.driver == "overlay":
        raise Forbidden(f"{NO_SWARM} Seaway has no swarm")
    if asked.scope not in {None, "", "local"}:
        raise Forbidden(f"cannot create a {asked.scope} scoped network when swarm is not active")
    if asked.config_only and asked.scope:
        raise Forbidden("a configuration network has no scope: say it of the networks made from it")


def _says_something(config: wire.IpamConfig) -> bool:
    return bool(config.subnet or config.ip_range or config.gateway or config.auxiliary_addresses)


def _subnet_wish(config: wire.IpamConfig) -> SubnetWish:
    return SubnetWish(
        prefix=_prefix(config.subnet) if config.subnet else None,
        gateway=address(config.gateway) if config.gateway else None,
        range=_prefix(config.ip_range) if config.ip_range else None,
        auxiliary=tuple((n, address(a)) for n, a in pairs(config.auxiliary_addresses)),
    )


_BITS = {False: 32, True: 128}


def _prefix(text: str) -> Prefix:
    """*text* as a subnet; what cannot be one at all is told in the words of Docker's own reader."""
    _, slash, length = text.rpartition("/")
    wrong = f'invalid JSON: netip.ParsePrefix("{shown(text)}")'
    if not slash:
        raise InvalidRequest(f"{wrong}: no '/'; it should be like 10.77.0.0/24 or fd77::/64")
    if length.isdecimal() and length.isascii() and int(length[:4]) > _BITS[":" in text]:
        most = _BITS[":" in text]
        raise InvalidRequest(f"{wrong}: prefix length out of range; it is {most} at most")
    return subnet_prefix(text)


# Endpoints


def endpoint_wish(asked: wire.EndpointConfig | None) -> EndpointWish:
    """An endpoint as *asked* for; raises InvalidRequest."""
    if asked is None:
        return EndpointWish()
    _refuse_links(asked.links)
    options = asked.driver_opts or {}
    for key in options:
        if key.startswith("seaway.") and key not in {SOURCE_GUARD, ALLOWED_ADDRESSES}:
            raise InvalidRequest(
                f"invalid endpoint settings:\nunknown driver option {key}; "
                f"Seaway's own are {SOURCE_GUARD} and {ALLOWED_ADDRESSES}"
            )
    return EndpointWish(
        addresses=_fixed_addresses(asked.ipam_config or wire.EndpointIpam()),
        mac=mac(asked.mac_address) if asked.mac_address else None,
        ifname=ifname(options[IFNAME]) if options.get(IFNAME) else None,
        aliases=tuple(dict.fromkeys(dns_name(a, "alias") for a in asked.aliases or ())),
        gw_priority=_priority(asked.gw_priority or 0),
        source_guard=_guard(options.get(SOURCE_GUARD)),
        allowed_addresses=_allowed(options.get(ALLOWED_ADDRESSES, "")),
        sysctls=link_sysctls(options.get(SYSCTLS, "")),
        options=pairs(options),
    )


def _refuse_links(links: Iterable[str] | None) -> None:
    if links:
        raise InvalidRequest(
            "links are not supported: containers on one network find each other by name; "
            "for another name give --network-alias"
        )


def _priority(number: int) -> int:
    if not LEAST <= number <= MOST:
        raise InvalidRequest(
            "invalid endpoint settings:\nGwPriority is a number of 64 bits, and the highest wins"
        )
    return number


def _fixed_addresses(asked: wire.EndpointIpam) -> tuple[Address, ...]:
    if asked.link_local_ips:
        raise InvalidRequest(
            "invalid endpoint settings:\nfurther link-local addresses are not supported; "
            f"allow them for the container by the driver option {ALLOWED_ADDRESSES}"
        )
    return tuple(
        _of_version(text, version)
        for text, version in ((asked.ipv4_address, 4), (asked.ipv6_address, 6))
        if text
    )


def _of_version(text: str, version: int) -> Address:
    found = address(text)
    if found.version != version:
        raise InvalidRequest(
            f"invalid endpoint settings:\n{text} is an IPv{found.version} address, not IPv{version}"
        )
    return found


def _guard(text: str | None) -> bool | None:
    if text is None or text == "":
        return None
    if text.lower() not in {"true", "1", "false", "0"}:
        raise InvalidRequest(f"option {SOURCE_GUARD}={text}: it is true or false")
    return text.lower() in {"true", "1"}


def _allowed(text: str) -> tuple[Prefix, ...]:
    return source_prefixes(part for part in text.split(",") if part.strip())


# Sandboxes


def container_wish(name: str, asked: wire.ContainerCreate, find: FindNetwork) -> SandboxWish:
    """A sandbox as *asked* for; raises InvalidRequest, NotFound (image, network), Forbidden."""
    host = asked.host_config or wire.HostConfig()
    _refuse_links(host.links)
    mode = "none" if asked.network_disabled else _mode(host.network_mode)
    return SandboxWish(
        name=sandbox_name(name) if name else None,
        network_mode=mode,
        endpoints=_endpoints(mode, asked, find),
        hostname=_hostname(asked) if asked.hostname else _default_hostname(mode),
        labels=pairs(asked.labels),
        dns=_dns(host),
        extra_hosts=tuple(_extra_host(text) for text in host.extra_hosts or ()),
        ports=_ports(host),
        exposed=_exposed(asked),
        publish_all=bool(host.publish_all_ports),
        process=_process(asked, host),
        auto_remove=bool(host.auto_remove),
    )


def _hostname(asked: wire.ContainerCreate) -> DnsName:
    """The name with its domain; raises InvalidRequest for what Linux would not take (HOST_NAME_MAX)."""
    domain = f".{asked.domainname}" if asked.domainname else ""
    name = host_name(f"{asked.hostname}{domain}", "hostname")
    if len(name) > _HOSTNAME_LIMIT:
        raise InvalidRequest(
            f"invalid hostname {shown(name)!r}: it has {len(name)} characters, "
            f"and Linux takes {_HOSTNAME_LIMIT}"
        )
    return dns_name(name, "hostname")


def _default_hostname(mode: str) -> DnsName | None:
    """None: the engine finds one. On the host's network it is the host's, as with Docker."""
    return dns_name(socket.gethostname(), "hostname") if mode == "host" else None


def namespace_wish(asked: wire.SandboxCreate, find: FindNetwork) -> SandboxWish:
    """A sandbox without a process, as *asked* for; raises InvalidRequest, NotFound."""
    if asked.netns and (not asked.netns.startswith("/") or "\0" in asked.netns):
        raise InvalidRequest(
            f"invalid network namespace {asked.netns!r}: it is an absolute path such as "
            "/proc/1234/ns/net or /run/netns/name"
        )
    config = (asked.networking_config or wire.NetworkingConfig()).endpoints_config or {}
    return SandboxWish(
        name=sandbox_name(asked.name) if asked.name else None,
        network_mode="",
        endpoints=tuple((find(ref).id, endpoint_wish(e)) for ref, e in config.items()),
        adopt=Path(asked.netns) if asked.netns else None,
        labels=pairs(asked.labels),
    )


def warnings(asked: wire.ContainerCreate) -> list[str]:
    """What of *asked* will not be as a user of Docker expects."""
    host = asked.host_config or wire.HostConfig()
    policy = host.restart_policy.name if host.restart_policy else None
    mode = _mode(host.network_mode)
    found: list[str] = []
    if policy not in {None, "", "no"}:
        found.append(
            f"restart policy {policy} is ignored: Seaway starts no container again by itself"
        )
    if host.privileged:
        found.append("privileged is ignored: give single capabilities by --cap-add")
    if mode in {"host", "none"} and (host.port_bindings or host.port_specs):
        found.append(f"Published ports are discarded when using {mode} network mode")
    if flags := ", ".join(_without_effect(asked, host)):
        found.append(f"without effect in Seaway: {flags}")
    return found


def _without_effect(asked: wire.ContainerCreate, host: wire.HostConfig) -> list[str]:
    """The flags of docker for what was asked for and will not be."""
    values = {
        "--cpus": host.nano_cpus,
        "--device": host.devices,
        "--init": host.init,
        "--memory": host.memory,
        "--pid": host.pid_mode,
        "--pids-limit": host.pids_limit,
        "--read-only": host.readonly_rootfs,
        "--security-opt": host.security_opt,
        "--shm-size": host.shm_size,
        "--sysctl": host.sysctls,
        "--tmpfs": host.tmpfs,
        "--ulimit": host.ulimits,
        "--volume without a directory of the host": asked.volumes,
        "--volumes-from": host.volumes_from,
    }
    return [flag for flag, value in values.items() if value]


def _mode(text: str | None) -> str:
    return "bridge" if text in {None, "", "default"} else str(text)


def _endpoints(
    mode: str, asked: wire.ContainerCreate, find: FindNetwork
) -> tuple[tuple[str, EndpointWish], ...]:
    """Networks by id: that of the network mode first, then the others in the order given."""
    config = (asked.networking_config or wire.NetworkingConfig()).endpoints_config or {}
    if mode.startswith("container:"):
        return ()
    first = _network(mode, find)
    wishes = {first: EndpointWish()}
    for ref, endpoint in config.items():
        wishes[_network(_mode(ref), find)] = endpoint_wish(endpoint)
    if asked.mac_address:
        wishes[first] = _with_mac(wishes[first], asked.mac_address)
    return tuple(wishes.items())


def _network(ref: str, find: FindNetwork) -> NetworkId:
    """The network *ref*; raises InvalidRequest, since clients take a 404 for a missing image."""
    try:
        return find(ref).id
    except NotFound as error:
        raise InvalidRequest(str(error)) from None


def _with_mac(wish: EndpointWish, text: str) -> EndpointWish:
    if wish.mac not in {None, mac(text)}:
        raise InvalidRequest(
            f"conflicting MAC addresses: {text} for the container, {wish.mac} for its endpoint"
        )
    return replace(wish, mac=mac(text))


def _dns(host: wire.HostConfig) -> DnsSettings:
    return DnsSettings(
        servers=tuple(address(text) for text in host.dns or ()),
        search=tuple(_search_domain(text) for text in host.dns_search or ()),
        options=tuple(resolver_option(text) for text in host.dns_options or ()),
    )


def _search_domain(text: str) -> str:
    """A domain; a dot alone stands for none at all."""
    return text if text == "." else host_name(text, "search domain")


def _extra_host(text: str) -> ExtraHost:
    """``name:address``, ``name=address``; an IPv6 address with or without brackets."""
    cuts = [at for at in (text.find(":"), text.find("=")) if at > 0]
    name, value = (text[: min(cuts)], text[min(cuts) + 1 :]) if cuts else ("", "")
    if not name or not value:
        raise InvalidRequest(f"invalid extra host {shown(text)!r}: it is NAME:ADDRESS")
    host_name(name, "extra host")
    if value == "host-gateway":
        return ExtraHost(name=name, address=None)
    return ExtraHost(name=name, address=address(value.removeprefix("[").removesuffix("]")))


def _ports(host: wire.HostConfig) -> tuple[PublishedPort, ...]:
    bindings = {
        key: [(b.host_ip or "", b.host_port or "") for b in places or ()]
        for key, places in (host.port_bindings or {}).items()
    }
    return coalesced((*published_ports(host.port_specs or ()), *bound_ports(bindings)))


def _exposed(asked: wire.ContainerCreate) -> tuple[ExposedPort, ...]:
    return exposed_ports((*(asked.exposed_ports or ()), *(asked.expose_specs or ())))


def words(command: list[str] | str | None) -> tuple[str, ...]:
    """A command in either of Docker's two forms; raises InvalidRequest for what none can have."""
    if isinstance(command, str):
        command = [command] if command else []
    for text in command or ():
        if "\0" in text or len(text.encode()) >= _WORD_LIMIT:
            raise InvalidRequest(
                f"invalid word {shown(text)!r} of the command: Linux takes less than "
                f"{_WORD_LIMIT >> 10} KB, and no zero byte"
            )
    return tuple(command or ())


def _process(asked: wire.ContainerCreate, host: wire.HostConfig) -> Process:
    args = (*words(asked.entrypoint), *words(asked.cmd))
    if not args:
        raise InvalidRequest("no command specified")
    return Process(
        args=args,
        env=environment(asked.env),
        cwd=directory(asked.working_dir) or "/",
        user=asked.user or "",
        tty=bool(asked.tty),
        console_size=console_size(host.console_size),
        stdin_open=bool(asked.open_stdin),
        stdin_once=bool(asked.stdin_once),
        mounts=(*map(_bind, _binds(asked, host)), *map(_mount, host.mounts or ())),
        cap_add=tuple(host.cap_add or ()),
        cap_drop=tuple(host.cap_drop or ()),
        rootfs=_rootfs(asked.image or ""),
        stop_signal=signal(asked.stop_signal) if asked.stop_signal else SIGTERM,
        stop_timeout=_stop_timeout(asked.stop_timeout),
    )


def _stop_timeout(seconds: int | None) -> int:
    if seconds is not None and not LEAST <= seconds <= MOST:
        raise InvalidRequest("invalid StopTimeout: it is seconds, a number of 64 bits")
    return 10 if seconds is None else seconds


def console_size(asked: Sequence[int] | None) -> tuple[int, int] | None:
    """Rows and columns; zeros are none. Raises InvalidRequest."""
    match asked:
        case None | []:
            return None
        case [rows, columns] if 0 <= rows < _SIZES and 0 <= columns < _SIZES:
            return (rows, columns) if rows and columns else None
        case _:
            raise InvalidRequest(f"invalid console size {asked}: it is rows and columns")


def environment(asked: Iterable[str] | None) -> tuple[str, ...]:
    """``NAME=VALUE`` each; raises InvalidRequest for what has no name."""
    found = tuple(asked or ())
    for text in found:
        if text.startswith("=") or not text or "\0" in text:
            raise InvalidRequest(f"invalid environment variable: {text!r}")
    return found


def directory(text: str | None) -> str:
    """A working directory; raises InvalidRequest for one that is not absolute."""
    if text and not text.startswith("/"):
        raise InvalidRequest(
            f"the working directory '{text}' is invalid, it needs to be an absolute path"
        )
    return text or ""


def _rootfs(image: str) -> str:
    """The root directory; empty for the host's own. Raises NotFound as Docker does for images."""
    if image in {"", HOST_IMAGE, f"{HOST_IMAGE}:latest"}:
        return ""
    if image.startswith("/"):
        if "\0" in image:
            raise InvalidRequest(f"invalid root file system {shown(image)!r}: it has a zero byte")
        return image
    raise NotFound(no_image(image))


def no_image(image: str) -> str:
    """That there is no such image, in words that clients know, and what there is instead."""
    tagged = image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
    return (
        f"No such image: {tagged}\nSeaway has no images: it runs commands on the host's file system "
        f'(image "{HOST_IMAGE}") or in a directory with a root file system (its absolute path)'
    )


def _binds(asked: wire.ContainerCreate, host: wire.HostConfig) -> tuple[str, ...]:
    """What was given by ``-v``: docker takes a source of one letter for a Windows drive.

    So ``x:/x`` comes among the targets that have no source, which it is not.
    """
    drives = (text for text in asked.volumes or () if not text.startswith("/"))
    return (*(host.binds or ()), *drives)


def _bind(text: str) -> Mount:
    """``SOURCE:TARGET[:MODE,…]``; of the modes only ``ro`` changes anything here."""
    source, _, rest = text.partition(":")
    target, _, modes = rest.partition(":")
    if not source.startswith("/") or not target.startswith("/"):
        raise InvalidRequest(
            f"invalid volume {text!r}: it is SOURCE:TARGET[:ro], two absolute paths; "
            "Seaway has no named volumes"
        )
    given = frozenset(modes.split(",")) - {""}
    if unknown := given - _MODES:
        raise InvalidRequest(f"invalid volume {text!r}: unknown mode {', '.join(sorted(unknown))}")
    return Mount(source=source, target=target, read_only="ro" in given)


_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_MODES = frozenset(
    {"ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", *_PROPAGATION}
)


def _mount(asked: wire.Mount) -> Mount:
    source, target = asked.source or "", asked.target or ""
    if asked.type not in {None, "", "bind"}:
        raise InvalidRequest(f"invalid mount of type {asked.type}: Seaway has bind mounts only")
    if not source.startswith("/") or not target.startswith("/"):
        raise InvalidRequest(f"invalid mount {source!r} at {target!r}: both are absolute paths")
    return Mount(source=source, target=target, read_only=bool(asked.read_only))
