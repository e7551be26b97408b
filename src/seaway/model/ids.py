"""Text that has become a type: checked once, where it enters, and by nobody after that."""

from __future__ import annotations

import re
import secrets
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from signal import NSIG, Signals
from typing import NewType

from seaway.model.errors import InvalidRequest

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network

NetworkId = NewType("NetworkId", str)
"""64 lower-case hexadecimal digits."""
SandboxId = NewType("SandboxId", str)
"""64 lower-case hexadecimal digits."""
EndpointId = NewType("EndpointId", str)
"""64 lower-case hexadecimal digits."""
NetworkName = NewType("NetworkName", str)
SandboxName = NewType("SandboxName", str)
IfName = NewType("IfName", str)
"""A Linux interface name: 1 to 15 bytes, no ``/``, no white space (``dev_valid_name()`` in net/core/dev.c)."""
Mac = NewType("Mac", str)
"""A unicast Ethernet address as ``02:42:ac:11:00:02``, lower case."""
DnsName = NewType("DnsName", str)
"""A name that a question can carry: 253 characters at most, 63 between two dots (RFC 1035 section 2.3.4)."""
Signal = NewType("Signal", str)
"""A signal that Linux has, as ``SIGTERM``; one without a name as its number (``40``)."""
SIGTERM = Signal("SIGTERM")

SHORT_ID = 12
"""How many digits of an id people see."""

_SANDBOX_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_IFNAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_HOST_NAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_.])?")
_RESOLVER_OPTION = re.compile(r"[a-z0-9-]{1,64}(:[0-9]{1,9})?")
_NAME_LIMIT = 253
_LABEL_LIMIT = 63
_NUMBER = re.compile(r"[0-9]{1,3}")
_SIGNAL_NAMES = {each.value: each.name for each in Signals}
NO_MAC = Mac("00:00:00:00:00:00")
"""In place of the MAC address of a link that is not there."""
_NO_IFNAMES = frozenset({"lo", "all", "default"})
"""The loopback's, and two that mean all interfaces under /proc/sys/net/ipv4/conf."""
_SHOWN = 80
"""Characters of a text that a refusal repeats."""


def new_id() -> str:
    """A fresh random id of 64 hexadecimal digits."""
    return secrets.token_hex(32)


def shown(text: str) -> str:
    """*text* of a user as it may stand in a sentence: printable, and no longer than it helps."""
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"


def sandbox_name(text: str) -> SandboxName:
    """*text*, with a slash before it or not, as a sandbox's name; raises InvalidRequest.

    By Docker's rule for containers.
    """
    name = text.removeprefix("/")
    if not _SANDBOX_NAME.fullmatch(name) or len(name) > _NAME_LIMIT:
        raise InvalidRequest(
            f"Invalid container name ({shown(text)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, "
            f"two characters at least and {_NAME_LIMIT} at most"
        )
    return SandboxName(name)


def network_name(text: str) -> NetworkName:
    """*text* as a network's name; raises InvalidRequest.

    Docker lets almost any text through, so clients may send it; it never reaches a path, an
    interface or a rule. Control characters and blank ends are refused, since nobody could type
    them again.
    """
    if not text:
        raise InvalidRequest("invalid name: name is empty")
    if text != text.strip() or not text.isprintable() or len(text) > _NAME_LIMIT:
        raise InvalidRequest(
            f"invalid name {shown(text)!r}: a network's name is 1 to {_NAME_LIMIT} printable characters "
            "without blanks at its ends"
        )
    return NetworkName(text)


def ifname(text: str) -> IfName:
    """*text* as an interface name; raises InvalidRequest."""
    if not _IFNAME.fullmatch(text) or text in _NO_IFNAMES:
        raise InvalidRequest(
            f"invalid interface name {shown(text)!r}: 1 to 15 characters of [a-zA-Z0-9_.-], "
            "beginning with a letter or digit, and not lo, all or default"
        )
    return IfName(text)


def host_name(text: str, what: str = "host name") -> str:
    """*text* as the name of a host or domain, of which *what* is told; raises InvalidRequest.

    Wider than RFC 1123 by underscores and the dot at the end, which people use. What a line of
    /etc/hosts or /etc/resolv.conf would read as its end or another word is never in it.
    """
    if not _HOST_NAME.fullmatch(text) or len(text) > _NAME_LIMIT:
        raise InvalidRequest(
            f"invalid {what} {shown(text)!r}: 1 to {_NAME_LIMIT} characters of [a-zA-Z0-9_.-], "
            "beginning with a letter, digit or underscore, and not ending with a dash"
        )
    return text


def dns_name(text: str, what: str) -> DnsName:
    """*text* as a name that may be asked for, of which *what* is told; raises InvalidRequest.

    Any printable ASCII but blanks, since a label may be any bytes (RFC 2181 section 11).
    """
    if (
        len(text) > _NAME_LIMIT
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or any(not 1 <= len(label) <= _LABEL_LIMIT for label in text.split("."))
    ):
        raise InvalidRequest(
            f"invalid {what} {shown(text)!r}: a name has 1 to {_NAME_LIMIT} printable ASCII characters "
            f"without blanks, at most {_LABEL_LIMIT} between two dots"
        )
    return DnsName(text)


def signal(text: str) -> Signal:
    """*text* (``SIGTERM``, ``term``, ``15``) as a signal; raises InvalidRequest."""
    word = text.upper()
    name = word if word.startswith("SIG") else f"SIG{word}"
    if name in Signals.__members__:
        return Signal(Signals[name].name)
    number = int(text) if _NUMBER.fullmatch(text) else 0
    if not 0 < number < NSIG:
        raise InvalidRequest(f"invalid signal: {shown(text)}")
    return Signal(_SIGNAL_NAMES.get(number, str(number)))


def signal_number(a_signal: Signal) -> int:
    """The number by which Linux knows *a_signal*."""
    return int(a_signal) if a_signal.isdecimal() else Signals[a_signal].value


def resolver_option(text: str) -> str:
    """*text* as one option of resolv.conf(5), known or not; raises InvalidRequest."""
    if not _RESOLVER_OPTION.fullmatch(text):
        raise InvalidRequest(
            f"invalid DNS option {shown(text)!r}: it is NAME or NAME:NUMBER, such as ndots:1"
        )
    return text


def address(text: str) -> Address:
    """*text* as an IP address; raises InvalidRequest.

    An IPv6 scope (RFC 4007 section 11) names an interface of whoever wrote it, and may be any text.
    """
    _refuse_scope("IP address", text)
    try:
        return ip_address(text)
    except ValueError:
        raise InvalidRequest(
            f"invalid IP address {shown(text)!r}: it should be like 10.77.0.5 or fd77::5"
        ) from None


def interface(address: Address, length: int) -> Interface:
    """*address* with the length of its prefix, by numbers: by way of text it takes ten times as long."""
    if isinstance(address, IPv4Address):
        return IPv4Interface((int(address), length))
    return IPv6Interface((int(address), length))


def prefix(text: str, what: str = "prefix") -> Prefix:
    """*text* as a prefix, of which *what* is told; an address is one of its whole length.

    Raises InvalidRequest, which offers the right one where host bits are set.
    """
    _refuse_scope(what, text)
    try:
        loose = ip_network(text, strict=False)
        exact = ip_network(text.partition("/")[0])
    except ValueError:
        raise InvalidRequest(
            f"invalid {what} {shown(text)!r}: it should be like 10.77.0.0/24 or fd77::/64"
        ) from None
    if loose.network_address != exact.network_address:
        raise InvalidRequest(f"invalid {what} {shown(text)}: it should be {loose}")
    return loose


def _refuse_scope(what: str, text: str) -> None:
    if "%" in text:
        raise InvalidRequest(
            f"invalid {what} {shown(text)!r}: it has a scope; leave out the % and what follows it"
        )


def mac(text: str) -> Mac:
    """*text* (colons or dashes) as a unicast MAC address; raises InvalidRequest."""
    address = text.lower().replace("-", ":")
    if not _MAC.fullmatch(address):
        raise InvalidRequest(
            f"{shown(text)} is not a valid mac address, it should be like 02:42:ac:11:00:02"
        )
    if int(address[:2], 16) & 1 or address == "00:00:00:00:00:00":
        raise InvalidRequest(
            f"mac address {text} is not an address of one interface: "
            "it is multicast, broadcast or zero; try 02:42:ac:11:00:02"
        )
    return Mac(address)


def new_mac() -> Mac:
    """A random locally administered unicast MAC address (IEEE 802, second bit set, first clear)."""
    first, *rest = secrets.token_bytes(6)
    return Mac(":".join(f"{byte:02x}" for byte in (first & 0xFC | 2, *rest)))


def mac_of(an_id: str) -> Mac:
    """A locally administered MAC address made from an id: the same after every restart."""
    return Mac("02:" + ":".join(an_id[n : n + 2] for n in range(0, 10, 2)))


def link_local(address: Mac) -> IPv6Address:
    """The modified EUI-64 link-local address that the kernel gives *address* (RFC 4291, appendix A)."""
    m = bytes.fromhex(address.replace(":", ""))
    return IPv6Address(b"\xfe\x80" + bytes(6) + bytes([m[0] ^ 2]) + m[1:3] + b"\xff\xfe" + m[3:])
