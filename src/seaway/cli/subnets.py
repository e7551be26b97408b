"""The subnets that options name, each with what of the other options lies in it."""

from __future__ import annotations

from seaway.cli.failure import Failure
from seaway.cli.values import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.options import Args


def subnets(args: Args, name: str) -> list[object]:
    """Each subnet given by the option *name*, with the gateway, range and other addresses in it.

    Raises Failure.
    """
    configs: list[dict[str, object]] = [{"Subnet": subnet} for subnet in args.every(name)]
    for key, option, what in (("Gateway", "gateway", "gateway"), ("IPRange", "ip-range", "range")):
        for value in args.every(option):
            if not configs:
                raise Failure("every ip-range or gateway must have a corresponding subnet")
            config = _holder(configs, value, what)
            if key in config:
                raise Failure(f"subnet {config['Subnet']} has two --{option}")
            config[key] = value
    for item in args.every("aux-address"):
        name, equals, address = item.partition("=")
        if not equals:
            raise Failure(f"--aux-address is NAME=ADDRESS, not {item!r}")
        config = _holder(configs, address, "aux-address")
        config["AuxiliaryAddresses"] = {**fields(config, "AuxiliaryAddresses"), name: address}
    return [*configs]


def _holder(configs: list[dict[str, object]], value: str, what: str) -> dict[str, object]:
    """The one of *configs* whose subnet holds the address or range *value*."""
    from ipaddress import ip_network  # noqa: PLC0415

    try:
        inner = ip_network(value, strict=False)
        for config in configs:
            outer = ip_network(str(config["Subnet"]), strict=False)
            if (
                inner.version == outer.version
                and inner.network_address in outer
                and inner.broadcast_address in outer
            ):
                return config
    except ValueError as error:
        raise Failure(f"no matching subnet for {what} {value}: {error}") from None
    raise Failure(f"no matching subnet for {what} {value}")
