"""Records as JSON and back: the form in which the store's file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path, PurePath
from typing import TypeVar, cast

import msgspec
from cattrs import Converter

from seaway.contracts import Record
from seaway.model.endpoint import Endpoint
from seaway.model.ids import Address, Interface, Prefix
from seaway.model.lease import Lease4, Lease6
from seaway.model.network import Network
from seaway.model.options import KINDS, Options
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Sandbox

_OF_ADDRESSES = (
    IPv4Address,
    IPv6Address,
    IPv4Network,
    IPv6Network,
    IPv4Interface,
    IPv6Interface,
)
_TEXTS = (*_OF_ADDRESSES, PurePath)

R = TypeVar("R", Network, Sandbox, Endpoint, PublishedPort, Lease4, Lease6)


def encoded(record: Record | PublishedPort | Lease4 | Lease6) -> bytes:
    """*record* as JSON."""
    if isinstance(record, Network):
        return msgspec.json.encode({"driver": record.driver, "network": record}, enc_hook=_text)
    return msgspec.json.encode(record, enc_hook=_text)


def decoded(kind: type[R], data: bytes) -> R:
    """The record of *kind* that ``encoded`` made *data* of."""
    plain = msgspec.json.decode(data)
    if kind is Network:
        plain["network"]["options"]["driver"] = plain["driver"]
        plain = plain["network"]
    return _CONVERTER.structure(plain, kind)


def _text(value: object) -> str:
    if isinstance(value, _TEXTS):
        return str(value)
    raise NotImplementedError(type(value))


def _options(plain: Mapping[str, object], _: object) -> object:
    fields = dict(plain)
    return cast(object, _CONVERTER.structure(fields, KINDS[str(fields.pop("driver"))]))


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=False)
    converter.register_structure_hook(Address, lambda text, _: ip_address(text))
    converter.register_structure_hook(Prefix, lambda text, _: ip_network(text))
    converter.register_structure_hook(Interface, lambda text, _: ip_interface(text))
    converter.register_structure_hook(
        Address | None, lambda t, _: None if t is None else ip_address(t)
    )
    converter.register_structure_hook(
        Prefix | None, lambda t, _: None if t is None else ip_network(t)
    )
    converter.register_structure_hook(Path | None, lambda t, _: None if t is None else Path(t))
    for kind in _OF_ADDRESSES:
        converter.register_structure_hook(kind, lambda text, kind: kind(text))
    converter.register_structure_hook(Options, _options)
    return converter


_CONVERTER = _converter()
