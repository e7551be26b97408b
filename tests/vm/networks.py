"""Networks and sandboxes by the API: each command of the program takes two seconds in the machine."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

from bed.daemon import Daemon
from bed.lan import subnets
from bed.spot import Spot


def refusal(daemon: Daemon, path: str, body: object) -> str:
    """The sentence with which a request is refused."""
    status, answer = daemon.request("POST", path, body)
    assert status >= 400, answer
    return str(json.loads(answer)["message"])


def must(daemon: Daemon, method: str, path: str, body: object = None) -> None:
    """A request that is not refused."""
    status, answer = daemon.request(method, path, body)
    assert status < 300, answer


def lan_body(name: str, driver: str, vlan: int = 0, **options: str) -> dict[str, object]:
    """A network on lan0, or on a VLAN of it; sandboxes get .128 and ::80, and on."""
    four, six = subnets(vlan)
    parent = f"lan0.{vlan}" if vlan else "lan0"
    return {
        "Name": name,
        "Driver": driver,
        "EnableIPv6": True,
        "Options": {"parent": parent} | {k.replace("__", "."): v for k, v in options.items()},
        "IPAM": {
            "Config": [
                {"Subnet": f"{four}.0/24", "IPRange": f"{four}.128/26", "Gateway": f"{four}.2"},
                {"Subnet": f"{six}::/64", "IPRange": f"{six}::80/121", "Gateway": f"{six}::2"},
            ]
        },
    }


@contextmanager
def networks(daemon: Daemon, *bodies: Mapping[str, object]) -> Generator[None]:
    """These networks for a while."""
    for body in bodies:
        must(daemon, "POST", "/networks/create", body)
    try:
        yield
    finally:
        for body in bodies:
            must(daemon, "DELETE", f"/networks/{body['Name']}")


@contextmanager
def sandboxes(daemon: Daemon, *pairs: tuple[str, str]) -> Generator[list[Spot]]:
    """Sandboxes for a while, each on one network: (name, network)."""
    for name, network in pairs:
        on: dict[str, object] = {"NetworkingConfig": {"EndpointsConfig": {network: {}}}}
        must(daemon, "POST", "/seaway/sandboxes", {"Name": name, **on})
    try:
        yield [daemon.sandbox(name) for name, _ in pairs]
    finally:
        for name, _ in pairs:
            must(daemon, "DELETE", f"/seaway/sandboxes/{name}")


def reached(spot: Spot, addresses: Iterable[str]) -> list[str]:
    """Those of *addresses* that answer, all asked at once."""
    script = "".join(f"(ping -nqc1 -W2 {a} >/dev/null && echo {a}) & " for a in addresses)
    found = spot.sh(f"{script} wait").out.split()
    return [a for a in addresses if a in found]
