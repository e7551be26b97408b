"""A daemon on a host of its own for each test, or one for all tests of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.daemon import Daemon
from bed.host import Host, a_host
from bed.spot import Spot
from e2e.stage import make_network, make_server, sweep


@pytest.fixture
def stopped_daemon(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on *host* that the test starts itself; its log is shown when the test fails."""
    daemon = Daemon(host, tmp_path / "daemon.log")
    try:
        yield daemon
    finally:
        daemon.close()
        sys.stdout.write(daemon.log)


@pytest.fixture
def daemon(stopped_daemon: Daemon) -> Daemon:
    """A running daemon on *host*."""
    stopped_daemon.start()
    return stopped_daemon


@pytest.fixture
def web(daemon: Daemon) -> Spot:
    """The sandbox "web" on network n1, 10.77.1.2 and fd77:1::2; it answers on port 80."""
    return make_server(daemon, "web", make_network(daemon, 1))


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon for all tests of a file, which leave nothing behind to one another."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    with a_host() as host:
        daemon = Daemon(host, tmp_path_factory.mktemp("daemon") / "log")
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.close()
            sys.stdout.write(daemon.log)


@pytest.fixture
def swept_daemon(shared_daemon: Daemon) -> Iterator[Daemon]:
    """The shared daemon; the sandboxes and networks that a test makes go after it, and its servers."""
    yield shared_daemon
    if not shared_daemon.is_running:
        shared_daemon.start()
    sweep(shared_daemon)
    shared_daemon.host.hush()
