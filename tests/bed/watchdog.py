"""Ends a process of tests that hangs, with the stacks of all its threads.

pytest-timeout fails a test by raising in the main thread, once. A task may swallow that, and pytest's
own hook for failures takes the timer away: what a test that failed leaves to its fixtures to end has no
bound. So each phase of a test is watched by a thread of C that nothing in Python can hold up
(faulthandler, which pytest's own ``faulthandler_timeout`` also gives up at a failure). Under xdist the
test counts as failed, and another worker goes on.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator

import pytest

LATE = 1.25
"""How long a phase may take, in timeouts of its test: pytest-timeout comes first, and says more."""
_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the terminal's own descriptor: while a test runs, its output is caught."""
    config.stash[_STDERR] = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of it."""
    os.close(config.stash[_STDERR])


def _watched(item: pytest.Item) -> Generator[None, object, object]:
    seconds = LATE * _timeout(item)
    if seconds:
        faulthandler.dump_traceback_later(seconds, exit=True, file=item.config.stash[_STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _timeout(item: pytest.Item) -> float:
    """Seconds that pytest-timeout gives *item*; 0 where it has no bound."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout") or 0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Watch the fixtures' beginning."""
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Watch the test itself."""
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Watch the fixtures' end."""
    return (yield from _watched(item))
