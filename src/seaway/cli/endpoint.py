"""How a sandbox wants to stand on a network: from ``--network web:ip=10.0.0.5`` to the API."""

from __future__ import annotations

from seaway.cli.failure import Misused
from seaway.cli.options import FLAG_ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.options import Args

IFNAME = "com.docker.network.endpoint.ifname"
_KEYS = [
    "ip",
    "ip6",
    "alias",
    "mac-address",
    "mac",
    "ifname",
    "gw-priority",
    "link-local-ip",
    "driver-opt",
]


class Wish:
    """What was asked for on one network."""

    def __init__(self, network: str, said: list[tuple[str, str]] | None = None) -> None:
        self.network = network
        self.said = said or []

    def every(self, name: str) -> list[str]:
        """All values given for *name*."""
        return [value for key, value in self.said if key == name]

    def body(self) -> dict[str, object]:
        """The API's EndpointConfig, with only what was asked for."""
        last = dict(self.said)
        addresses: dict[str, object] = {
            name: value
            for name, value in (
                ("IPv4Address", last.get("ip", "")),
                ("IPv6Address", last.get("ip6", "")),
                ("LinkLocalIPs", self.every("link-local-ip")),
            )
            if value
        }
        wanted: dict[str, object] = {
            "IPAMConfig": addresses,
            "Aliases": self.every("alias"),
            "MacAddress": last.get("mac-address", ""),
            "DriverOpts": self._driver_options(),
            "GwPriority": _priority(last.get("gw-priority", "0")),
        }
        return {name: value for name, value in wanted.items() if value}

    def _driver_options(self) -> dict[str, str]:
        options: dict[str, str] = {}
        for text in self.every("driver-opt"):
            name, equals, value = text.partition("=")
            if not equals:
                raise Misused(f"a driver option is NAME=VALUE, not {text!r}", FLAG_ERROR)
            options[name] = value
        options.update((IFNAME, name) for name in self.every("ifname"))
        return options


def _priority(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Misused(f"gw-priority is a whole number, not {text!r}", FLAG_ERROR) from None


def wish(text: str) -> Wish:
    """What ``--network`` says: ``NET``, ``NET:key=value,…`` or ``name=NET,key=value,…``.

    Raises Misused.
    """
    before, colon, after = text.partition(":")
    if "=" in before:
        said = _said(text, (*_KEYS, "name"))
        name = dict(said).get("name", "")
    elif colon and "=" in after:
        name, said = before, _said(after, tuple(_KEYS))
    else:
        return Wish(text)
    if not name:
        raise Misused(f"--network {text!r} names no network", FLAG_ERROR)
    return Wish(name, [pair for pair in said if pair[0] != "name"])


def _said(text: str, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if key not in keys or not equals:
            raise Misused(
                f"--network does not know {part!r}; it knows {', '.join(keys)}", FLAG_ERROR
            )
        said.append(("mac-address" if key == "mac" else key, value.strip()))
    return said


def from_flags(args: Args, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """What the flags *names* say, in the words of a wish."""
    words = {"network-alias": "alias"}
    return [(words.get(name, name), value) for name in names for value in args.every(name)]


def wishes(args: Args) -> list[Wish]:
    """What ``--network`` and the flags beside it say; the flags speak of the first network.

    Raises Misused.
    """
    wanted = [wish(text) for text in args.every("network")]
    flags = from_flags(args, ("ip", "ip6", "link-local-ip", "mac-address", "network-alias"))
    if flags and not wanted:
        wanted = [Wish("default")]
    if flags:
        wanted[0].said = wanted[0].said + flags
    names = [each.network for each in wanted]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise Misused(f'network "{twice}" is specified multiple times', FLAG_ERROR)
    return wanted


def endpoints(wanted: list[Wish]) -> dict[str, object]:
    """The API's EndpointsConfig; what is no network of its own (``host``) has no place in it."""
    return {
        each.network: each.body() for each in wanted if not each.network.startswith("container:")
    }
