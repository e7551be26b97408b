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
SECONDS = 1.0
"""How long one stream flows."""
_SINK = """
import socket, time
with socket.create_server(("", 5001)) as server:
    print("ready", flush=True)
    peer, _ = server.accept()
    size, begin, room = 0, time.perf_counter(), bytearray(1 << 20)
    while got := peer.recv_into(room):
        size += got
    print(size * 8 / (time.perf_counter() - begin) / 1e9)
"""
_SOURCE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 5001)) as peer:
    end, load = time.perf_counter() + float(sys.argv[2]), bytes(1 << 20)
    while time.perf_counter() < end:
        peer.sendall(load)
"""


def on_the_lan(rounds: int) -> Report:
    """Connect to a macvlan network and to a bridge network, and send between two on each, in turn."""
    connects: dict[str, list[float]] = {name: [] for name in NETWORKS}
    disconnects: dict[str, list[float]] = {name: [] for name in NETWORKS}
    streams: dict[str, list[float]] = {name: [] for name in NETWORKS}
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
        for name in NETWORKS:
            for end in ("a", "b"):
                stage.sandbox(f"{name}-{end}", network=name)
        for _ in range(min(rounds, 10)):
            for name in NETWORKS:
                streams[name].append(_stream(stage, name))
    figures = {
        (what, name): Figure(name=f"{what}, {shown}", samples=tuple(samples[name]), unit=unit)
        for what, samples, unit in (
            ("connect", connects, "ms"),
            ("disconnect", disconnects, "ms"),
            ("time for a gigabit between two sandboxes", _inverse(streams), "s"),
        )
        for name, shown in (("bench", "bridge"), ("lan", "macvlan"))
    }
    return Report(
        figures=tuple(figures.values()),
        claims=tuple(
            Claim(figure=figures[what, "lan"], beside=figures[what, "bench"], limit=1)
            for what in ("connect", "time for a gigabit between two sandboxes")
        ),
    )


def _inverse(streams: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [1 / sample for sample in samples] for name, samples in streams.items()}


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


def _stream(stage: Stage, network: str) -> float:
    """Gigabits in a second from one sandbox to another."""
    source, sink = (stage.daemon.sandbox(f"{network}-{end}") for end in ("a", "b"))
    address = _address(sink)
    receiver = sink.popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    source.python(_SOURCE, address, str(SECONDS))
    found = float(receiver.stdout.read())
    receiver.wait(10)
    return found


def _address(spot: Spot) -> str:
    return spot.sh("ip -4 -o address show eth0 | awk '{print $4}'").out.partition("/")[0]
