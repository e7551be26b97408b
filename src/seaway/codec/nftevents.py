"""What nftables tells its listeners: that tables were deleted.

Sources: include/uapi/linux/netfilter/nf_tables.h; ``nf_tables_table_notify()`` and
``nft_commit_notify()`` in net/netfilter/nf_tables_api.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from seaway.codec.rtnetlink import attributes, replies

GROUP = 7
"""NFNLGRP_NFTABLES, where every transaction of a network namespace is told."""
_NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
_DELTABLE = _NFTABLES << 8 | 2
_FAMILIES = {1: "inet", 5: "netdev", 7: "bridge"}
_NFGENMSG = 4
_TABLE_NAME = 1
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter
_LOAD_BYTE, _JUMP_EQUAL, _RETURN = 0x30, 0x15, 0x06


def deleted_tables(data: bytes) -> Iterator[str]:
    """The tables, by family and name, whose deletion *data* tells; raises Malformed."""
    for reply in replies(data):
        if reply.kind == _DELTABLE and (family := _FAMILIES.get(reply.body[0])) is not None:
            name = attributes(reply.body[_NFGENMSG:])[_TABLE_NAME]
            yield f"{family} {name.rstrip(bytes(1)).decode()}"


def without_elements() -> bytes:
    """A filter (socket(7), SO_ATTACH_FILTER) that nothing passes which begins with a change of elements.

    Those come with each connect; what deletes a table begins with the table, or with its rules. The
    end of a transaction (NEWGEN), which comes alone, does not pass either.
    """
    newsetelem, delsetelem, newgen = 12, 14, 15
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, 4),  # the low byte of nlmsg_type
            _INSTRUCTION.pack(_JUMP_EQUAL, 3, 0, newsetelem),
            _INSTRUCTION.pack(_JUMP_EQUAL, 2, 0, delsetelem),
            _INSTRUCTION.pack(_JUMP_EQUAL, 1, 0, newgen),
            _INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFFFFFF),
            _INSTRUCTION.pack(_RETURN, 0, 0, 0),
        )
    )
