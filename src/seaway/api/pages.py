"""Pages in a browser are no clients of the API, though they can reach loopback where it is plain.

A page of anybody's may send requests to 127.0.0.1 (they bear its Origin), or have its own name lead there
(then Host is that name: DNS rebinding). No other client sends such.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address

from seaway.model.errors import Forbidden

_LOCAL = "localhost"


class FromAPage(Forbidden):
    """A browser asked for somebody's page."""

    def __init__(self, header: str, value: str) -> None:
        super().__init__(
            f"the API on plain TCP is not for pages in a browser, and {header}: {value} says it is "
            "one: address it as 127.0.0.1, [::1] or localhost, without Origin"
        )


def refuse_pages(connection: asyncio.BaseTransport | None, headers: Mapping[str, str]) -> None:
    """Raise FromAPage where a browser asks on plain TCP; behind TLS the client's certificate decided."""
    if connection is None or not _is_tcp(connection):
        return
    if origin := headers.get("Origin"):
        raise FromAPage("Origin", origin)
    host = headers.get("Host", "")
    if host and not is_local(host):
        raise FromAPage("Host", host)


def _is_tcp(connection: asyncio.BaseTransport) -> bool:
    sock: socket.socket = connection.get_extra_info("socket")
    return sock.family != socket.AF_UNIX


def is_local(host: str) -> bool:
    """Whether *host*, with a port or without, can only be this host itself."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower().removesuffix(".") == _LOCAL:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
