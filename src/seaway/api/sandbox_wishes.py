"""Sandboxes as clients ask for them: Docker's containers, and bare namespaces."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from seaway.api import wire
from seaway.api.endpoint_wishes import endpoint_wish, refuse_links
from seaway.api.process_wishes import process_wish
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import InvalidRequest, NotFound
from seaway.model.ids import (
    DnsName,
    NetworkId,
    address,
    dns_name,
    host_name,
    mac,
    resolver_option,
    sandbox_name,
    shown,
)
from seaway.model.network import Network
from seaway.model.port import ExposedPort, PublishedPort
from seaway.model.sandbox import DnsSettings, ExtraHost, SandboxWish
from seaway.plan.portspec import bound_ports, coalesced, exposed_ports, published_ports

FindNetwork = Callable[[str], Network]
Endpoints = Mapping[str, wire.EndpointConfig | None]
_HOSTNAME_LIMIT = 64
"""Bytes (linux/utsname.h)."""


def container_wish(name: str, asked: wire.ContainerCreate, find: FindNetwork) -> SandboxWish:
    """A sandbox as *asked* for; raises InvalidRequest, NotFound (image, network), Forbidden."""
    host = asked.host_config or wire.HostConfig()
    refuse_links(host.links)
    mode = "none" if asked.network_disabled else _mode(host.network_mode)
    return SandboxWish(
        name=sandbox_name(name) if name else None,
        network_mode=mode,
        endpoints=_endpoints(mode, asked, find),
        hostname=_hostname(asked) if asked.hostname else _default_hostname(mode),
        labels=wire.pairs(asked.labels),
        dns=_dns(host),
        extra_hosts=tuple(_extra_host(text) for text in host.extra_hosts or ()),
        ports=_ports(host),
        exposed=_exposed(asked),
        publish_all=bool(host.publish_all_ports),
        process=process_wish(asked, host),
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
        labels=wire.pairs(asked.labels),
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
