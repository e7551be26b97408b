"""Where the API may listen on TCP: with TLS that knows its clients anywhere, plain on loopback only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.model.errors import InvalidRequest

PLAIN_PORT, TLS_PORT = 2375, 2376
"""The ports Docker's clients expect."""
LAST_PORT = 65535
SCHEME = "tcp://"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpAddress:
    """An address of this host; *port* is from 1 to 65535, or None: the usual one."""

    host: IPv4Address | IPv6Address
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it."""
        return self.host.is_loopback

    def with_port(self, *, tls: bool) -> TcpAddress:
        """The same, with a port for sure."""
        return TcpAddress(host=self.host, port=self.port or (TLS_PORT if tls else PLAIN_PORT))

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host.version == 6 else str(self.host)
        return f"{SCHEME}{host}" + ("" if self.port is None else f":{self.port}")


def tcp_address(text: str) -> TcpAddress:
    """``tcp://192.0.2.1:2376``, ``tcp://[::1]``, ``tcp://localhost:2375``; raises InvalidRequest."""
    host, port = _split(text.removeprefix(SCHEME).removesuffix("/"))
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
        return TcpAddress(host=address, port=None if port is None else _number(port))
    except ValueError:
        raise InvalidRequest(
            f"address {text}: it should name an address of this host and a port from 1 to "
            f"{LAST_PORT}, like tcp://192.0.2.1:{TLS_PORT}, or tcp://0.0.0.0:{TLS_PORT} for all"
        ) from None


def _number(port: str) -> int:
    """The number of a port; raises ValueError."""
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= LAST_PORT):
        raise ValueError(port)
    return int(port)


def _split(text: str) -> tuple[str, str | None]:
    """The host and the port, of which the latter may be left out."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if ":" not in host or (rest and not rest.startswith(":")):
            return "", None
        return host, rest[1:] if rest else None
    if text.count(":") > 1:  # an IPv6 address without brackets: nobody knows where it ends
        return "", None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def refuse_plain(addresses: Iterable[TcpAddress]) -> None:
    """Raise InvalidRequest where one of *addresses*, which get no TLS, can be reached from outside."""
    for each in addresses:
        if not each.is_loopback:
            raise InvalidRequest(
                f"{each} can be reached by others, and who uses the API is root here: "
                "give it --tlsverify with --tlscacert, --tlscert and --tlskey, or take tcp://127.0.0.1"
            )


def plain_warning(address: TcpAddress) -> str:
    """What a plain address on loopback means."""
    return (
        f"every program and user of this host may use the API at {address}, and be root by it: "
        "use the Unix socket, or --tlsverify"
    )
