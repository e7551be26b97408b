"""Sandboxes on the LAN beside sandboxes on a bridge: connecting them, and what passes between two."""

from __future__ import annotations

import subprocess
import sys
import time

from bench.connect import BATCH, CALM
from bench.figures import Claim, Figure, Report
from bench.stage import Stage, a_stage, timed

from bed.spot import Spot

NETWORKS = ("bench", "lan")
BY_HAND = "by hand"
"""Two namespaces on the same parent that Seaway knows nothing of: what the kernel alone does."""
WAYS = (*NETWORKS, BY_HAND)
SHOWN = {"bench": "bridge", "lan": "macvlan", BY_HAND: "macvlan, the kernel alone"}
SECONDS = 1.0
"""How long one of them flows."""
_SINK = """
import socket, time
with socket.create_server(("", 5001)) as server:
    print("ready", flush=True)
    peer, _ = server.accept()
    size, begin, room = 0, time.perf_counter(), bytearray(1 << 20)
    while got := peer.recv_into(room):
        size += got
    print((time.perf_counter() - begin) / (size * 8 / 1e9))
"""
_SOURCE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 5001)) as peer:
    end, load = time.perf_counter() + float(sys.argv[2]), bytes(1 << 20)
    while time.perf_counter() < end:
        peer.sendall(load)
"""
_DATAGRAM_SINK = """
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
    mine.bind(("", 5001))
    print("ready", flush=True)
    mine.recv(2000)
    count, begin = 0, time.perf_counter()
    while len(mine.recv(2000)) > 1:
        count += 1
    print((time.perf_counter() - begin) / (count / 1e5))
"""
_DATAGRAM_SOURCE = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
    peer = sys.argv[1], 5001
    end, load = time.perf_counter() + float(sys.argv[2]), bytes(1000)
    while time.perf_counter() < end:
        mine.sendto(load, peer)
    for _ in range(20):  # that it is over; the first may find the queue full
        time.sleep(0.01)
        mine.sendto(b"x", peer)
"""
FLOWS = {
    "time for a gigabit between two sandboxes": (_SOURCE, _SINK),
    "time for 100,000 datagrams between two sandboxes": (_DATAGRAM_SOURCE, _DATAGRAM_SINK),
}


def on_the_lan(rounds: int) -> Report:
    """Connect to a macvlan network and to a bridge network, and send between two on each, in turn."""
    connects: dict[str, list[float]] = {name: [] for name in NETWORKS}
    disconnects: dict[str, list[float]] = {name: [] for name in NETWORKS}
    with a_stage() as stage:
        _make_lan(stage)
        for n in range(BATCH):
            stage.sandbox(f"s{n}")
        for round_ in range(rounds + 1):
            for name in NETWORKS:
                took = _turn(stage, name)
                if round_:  # the first warms up
                    connects[name] += took[0]
                    disconnects[name] += took[1]
        flows = _flows(stage, min(rounds, 10))
    figures = {
        (what, way): Figure(name=f"{what}, {SHOWN[way]}", samples=tuple(samples), unit=unit)
        for what, ways, unit in (
            ("connect", connects, "ms"),
            ("disconnect", disconnects, "ms"),
            *((what, ways, "s") for what, ways in flows.items()),
        )
        for way, samples in ways.items()
    }
    return Report(
        figures=tuple(figures.values()),
        claims=(
            *(
                Claim(figure=figures[what, "lan"], beside=figures[what, "bench"], limit=1)
                for what in ("connect", *FLOWS)
            ),
            *(
                Claim(figure=figures[what, "lan"], beside=figures[what, BY_HAND], limit=1.1)
                for what in FLOWS
            ),
        ),
    )


def _make_lan(stage: Stage) -> None:
    body = {
        "Name": "lan",
        "Driver": "macvlan",
        "Options": {"parent": "eth0"},
        "IPAM": {"Config": [{"Subnet": "192.0.2.0/24"}]},
    }
    stage.api.post("/networks/create", body)


def _turn(stage: Stage, network: str) -> tuple[list[float], list[float]]:
    """Milliseconds of connects and disconnects of a batch."""
    there, back = f"/networks/{network}/connect", f"/networks/{network}/disconnect"
    bodies = [{"Container": f"s{n}"} for n in range(BATCH)]
    connects = [timed(lambda b=b: stage.api.post(there, b)) for b in bodies]  # type: ignore[misc]
    disconnects = [timed(lambda b=b: stage.api.post(back, b)) for b in bodies]  # type: ignore[misc]
    time.sleep(CALM)
    return connects, disconnects


def _flows(stage: Stage, rounds: int) -> dict[str, dict[str, list[float]]]:
    """How long each flow took each way."""
    ends = {way: (_by_hand if way == BY_HAND else _sandboxes)(stage, way) for way in WAYS}
    found: dict[str, dict[str, list[float]]] = {w: {n: [] for n in WAYS} for w in FLOWS}
    for _ in range(rounds):
        for what, (send, receive) in FLOWS.items():
            for way in WAYS:
                found[what][way].append(_flow(*ends[way], send, receive))
    return found


def _sandboxes(stage: Stage, network: str) -> tuple[Spot, Spot]:
    names = [f"{network}-{end}" for end in ("a", "b")]
    for name in names:
        stage.sandbox(name, network=network)
    source, sink = map(stage.daemon.sandbox, names)
    return source, sink


def _by_hand(stage: Stage, _: str) -> tuple[Spot, Spot]:
    host = stage.daemon.host
    for number, name in enumerate(("hand1", "hand2"), 201):
        host.sh(
            f"touch /run/{name}; unshare --net=/run/{name} true;"
            f"ip link add link eth0 name {name} netns /run/{name} type macvlan mode bridge;"
            f"nsenter --net=/run/{name} sh -c 'ip link set {name} name eth0; ip link set eth0 up;"
            f"ip address add 192.0.2.{number}/24 dev eth0'"
        )
    return host.at("/run/hand1"), host.at("/run/hand2")


def _flow(source: Spot, sink: Spot, send: str, receive: str) -> float:
    """How long so much takes from one to the other."""
    address = _address(sink)
    receiver = sink.popen([sys.executable, "-c", receive], stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    source.python(send, address, str(SECONDS))
    found = float(receiver.stdout.read())
    receiver.wait(10)
    return found


def _address(spot: Spot) -> str:
    return spot.sh("ip -4 -o address show eth0 | awk '{print $4}'").out.partition("/")[0]
