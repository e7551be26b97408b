"""One daemon for each network namespace: the mark by which a second one is refused."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from seaway.kernel.nft import Nft, NftRefused
from seaway.model.errors import Unavailable
from seaway.plan.firewall import DAEMON_TABLE

ANOTHER = (
    "another Seaway daemon runs in this network namespace, and two would take each other's networks "
    "away: end it first, or start this one in a namespace of its own"
)


@contextmanager
def only_daemon() -> Generator[None]:
    """Be the only daemon of the calling thread's network namespace; raises Unavailable."""
    with Nft() as nft:
        try:
            nft.run(DAEMON_TABLE)
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
