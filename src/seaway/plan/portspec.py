"""The texts in which people and clients say which ports to publish.

``[ADDRESS:][HOSTPORT[-END]:]PORT[-END][/tcp|udp|sctp]``, an IPv6 address in brackets, as
``docker run -p`` takes it; and the same in the two halves of the Engine API's PortBindings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, Prefix, address, prefix
from seaway.model.port import MAX_PORT, ExposedPort, Proto, PublishedPort

Binding = tuple[str, str]
"""Host address and host port, each perhaps empty."""
FORM = "[ADDRESS:][HOSTPORT[-END]:]PORT[-END][/tcp|udp|sctp]"


def published_ports(
    texts: Iterable[str], sources: tuple[Prefix, ...] = ()
) -> tuple[PublishedPort, ...]:
    """The ports that *texts* (``-p``) publish for *sources*; raises InvalidRequest."""
    return coalesced(port for text in texts for port in _published(text, sources))


def named_ports(texts: Iterable[str]) -> tuple[PublishedPort, ...]:
    """The published ports that *texts* mean, ranges whole; without a host port it may be any.

    Raises InvalidRequest.
    """
    return tuple(_whole(_published(text, ())) for text in dict.fromkeys(texts))


def bound_ports(bindings: Mapping[str, Sequence[Binding]]) -> tuple[PublishedPort, ...]:
    """The ports that the Engine API's PortBindings publish; raises InvalidRequest.

    A key may be a range; a key without bindings publishes on a free host port.
    """
    return coalesced(
        port
        for key, places in bindings.items()
        for host, host_port in places or [("", "")]
        for port in _ports(_shown(host, host_port, key), host, host_port, key)
    )


def exposed_ports(texts: Iterable[str]) -> tuple[ExposedPort, ...]:
    """The ports that *texts* (``--expose``) name: ``PORT[-END][/PROTO]``; raises InvalidRequest."""
    found = dict.fromkeys(_exposed(text) for text in texts)
    return tuple(found)


def source_prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    """*texts* (``10.0.0.0/8``, ``10.0.0.5``, ``fd00::/8``) as prefixes; raises InvalidRequest."""
    return tuple(dict.fromkeys(prefix(text.strip(), "source") for text in texts))


def coalesced(ports: Iterable[PublishedPort]) -> tuple[PublishedPort, ...]:
    """*ports* in order, with doubles left out and consecutive ones joined."""
    found: list[PublishedPort] = []
    for _, group in groupby(sorted(dict.fromkeys(ports), key=_run), key=lambda p: _run(p)[:-1]):
        for port in group:
            if found and _follows(found[-1], port):
                found[-1] = replace(found[-1], count=found[-1].count + port.count)
            else:
                found.append(port)
    return tuple(sorted(found, key=lambda p: (p.port, p.proto, p.host_port)))


def _run(port: PublishedPort) -> tuple[str, str, str, int, int]:
    """What ports of one range have in common, and then the port itself."""
    shift = port.host_port - port.port if port.host_port else MAX_PORT
    return (port.proto, str(port.host or ""), str(port.sources), shift, port.port)


def _follows(one: PublishedPort, other: PublishedPort) -> bool:
    return (
        _run(one)[:-1] == _run(other)[:-1]
        and one.host_port != 0
        and other.port == one.port + one.count
    )


def _published(text: str, sources: tuple[Prefix, ...]) -> list[PublishedPort]:
    rest, host = text.strip(), ""
    if rest.startswith("["):
        host, bracket, rest = rest[1:].partition("]:")
        if not bracket or ":" not in host:
            raise _refusal(text, f"an IPv6 address stands in brackets before a colon: {FORM}")
    *places, port = rest.split(":")
    if not host and len(places) == 2:
        host = places.pop(0)
    if len(places) > 1:
        raise _refusal(text, f"it has too many colons (IPv6 addresses need brackets): {FORM}")
    host_port = places[0] if places else ""
    return [replace(p, sources=sources) for p in _ports(text, host, host_port, port)]


def _ports(text: str, host: str, host_port: str, port: str) -> list[PublishedPort]:
    """Without a host port each of a range gets a free one of its own."""
    span, proto = _proto(text, port)
    first, last = _span(text, span)
    at, count = _host(text, host), last - first + 1
    if host_port in {"", "0"}:
        return [PublishedPort(proto=proto, port=n, host=at) for n in range(first, last + 1)]
    host_first, host_last = _span(text, host_port)
    if host_last - host_first != last - first:
        raise _refusal(
            text, f"host ports {host_port} and ports {span} are ranges of different length"
        )
    return [PublishedPort(proto=proto, port=first, host_port=host_first, count=count, host=at)]


def _whole(ports: Sequence[PublishedPort]) -> PublishedPort:
    """Consecutive *ports* of one text as one range."""
    return ports[0] if len(ports) == 1 else replace(ports[0], count=len(ports))


def _exposed(text: str) -> ExposedPort:
    span, proto = _proto(text, text.strip())
    first, last = _span(text, span)
    return ExposedPort(proto=proto, port=first, count=last - first + 1)


def _proto(text: str, port: str) -> tuple[str, Proto]:
    span, slash, name = port.partition("/")
    try:
        return span, Proto(name.lower() if slash else "tcp")
    except ValueError:
        raise _refusal(text, f"{name!r} is no protocol; it is tcp, udp or sctp") from None


def _span(text: str, span: str) -> tuple[int, int]:
    """First and last port of ``80`` or ``80-82``."""
    first, dash, last = span.partition("-")
    begin = _number(text, first)
    end = _number(text, last) if dash else begin
    if end < begin:
        raise _refusal(text, f"the range {span} ends before it begins")
    return begin, end


def _number(text: str, digits: str) -> int:
    if not digits:
        raise _refusal(text, f"it lacks a port: {FORM}")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 7 else 0
    if not 1 <= number <= MAX_PORT:
        raise _refusal(text, f"{digits!r} is no port; ports are numbers from 1 to {MAX_PORT}")
    return number


def _host(text: str, host: str) -> Address | None:
    """The host's address; ``0.0.0.0`` and ``::`` are all of one family, none at all is all of both."""
    if not host:
        return None
    try:
        found = address(host.removeprefix("[").removesuffix("]"))
    except InvalidRequest as error:
        raise _refusal(text, str(error)) from None
    if found.is_multicast:
        raise _refusal(text, f"{host} is a multicast address, not one of the host")
    return found


def _shown(host: str, host_port: str, key: str) -> str:
    """A binding of the API as a text people know."""
    place = f"[{host}]" if ":" in host else host
    return f"{place}:{host_port}:{key}" if place else f"{host_port}:{key}" if host_port else key


def _refusal(text: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"invalid port {text!r}: {reason}")
