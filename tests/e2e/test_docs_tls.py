"""The page on remote access, done as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.daemon import DATA_DIR, RUN_DIR, Daemon
from bed.docker import docker_client
from bed.host import Host
from bed.spot import ROOT

PAGE = (ROOT / "docs/how-to/remote-access-with-tls.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILE = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class Configured(Daemon):
    """A daemon that takes from its file where to listen."""

    def _arguments(self) -> tuple[str, ...]:
        return ("--run-dir", str(RUN_DIR), "--data-dir", str(DATA_DIR))


@pytest.fixture
def configured(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    """The daemon of the page; /etc and /root are the host's own."""
    host.use_own_etc()
    host.use_own("/root")
    daemon = Configured(host, tmp_path / "daemon.log")
    try:
        yield daemon
    finally:
        daemon.close()
        print(daemon.log)


def test_who_follows_the_page_reaches_the_engine_from_another_machine(
    configured: Daemon, host: Host
) -> None:
    authority, certificate, client, folder, use, flags = SHELL
    (settings,) = FILE
    host.sh(authority + certificate)
    host.path("/etc/seaway/seaway.toml").write_text(settings)
    configured.start()
    host.sh(client)
    commands = {"seaway": configured.command(), "docker": [str(docker_client())]}
    host.path("/run/bin").mkdir()
    for name, words in commands.items():
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        host.path(f"/run/bin/{name}").write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
        host.path(f"/run/bin/{name}").chmod(0o755)

    start = "export HOME=/root PATH=/run/bin:$PATH\n"
    said = host.neighbour.sh(start + folder + use).out
    with_flags = host.neighbour.sh(start + flags).out

    seaway, docker = said.split("NETWORK ID")[1:]
    for table in (seaway, docker):
        assert re.findall(r"^[0-9a-f]{12} +(\w+)", table, re.MULTILINE) == [
            "bridge",
            "host",
            "none",
        ]
    assert with_flags.split()[:2] == ["CONTAINER", "ID"]
    assert "WARNING" not in configured.seaway("status").out
