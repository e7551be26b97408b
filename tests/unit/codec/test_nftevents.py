"""What nftables tells its listeners."""

from __future__ import annotations

import struct

import pytest

from seaway.codec import nftevents
from seaway.codec.rtnetlink import Malformed, attribute

DELTABLE, NEWTABLE, DELRULE = (10 << 8 | kind for kind in (2, 0, 8))
INET, BRIDGE, IPV4 = 1, 7, 2


def message(kind: int, family: int, name: bytes) -> bytes:
    body = struct.pack("=BBH", family, 0, 0) + attribute(1, name + b"\0")
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def test_deleted_tables_are_told_by_family_and_name() -> None:
    data = (
        message(DELRULE, INET, b"seaway")
        + message(DELTABLE, INET, b"seaway")
        + message(NEWTABLE, BRIDGE, b"new")
        + message(DELTABLE, BRIDGE, b"other")
        + message(DELTABLE, IPV4, b"seaway")
    )

    assert list(nftevents.deleted_tables(data)) == ["inet seaway", "bridge other"]


def test_half_a_message_is_malformed() -> None:
    with pytest.raises(Malformed):
        list(nftevents.deleted_tables(message(DELTABLE, INET, b"seaway")[:-3]))
