"""Options that several drivers have, in Docker's words and ours, and how text becomes their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, address, ifname, shown
from seaway.model.options import MAX_MTU, MIN_MTU, MIN_MTU6

BRIDGE_NAME = "com.docker.network.bridge.name"
MTU = "com.docker.network.driver.mtu"
IFNAME_PREFIX = "com.docker.network.container_iface_prefix"
DNS = "seaway.dns"
SOURCE_GUARD = "seaway.source_guard"

LONGEST_PREFIX = 11
"""Characters; of the 15 of an interface's name four are left for its number."""

E = TypeVar("E", bound=StrEnum)


def refusal(key: str, text: str, why: str) -> InvalidRequest:
    """That the option *key* cannot be *text*, and what would be right."""
    return InvalidRequest(f"invalid network config:\noption {key}={shown(text)}: {why}")


def flag(asked: Mapping[str, str], key: str, *, default: bool = True) -> bool:
    """The option *key* as yes or no; raises InvalidRequest."""
    text = asked.get(key, str(default)).lower()
    if text in {"1", "t", "true"}:
        return True
    if text in {"0", "f", "false"}:
        return False
    raise refusal(key, text, "it is true or false")


def mtu(text: str, *, ipv6: bool) -> int:
    """*text* as the MTU of a network, with IPv6 or without; raises InvalidRequest."""
    least = MIN_MTU6 if ipv6 else MIN_MTU
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_MTU))
    if not is_number or not least <= int(text) <= MAX_MTU:
        needs = " (IPv6 needs that much)" if ipv6 else ""
        raise refusal(MTU, text, f"an MTU is a number of bytes from {least}{needs} to {MAX_MTU}")
    return int(text)


def one_of(kind: type[E], asked: Mapping[str, str], key: str, default: E) -> E:
    """The option *key* as a value of *kind*; raises InvalidRequest."""
    text = asked.get(key) or default.value
    words = [each.value for each in kind]
    if text not in words:
        raise refusal(key, text, f"it is {either(words)}")
    return kind(text)


def either(words: Sequence[str]) -> str:
    """*words* as a choice."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def servers(text: str) -> tuple[Address, ...]:
    """Name servers with commas between them; raises InvalidRequest."""
    return tuple(address(each.strip()) for each in text.split(",") if each.strip())


def ifname_prefix(text: str | None) -> str:
    """How interfaces inside begin, ``eth`` where nothing is asked for; raises InvalidRequest."""
    if not text:
        return "eth"
    if len(text) > LONGEST_PREFIX or text[-1].isdigit():
        raise refusal(
            IFNAME_PREFIX,
            text,
            f"it is at most {LONGEST_PREFIX} characters and ends with no digit, since a number follows",
        )
    return ifname(f"{text}0")[:-1]
