"""Which upstream is asked first."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from seaway.dns.upstream import Health
from seaway.plan.zone import Upstream

BOX = Path("/run/box")
FIRST, SECOND = (Upstream(address=ip_address(f"192.0.2.{n}")) for n in (1, 2))


class Time:
    """A clock for tests."""

    seconds = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def test_a_server_comes_last_after_two_silences_in_a_row_and_not_for_ever() -> None:
    clock = Time()
    health = Health(30, clock)

    health.silent(FIRST, None)
    health.answered(FIRST, None)
    health.silent(FIRST, None)
    assert health.ordered((FIRST, SECOND), BOX) == [FIRST, SECOND]

    health.silent(FIRST, None)
    assert health.ordered((FIRST, SECOND), BOX) == [SECOND, FIRST]

    clock.seconds = 30
    assert health.ordered((FIRST, SECOND), BOX) == [FIRST, SECOND]


def test_where_all_are_silent_the_order_stays() -> None:
    health = Health(30, Time())
    for server in (FIRST, SECOND, FIRST, SECOND):
        health.silent(server, None)

    assert health.ordered((FIRST, SECOND), BOX) == [FIRST, SECOND]


def test_silence_towards_one_sandbox_says_nothing_about_others() -> None:
    health = Health(30, Time())
    inner = Upstream(address=ip_address("192.0.2.1"), from_host=False)
    health.silent(inner, BOX)
    health.silent(inner, BOX)

    assert health.ordered((inner, SECOND), BOX) == [SECOND, inner]
    assert health.ordered((inner, SECOND), Path("/run/other")) == [inner, SECOND]
