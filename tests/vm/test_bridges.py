"""Bridge networks on Debian's kernel, which has protocols that others lack, with packets."""

from __future__ import annotations

import subprocess

import pytest

from bed.daemon import Daemon
from bed.pace import PACE
from bed.spot import Spot
from vm.networks import must, networks, reached, refusal, sandboxes

pytestmark = pytest.mark.smoke

FRONT = {
    "Name": "front",
    "EnableIPv6": True,
    "IPAM": {"Config": [{"Subnet": "10.77.1.0/24"}, {"Subnet": "fd77:1::/64"}]},
}
ON_BR0 = {"Name": "adopted", "Options": {"com.docker.network.bridge.name": "br0"}}
_SCTP = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
sock.settimeout(60)
if sys.argv[1] == "serve":
    sock.bind(("0.0.0.0", 999))
    sock.listen()
    print("listening", flush=True)
    peer, address = sock.accept()
    peer.send(address[0].encode())
    peer.recv(10)
else:
    sock.connect((sys.argv[1], 9999))
    print(sock.recv(100).decode())
"""


def test_sandboxes_reach_each_other_and_the_outside(daemon: Daemon) -> None:
    with networks(daemon, FRONT), sandboxes(daemon, ("web", "front"), ("cli", "front")) as (_, cli):
        there = ["10.77.1.2", "fd77:1::2", "10.77.1.1", "192.0.2.2", "2001:db8:0:1::2"]
        assert reached(cli, there) == there


def test_published_ports_lead_inside(daemon: Daemon) -> None:
    with networks(daemon, FRONT), sandboxes(daemon, ("web", "front")) as (web,):
        must(daemon, "POST", "/seaway/sandboxes/web/publish", {"Ports": ["8080:80", "8080:80/udp"]})
        for proto in ("tcp", "udp"):
            web.serve("web", proto, 80)
            for address in ("192.0.2.1", "2001:db8:0:1::1"):
                said = daemon.host.neighbour.ask(proto, address, 8080)
                assert said.startswith("web "), said
        assert daemon.host.ask("tcp", "127.0.0.1", 8080).startswith("web ")
        daemon.kill()
        assert daemon.host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
        daemon.start()
        assert daemon.host.neighbour.ask("udp", "192.0.2.1", 8080) == "web 192.0.2.2"


def test_sctp_is_published_as_the_others_are(daemon: Daemon) -> None:
    with networks(daemon, FRONT), sandboxes(daemon, ("web", "front")) as (web,):
        must(daemon, "POST", "/seaway/sandboxes/web/publish", {"Ports": ["9999:999/sctp"]})
        server = _serve_sctp(web)
        said = daemon.host.neighbour.python(_SCTP, "192.0.2.1").out

        assert said == "192.0.2.2\n"
        assert server.wait(10 * PACE) == 0


def _serve_sctp(spot: Spot) -> subprocess.Popen[str]:
    server = spot.popen(["python3", "-c", _SCTP, "serve"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == "listening\n"
    server.stdout.close()
    return server


def test_a_bridge_that_filters_vlans_is_refused(daemon: Daemon) -> None:
    daemon.host.sh("ip link add br0 type bridge vlan_filtering 1")

    sentence = refusal(daemon, "/networks/create", ON_BR0)

    assert sentence == (
        "invalid network config:\noption com.docker.network.bridge.name=br0: it filters VLANs, so "
        "sandboxes would be in its default one, whatever that is; say in which they shall be, "
        "seaway.vlan=N, or set its vlan_filtering to 0"
    )
    daemon.host.sh("ip link delete br0")
