"""Networks and sandboxes with addresses that are known beforehand, for the tests of the data path.

Network *n* of a test has 10.77.*n*.0/24 and fd77:*n*::/64, gateways .1 and ::1; its sandboxes get
.2 and ::2, .3 and ::3, in the order of connecting.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.pace import PACE, SILENCE
from bed.spot import Spot

with_and_without_bridge_nf = pytest.mark.parametrize(
    "host", [False, True], ids=["nf-call-0", "nf-call-1"], indirect=True
)
"""A test on a host whose bridges show their frames to iptables, and on one whose do not."""


def post(daemon: Daemon, path: str, body: object) -> tuple[int, str]:
    """The status of a request to do something, and the sentence with which it is refused."""
    status, content = daemon.request("POST", path, body)
    return status, str(json.loads(content).get("message", "")) if content else ""


def make_network(daemon: Daemon, number: int, *flags: str) -> str:
    """Make network *number* in both families; gives its name."""
    name = f"n{number}"
    dual = ("--ipv6", "--subnet", f"10.77.{number}.0/24", "--subnet", f"fd77:{number}::/64")
    daemon.seaway("network", "create", *dual, *flags, name)
    return name


def make_ipv4_network(daemon: Daemon, number: int, *flags: str) -> str:
    """Make network *number* with IPv4 only; gives its name."""
    name = f"n{number}"
    daemon.seaway("network", "create", "--subnet", f"10.77.{number}.0/24", *flags, name)
    return name


def make_sandbox(daemon: Daemon, name: str, *networks: str) -> Spot:
    """Make a sandbox without a process on *networks* (``NET[:KEY=VALUE,…]``)."""
    on = [word for network in networks for word in ("--network", network)]
    daemon.seaway("sandbox", "create", *on, name)
    return daemon.sandbox(name)


def make_server(daemon: Daemon, name: str, *networks: str, port: int = 80) -> Spot:
    """Make a sandbox that answers with its name on *port*, TCP and UDP."""
    spot = make_sandbox(daemon, name, *networks)
    serve(spot, name, port)
    return spot


def serve(spot: Spot, name: str, port: int) -> None:
    """Answer at *spot* on *port*, TCP and UDP."""
    for proto in ("tcp", "udp"):
        spot.serve(name, proto, port)


def answer(spot: Spot, proto: str, address: str, port: int, timeout: float = 2) -> str:
    """What *spot* is told at *address*; in one word why not, when it is not: ``refused``, ``silent``."""
    try:
        return spot.ask(proto, address, port, timeout)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError as error:
        return f"{error.strerror}"


def say(flow: socket.socket) -> str:
    """The next answer in an open flow."""
    flow.sendall(b"who?\n")
    return str(flow.recv(2048), "ascii").strip()


def ends(stream: socket.socket) -> bool:
    """Whether an open stream is over: it is ended, or nobody answers any more."""
    stream.settimeout(0.7)
    try:
        stream.sendall(b"who?\n")
        return not stream.recv(2048)
    except OSError:
        return True


def ports_of(daemon: Daemon, sandbox: str) -> dict[str, int]:
    """The host's port of each published port on all IPv4 addresses: ``{"80/tcp": 49153}``."""
    lines = daemon.seaway("port", sandbox).out.splitlines()
    pairs = [line.split(" -> ") for line in lines if " -> 0.0.0.0:" in line]
    return {inner: int(outer.removeprefix("0.0.0.0:")) for inner, outer in pairs}


def elements(host: Host, name: str, table: str = "inet seaway") -> list[str]:
    """The elements of a set or map of the firewall, sorted, as nft shows them."""
    listing = host.run(
        ["nft", "--stateless", "list", "set" if _is_set(name) else "map", *table.split(), name]
    )
    _, found, rest = listing.out.partition("elements = {")
    return sorted(" ".join(e.split()) for e in rest.partition("}")[0].split(",")) if found else []


def _is_set(name: str) -> bool:
    return not name.startswith(("one", "any4", "any6", "range"))


def route_subnets_by_host(neighbour: Spot) -> None:
    """The LAN knows a way to the sandboxes: by the host."""
    neighbour.sh(
        "ip route add 10.77.0.0/16 via 192.0.2.1; ip route add fd77::/16 via 2001:db8:0:1::1"
    )


def add_machine(host: Host, number: int, link: str = "lan") -> Spot:
    """One more neighbour of *host*, by *link*: H 198.51.100.1/24 and 2001:db8:0:2::1/64, it .2 and ::2."""
    path = f"/run/machine{number}"
    host.sh(
        f"touch {path}; unshare --net={path} sysctl -qw net.ipv6.conf.default.accept_dad=0;"
        f"ip link add {link} index {20 + number} type veth peer name eth0 index {40 + number} netns {path};"
        f"ip address add 198.51.100.1/24 dev {link};"
        f"ip address add 2001:db8:0:2::1/64 dev {link} nodad; ip link set {link} up"
    )
    spot = host.at(path)
    spot.sh(
        "ip link set lo up; ip address add 198.51.100.2/24 dev eth0;"
        "ip address add 2001:db8:0:2::2/64 dev eth0 nodad; ip link set eth0 up;"
        "ip route add default via 198.51.100.1; ip route add default via 2001:db8:0:2::1"
    )
    host.sh(f"until ip link show {link} | grep -q 'state UP'; do sleep 0.01; done")
    return spot


def sweep(daemon: Daemon) -> None:
    """Take away all sandboxes, and all networks but those that are always there."""
    for sandbox in _listed(daemon, "/containers/json?all=1"):
        assert daemon.request("DELETE", f"/containers/{sandbox['Id']}?force=1")[0] == 204
    networks = _listed(daemon, '/networks?filters={"type":["custom"]}')
    for network in sorted(networks, key=lambda each: bool(each["ConfigOnly"])):
        assert daemon.request("DELETE", f"/networks/{network['Id']}")[0] == 204


def _listed(daemon: Daemon, path: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", daemon.get(path))


SHUT = 0.25
"""Seconds without an answer after which a way counts as closed."""
Way = tuple[Spot, str, str, int]
"""Who asks, by which protocol (or ``ping``), at which address and port."""


def open_ways(*ways: Way) -> list[str]:
    """Those of *ways* on which anything comes back, with what it is; all are tried at once."""
    with ThreadPoolExecutor(max_workers=len(ways)) as pool:
        found = pool.map(_come_back, ways)
    return [
        f"{way[1]} {way[2]} {way[3]}: {said}" for way, said in zip(ways, found, strict=True) if said
    ]


def _come_back(way: Way) -> str:
    who, proto, address, port = way
    if proto == "ping":
        return "answered" if pings(who, address) else ""
    said = answer(who, proto, address, port, SHUT)
    return "" if said in NOTHING else said


NOTHING = {"silent", "No route to host", "Network is unreachable", "Operation not permitted"}
"""Nothing came back from the other side, whoever says so."""


def pings(spot: Spot, address: str) -> bool:
    """Whether *address* answers one ping within half a second."""
    return not spot.run(["ping", "-nqc1", f"-W{0.5 * SILENCE}", address], check=False).code


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether *holds* becomes true within *seconds*."""
    deadline = time.monotonic() + seconds * PACE
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


def drops(daemon: Daemon, network: str) -> dict[str, int]:
    """What the source guard dropped, by sandbox, as ``network inspect`` shows it."""
    shown = cast("dict[str, dict[str, dict[str, object]]]", daemon.get(f"/networks/{network}"))
    members = shown["Containers"].values()
    return {str(m["Name"]): int(str(m["Drops"])) for m in members}


def bridge_of(daemon: Daemon, network: str) -> str:
    """The bridge of a network that was given none."""
    return "sw-" + daemon.seaway("network", "inspect", "-f", "{{.Id}}", network).out[:12]


def place(daemon: Daemon, sandbox: str, network: str) -> Mapping[str, object]:
    """A sandbox's endpoint on *network*, as ``inspect`` shows it."""
    shown = cast(
        "dict[str, dict[str, dict[str, dict[str, object]]]]",
        daemon.get(f"/containers/{sandbox}/json"),
    )
    return shown["NetworkSettings"]["Networks"][network]
