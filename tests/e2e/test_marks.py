"""The one bit of the packet mark that is ours, on packets of others."""

from __future__ import annotations

import socket

import pytest

from bed.daemon import Daemon
from bed.host import Host

OURS = 0x01000000
SO_MARK = 36  # asm-generic/socket.h


@pytest.mark.parametrize("mark", [0, OURS, 0x7F000000])
def test_a_strangers_packet_with_our_bit_keeps_its_source(
    host: Host, daemon: Daemon, mark: int
) -> None:
    daemon.seaway("network", "create", "lan")
    host.sh("ip address add 203.0.113.9/32 dev lo")
    host.neighbour.sh("ip route add 203.0.113.9/32 via 192.0.2.1")
    host.neighbour.serve("peer", "udp", 4000)

    with host.open_socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        asker.settimeout(5)
        asker.bind(("203.0.113.9", 0))
        asker.connect(("192.0.2.2", 4000))
        asker.sendall(b"who?\n")

        assert asker.recv(2048) == b"peer 203.0.113.9\n"
