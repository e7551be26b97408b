"""Debian's docker client, unpacked by ``./check`` and never installed."""

from __future__ import annotations

from pathlib import Path

from bed.spot import ROOT, CommandFailed


def docker_client() -> Path:
    """Where the client is; raises CommandFailed when ``./check`` has not brought it yet."""
    client = ROOT / ".check/docker/usr/bin/docker"
    if not client.exists():
        raise CommandFailed(f"{client} is not there: ./check unpacks it")
    return client
