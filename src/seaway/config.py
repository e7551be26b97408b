"""Every setting, declared once.

A setting's value is that of the command line, else of the file, else the default; ``seaway config``
tells which.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any, cast

from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, Interface, Prefix, address, prefix
from seaway.model.options import MAX_MTU, MIN_MTU
from seaway.plan.default_network import DefaultNetwork, Family
from seaway.plan.listening import SCHEME, TcpAddress, refuse_plain, tcp_address
from seaway.plan.subnets import AddressPool

DEFAULT_FILE = Path("/etc/seaway/seaway.toml")
TLS = Path("/etc/seaway/tls")
"""The folder of the certificates, called as docker calls them."""


def _pool(text: object) -> AddressPool:
    """``base=10.0.0.0/8,size=24`` or a table of the file, as a pool; raises InvalidRequest."""
    table = (
        _table(cast(Mapping[object, object], text))
        if isinstance(text, Mapping)
        else _pairs(str(text))
    )
    unknown = set(table) - {"base", "size"}
    if unknown or "base" not in table or "size" not in table:
        raise InvalidRequest(f"address pool {text}: it should be like base=10.128.0.0/9,size=24")
    try:
        base, size = ip_network(table["base"]), int(table["size"])
    except ValueError as error:
        raise InvalidRequest(f"address pool {text}: {error}") from None
    if not base.prefixlen <= size <= base.max_prefixlen - 2:
        raise InvalidRequest(
            f"address pool {text}: size is a prefix length from {base.prefixlen} (all of the base) "
            f"to {base.max_prefixlen - 2}"
        )
    return AddressPool(base=base, size=size)


def _table(value: Mapping[object, object]) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()}


def _pairs(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (part.partition("=") for part in text.split(","))}


def _pools(value: object) -> tuple[AddressPool, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidRequest(
            f"address pools {value!r}: it should be a list of tables {{base, size}}"
        )
    return tuple(_pool(each) for each in cast(Sequence[object], value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{value!r} is no text")
    return value


def _path(value: object) -> Path:
    """A path; a relative one begins where the daemon was started."""
    text = _text(value)
    if not text:
        raise InvalidRequest(f"{text!r} is no path")
    return Path.cwd() / text


def _hosts(value: object) -> tuple[Path | TcpAddress, ...]:
    texts = cast(Sequence[object], value) if isinstance(value, (list, tuple)) else [value]
    return tuple(_host(str(text)) for text in texts)


def _host(text: str) -> Path | TcpAddress:
    if text.startswith(SCHEME):
        return tcp_address(text)
    if not text.startswith("unix://"):
        raise InvalidRequest(
            f"socket {text}: it should be like unix:///run/seaway/seaway.sock, or tcp://127.0.0.1:2376"
        )
    return _path(text.removeprefix("unix://"))


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise InvalidRequest(f"{value!r} is neither true nor false")


def _interface_of(version: int) -> Callable[[object], Interface]:
    example = {4: "10.77.0.1/24", 6: "fd77::1/64"}[version]

    def parsed(value: object) -> Interface:
        found: Interface | None = None
        with suppress(ValueError):
            found = ip_interface(_text(value))
        if found is None or found.version != version or "/" not in _text(value):
            raise InvalidRequest(
                f"{value!r} is no IPv{version} address with a length like {example}"
            )
        return found

    return parsed


def _prefix_of(version: int) -> Callable[[object], Prefix]:
    def parsed(value: object) -> Prefix:
        found = prefix(_text(value))
        if found.version != version:
            raise InvalidRequest(f"{value!r} is no IPv{version} prefix")
        return found

    return parsed


def _address_of(version: int) -> Callable[[object], Address]:
    def parsed(value: object) -> Address:
        found = address(_text(value))
        if found.version != version:
            raise InvalidRequest(f"{value!r} is no IPv{version} address")
        return found

    return parsed


def _mtu(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or not MIN_MTU <= int(text[:9]) <= MAX_MTU:
        raise InvalidRequest(f"{value!r} is no number of bytes from {MIN_MTU} to {MAX_MTU}")
    return int(text)


def _one_of(*words: str) -> Callable[[object], str]:
    def parsed(value: object) -> str:
        if value not in words:
            raise InvalidRequest(f"{value!r} is not one of {', '.join(words)}")
        return str(value)

    return parsed


def _cut(*texts: tuple[str, int]) -> tuple[AddressPool, ...]:
    return tuple(AddressPool(base=ip_network(base), size=size) for base, size in texts)


DEFAULT_POOLS = _cut(
    *((f"172.{n}.0.0/16", 16) for n in range(17, 32)), ("192.168.0.0/16", 20), ("10.128.0.0/9", 24)
)


_METAVARS = {
    "data_dir": "DIR",
    "run_dir": "DIR",
    "hosts": "unix://PATH|tcp://ADDRESS:PORT",
    "tlscacert": "FILE",
    "tlscert": "FILE",
    "tlskey": "FILE",
    "group": "GROUP",
    "default_address_pools": "base=PREFIX,size=LENGTH",
    "resolv_conf": "FILE",
    "bip": "ADDRESS/LENGTH",
    "bip6": "ADDRESS/LENGTH",
    "fixed_cidr": "PREFIX",
    "fixed_cidr_v6": "PREFIX",
    "default_gateway": "ADDRESS",
    "default_gateway_v6": "ADDRESS",
    "mtu": "BYTES",
    "log_format": "text|json",
    "log_level": "LEVEL",
}


def _setting(
    default: object,
    parse: Callable[[object], object],
    doc: str,
    *,
    short: str | None = None,
    option: str | None = None,
    many: bool = False,
) -> Any:  # noqa: ANN401
    meta = {"parse": parse, "doc": doc, "short": short, "option": option, "many": many}
    return field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one daemon."""

    data_dir: Path = _setting(
        Path("/var/lib/seaway"), _path, "what must outlive a reboot: the store, the logs"
    )
    run_dir: Path = _setting(Path("/run/seaway"), _path, "what need not: namespaces, sockets")
    hosts: tuple[Path | TcpAddress, ...] = _setting(
        (),
        _hosts,
        "where to listen, Unix sockets and TCP; default: seaway.sock in the run directory",
        short="-H",
        option="--host",
        many=True,
    )
    group: str = _setting("seaway", _text, "the group that may use the sockets beside root")
    tlsverify: bool = _setting(
        False, _flag, "TLS on all of TCP, for clients with a certificate of the authority only"
    )
    tlscacert: Path = _setting(TLS / "ca.pem", _path, "the authority of the clients' certificates")
    tlscert: Path = _setting(TLS / "cert.pem", _path, "the daemon's certificate")
    tlskey: Path = _setting(TLS / "key.pem", _path, "the key of the daemon's certificate")
    default_address_pools: tuple[AddressPool, ...] = _setting(
        DEFAULT_POOLS,
        _pools,
        "where subnets come from that nobody gives: base=PREFIX,size=LENGTH",
        option="--default-address-pool",
        many=True,
    )
    resolv_conf: Path = _setting(Path("/etc/resolv.conf"), _path, "the host's name servers")
    names_at_gateways: bool = _setting(
        False, _flag, "let the host ask for the names of a network at its gateway, port 53"
    )
    bip: Interface | None = _setting(
        None,
        _interface_of(4),
        "of the network bridge: the address of its bridge, with the length of the subnet",
    )
    bip6: Interface | None = _setting(
        None, _interface_of(6), "of the network bridge: the same in IPv6; needs ipv6"
    )
    fixed_cidr: Prefix | None = _setting(
        None,
        _prefix_of(4),
        "of the network bridge: the part of its subnet that sandboxes get addresses from; without bip, the subnet",
    )
    fixed_cidr_v6: Prefix | None = _setting(
        None, _prefix_of(6), "of the network bridge: the same in IPv6; needs ipv6"
    )
    default_gateway: Address | None = _setting(
        None,
        _address_of(4),
        "of the network bridge: the sandboxes' gateway, if it is somebody else on the bridge",
    )
    default_gateway_v6: Address | None = _setting(
        None, _address_of(6), "of the network bridge: the same in IPv6; needs ipv6"
    )
    ipv6: bool = _setting(False, _flag, "of the network bridge: IPv6 too")
    mtu: int | None = _setting(
        None, _mtu, "of the network bridge: its MTU in bytes; else that of the host's default route"
    )
    power_safe: bool = _setting(
        False, _flag, "wait for the disk at each change: slower, and safe against power cuts too"
    )
    log_format: str = _setting("text", _one_of("text", "json"), "text or json")
    log_level: str = _setting(
        "info", _one_of("debug", "info", "warning", "error"), "debug, info, warning or error"
    )
    test_fault: Path | None = _setting(
        None, _path, "for tests: a file that names a step to fail or end at"
    )

    @property
    def default_network(self) -> DefaultNetwork:
        """What the network ``bridge`` shall be."""
        return DefaultNetwork(
            ipv4=Family(bridge=self.bip, range=self.fixed_cidr, gateway=self.default_gateway),
            ipv6=Family(
                bridge=self.bip6, range=self.fixed_cidr_v6, gateway=self.default_gateway_v6
            ),
            has_ipv6=self.ipv6,
            mtu=self.mtu,
        )

    @property
    def addresses(self) -> tuple[Path | TcpAddress, ...]:
        """Where to listen; those of TCP with their ports."""
        hosts = self.hosts or (self.run_dir / "seaway.sock",)
        return tuple(h if isinstance(h, Path) else h.with_port(tls=self.tlsverify) for h in hosts)

    @property
    def sockets(self) -> tuple[Path, ...]:
        """The Unix sockets to listen on."""
        return tuple(each for each in self.addresses if isinstance(each, Path))

    @property
    def plain(self) -> tuple[TcpAddress, ...]:
        """The addresses to listen on without TLS."""
        tcp = tuple(each for each in self.addresses if isinstance(each, TcpAddress))
        return () if self.tlsverify else tcp


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting as people see it, and where its value comes from."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, and how people see them."""

    config: Config
    shown: tuple[Setting, ...]
    purge: bool = False


def settings(arguments: Sequence[str]) -> Settings:
    """The settings by command line and file; raises InvalidRequest, SystemExit (``--help``)."""
    given = vars(_parser().parse_args(arguments))
    file = Path(given.pop("config") or DEFAULT_FILE)
    purge = bool(given.pop("purge"))
    from_file = _read(file, asked=file != DEFAULT_FILE)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for each in fields(Config):
        for source, origin in ((given, "command line"), (from_file, str(file))):
            value = source.get(each.name)
            if value is not None:
                values[each.name] = _parsed(each.name, each.metadata["parse"], value, origin)
                origins[each.name] = origin
                break
    config = Config(**values)
    config.default_network.wish()  # raises for settings that contradict each other
    refuse_plain(config.plain)
    shown = tuple(
        Setting(
            name=each.name.replace("_", "-"),
            value=as_text(config.addresses if each.name == "hosts" else getattr(config, each.name)),
            origin=origins.get(each.name, "default"),
        )
        for each in fields(Config)
    )
    return Settings(config=config, shown=shown, purge=purge)


def _parsed(name: str, parse: Callable[[object], object], value: object, origin: str) -> object:
    try:
        return parse(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"setting {name.replace('_', '-')} ({origin}): {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seaway daemon",
        description="The engine: keeps networks and sandboxes, and answers on a Unix socket, or on TCP with TLS.",
        epilog="Example: seaway daemon --data-dir /var/lib/seaway --default-address-pool base=10.7.0.0/16,size=24",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", metavar="FILE", help=f"TOML file with settings; default: {DEFAULT_FILE}"
    )
    parser.add_argument(
        "--purge", action="store_true", help="take every trace of Seaway off the host, and end"
    )
    for each in fields(Config):
        meta = each.metadata
        names = [
            n for n in (meta["short"], meta["option"] or f"--{each.name.replace('_', '-')}") if n
        ]
        parser.add_argument(
            *names,
            dest=each.name,
            action="append" if meta["many"] else "store",
            help=meta["doc"] if each.name != "test_fault" else argparse.SUPPRESS,
            **_value(each.name, meta),
        )
    return parser


def _value(name: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    """How argparse takes the value: a bare flag is true."""
    if meta["parse"] is _flag:
        return {"nargs": "?", "const": "true", "metavar": "true|false"}
    return {"metavar": _METAVARS.get(name, "VALUE")}


def _read(file: Path, *, asked: bool) -> Mapping[str, object]:
    try:
        table = tomllib.loads(file.read_text())
    except FileNotFoundError:
        if asked:
            raise InvalidRequest(f"configuration file {file} does not exist") from None
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"configuration file {file} cannot be read: {error}") from None
    known = {each.name for each in fields(Config)}
    found = {name.replace("-", "_"): value for name, value in table.items()}
    if unknown := sorted(set(found) - known):
        names = ", ".join(sorted(n.replace("_", "-") for n in known))
        raise InvalidRequest(
            f"configuration file {file}: there is no setting {unknown[0].replace('_', '-')}; "
            f"settings are {names}"
        )
    return found


def as_text(value: object) -> str:
    """*value* as people see it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(as_text(each) for each in cast(tuple[object, ...], value))
        case AddressPool():
            return f"base={value.base},size={value.size}"
        case _:
            return str(value)
