"""What is made before the recorded replies are asked for, and how each is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Body = dict[str, Any]


class Made(NamedTuple):
    """A request that makes something; its reply is the recorded one of that name, if it has one."""

    reply: str
    path: str
    body: Body | None = None


def _whole(reply: Any) -> Any:
    return reply


def part(name: str) -> Callable[[Any], Any]:
    """Takes the member *name* of an answer."""

    def pick(reply: Any) -> Any:
        return reply[name]

    return pick


class Asked(NamedTuple):
    """A question for the recorded reply *reply*, or for the part of an answer that *pick* takes."""

    reply: str
    path: str
    pick: Callable[[Any], Any] = _whole
    method: str = "GET"


E1: Body = {
    "Driver": "default",
    "Options": {},
    "Config": [
        {
            "Subnet": "10.60.0.0/24",
            "IPRange": "10.60.0.128/25",
            "Gateway": "10.60.0.1",
            "AuxiliaryAddresses": {"host1": "10.60.0.5"},
        }
    ],
}
E2: Body = {"Config": [{"Subnet": "10.61.0.0/24"}, {"Subnet": "fd61::/64", "Gateway": None}]}
CFG1: Body = {"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.62.0.0/24"}]}
CA: Body = {
    "IPAMConfig": {"IPv4Address": "10.60.0.10"},
    "Aliases": ["aa", "bb"],
    "MacAddress": "02:42:0a:3c:00:0a",
}
SLEEP: Body = {"Image": "host", "Cmd": ["sleep", "60"], "HostConfig": {"NetworkMode": "e1"}}

MADE = (
    Made(
        "created",
        "/networks/create",
        {
            "Name": "e1",
            "IPAM": E1,
            "Options": {"com.docker.network.driver.mtu": "1400"},
            "Labels": {"k": "v"},
        },
    ),
    Made(
        "created",
        "/networks/create",
        {
            "Name": "e2",
            "Driver": "bridge",
            "EnableIPv6": True,
            "IPAM": E2,
            "Internal": True,
            "Attachable": True,
        },
    ),
    Made(
        "created",
        "/networks/create",
        {"Name": "cfg1", "ConfigOnly": True, "IPAM": CFG1, "Labels": {"a": "b"}},
    ),
    Made("created", "/networks/create", {"Name": "e3", "ConfigFrom": {"Network": "cfg1"}}),
    Made(
        "created container",
        "/containers/create?name=ca",
        {**SLEEP, "NetworkingConfig": {"EndpointsConfig": {"e1": CA}}},
    ),
    Made("", "/containers/ca/start"),
    Made("created container", "/containers/create?name=cb", SLEEP),
)

ASKED = (
    Asked("network", "/networks/e1"),
    Asked("listed network", '/networks?filters={"name":["^e1$"]}'),
    Asked("dual network", "/networks/e2"),
    Asked("host network", "/networks/host"),
    Asked("configuration", "/networks/cfg1"),
    Asked("configured network", "/networks/e3"),
    Asked("running container's networks", "/containers/ca/json", part("NetworkSettings")),
    Asked("created container's networks", "/containers/cb/json", part("NetworkSettings")),
    Asked("listed container", "/containers/json"),
    Asked("container's state", "/containers/ca/json", part("State")),
    Asked("container's configuration", "/containers/ca/json", part("Config")),
    Asked("members of a container", "/containers/ca/json", list),
    Asked("version", "/version"),
    Asked("nothing updated", "/containers/ca/update", method="POST"),
)

PRUNED = (
    Asked("pruned containers", "/containers/prune", method="POST"),
    Asked("pruned networks", '/networks/prune?filters={"label!":["a"]}', method="POST"),
    Asked("nothing pruned", '/networks/prune?filters={"label!":["a"]}', method="POST"),
)
"""These change what is there, so they come last."""
