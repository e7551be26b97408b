"""One daemon for each network namespace: the mark by which a second one is refused."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from seaway.kernel.nft import Nft, NftRefused
from seaway.model.errors import Unavailable

TABLE = """\
table inet seaway_daemon {
  flags owner
}
"""
"""A table that belongs to a netlink socket and goes with it; to make one takes CAP_NET_ADMIN, so nobody
else can keep a daemon from starting (``nft_table_valid_genid()``, net/netfilter/nf_tables_api.c)."""

ANOTHER = (
    "another Seaway daemon runs in this network namespace, and two would take each other's networks "
    "away: end it first, or start this one in a namespace of its own"
)


@contextmanager
def only_daemon() -> Generator[None]:
    """Be the only daemon of the calling thread's network namespace; raises Unavailable."""
    with Nft() as nft:
        try:
            nft.run(TABLE)
        except NftRefused as error:
            raise Unavailable(
                ANOTHER if _is_there(nft) else f"the kernel refused the daemon's mark: {error}"
            ) from None
        yield


def _is_there(nft: Nft) -> bool:
    """Whether a living daemon has its mark here."""
    try:
        return "flags owner" in nft.run("list table inet seaway_daemon")
    except NftRefused:
        return False
