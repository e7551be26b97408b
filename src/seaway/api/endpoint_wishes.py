"""Endpoints as clients ask for them in Docker's words."""

from __future__ import annotations

from collections.abc import Iterable

from seaway.api import wire
from seaway.api.query import LEAST, MOST
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, Prefix, address, dns_name, ifname, mac
from seaway.plan.linksysctls import OPTION as SYSCTLS
from seaway.plan.linksysctls import link_sysctls
from seaway.plan.portspec import source_prefixes

IFNAME = "com.docker.network.endpoint.ifname"
SOURCE_GUARD = "seaway.source_guard"
ALLOWED_ADDRESSES = "seaway.allowed_addresses"


def endpoint_wish(asked: wire.EndpointConfig | None) -> EndpointWish:
    """An endpoint as *asked* for; raises InvalidRequest."""
    if asked is None:
        return EndpointWish()
    refuse_links(asked.links)
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
        options=wire.pairs(options),
    )


def refuse_links(links: Iterable[str] | None) -> None:
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
