"""A daemon for all tests of a file: in the machine one takes a quarter of a minute to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.daemon import Daemon
from bed.host import a_host
from bed.lan import Lan
from bed.pace import IN_VM

VLANS = (50, 60)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder need a kernel of their own."""
    for item in items:
        if "tests/vm/" in str(item.path):
            item.add_marker(pytest.mark.vm)
            where = "python -m vm"
            fits = IN_VM
            if item.get_closest_marker("without_ipv6") is not None:
                where = "python -m vm -k ipv6.disable=1"
                fits = IN_VM and not Path("/proc/sys/net/ipv6").exists()
            item.add_marker(pytest.mark.skipif(not fits, reason=f"runs in the VM bed: {where}"))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon on a host, for tests that leave nothing behind to one another."""
    with a_host() as host:
        daemon = Daemon(host, tmp_path_factory.mktemp("daemon") / "log")
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.close()
            sys.stdout.write(daemon.log)


@pytest.fixture(scope="module")
def lan(daemon: Daemon) -> Lan:
    """A LAN with a trunk to the daemon's host."""
    return Lan(daemon.host, VLANS)
