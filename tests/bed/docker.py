"""Docker clients of Debian, unpacked by ``./check`` and never installed."""

from __future__ import annotations

from pathlib import Path

from bed.spot import ROOT, CommandFailed


def docker_client() -> Path:
    """Where the client is; raises CommandFailed when ``./check`` has not brought it yet."""
    return _unpacked("docker")


def newest_docker() -> Path:
    """The newest client at hand, as ``docker_client``: it speaks a later API than we do."""
    return _unpacked("docker-newest")


DOCKERS = {"20.10": docker_client, "newest": newest_docker}
"""Each client by what it is called in the tests."""


def _unpacked(folder: str) -> Path:
    client = ROOT / f".check/{folder}/usr/bin/docker"
    if not client.exists():
        raise CommandFailed(f"{client} is not there: ./check unpacks it")
    return client
