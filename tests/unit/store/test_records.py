"""Records as the store's file keeps them: files that are there already must be read for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.records import a_network
from seaway.model.network import Network
from seaway.model.options import HostOptions, NullOptions, Options
from seaway.store.records import decoded, encoded

BRIDGE = a_network("a1")
ID = "a1" + 62 * "0"
OLD_BRIDGED = (
    '{"bridge":"sw-a10000000000","mtu":1500,"icc":"open","masquerade":true,"source_guard":true,'
    '"host_binding":null,"dns":[]}'
)
"""As it was before there were gateway modes."""
BRIDGED = OLD_BRIDGED.removesuffix("}") + (
    ',"gateway_mode4":"nat","gateway_mode6":"nat","inhibit_ipv4":false,"sources":[],"trusted":[],'
    '"ifname_prefix":"eth","adopted":null}'
)


MORE = ',"ipam_options":null,"config":null,"config_from":null,"reservations":[]'


def text(driver: str, options: str, *, more: str = MORE) -> bytes:
    """A network without subnets, as files have it; *more* is what the first files did not have."""
    return (
        f'{{"driver":"{driver}","network":{{"id":"{ID}","name":"na1","created":1,"options":{options},'
        '"subnets":[],"internal":false,"attachable":false,"predefined":false,"labels":[],'
        f'"asked_options":[]{more}}}}}'
    ).encode()


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (BRIDGE.options, text("bridge", BRIDGED)),
        (HostOptions(), text("host", "{}")),
        (NullOptions(), text("null", "{}")),
    ],
)
def test_a_network_is_kept_under_the_word_of_its_driver(options: Options, kept: bytes) -> None:
    network = replace(BRIDGE, options=options, subnets=())

    assert encoded(network) == kept
    assert decoded(Network, kept) == network


def test_options_that_an_older_file_does_not_have_are_as_they_were_then() -> None:
    network = replace(BRIDGE, subnets=())

    assert decoded(Network, text("bridge", OLD_BRIDGED)) == network


def test_a_network_of_the_first_files_has_no_reservations() -> None:
    network = replace(BRIDGE, subnets=())

    assert decoded(Network, text("bridge", BRIDGED, more="")) == network
