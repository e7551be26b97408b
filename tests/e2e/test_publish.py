"""Published ports: who reaches them, by which address, and what the sandbox sees of the client."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from bed.daemon import Daemon
from bed.fingerprint import fingerprint, leaked
from bed.host import Host, a_host
from bed.spot import KINDS, CommandFailed
from e2e.stage import (
    answer,
    elements,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    ports_of,
    serve,
)

NF_CALL = ["nf-call-0", "nf-call-1"]


@pytest.fixture(params=[False, True], ids=NF_CALL)
def either_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host whose bridges show their frames to iptables, and one whose do not."""
    with a_host(bridge_nf=request.param) as host:
        yield host
