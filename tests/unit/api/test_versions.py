"""What each version of the API has."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from seaway.api import wire
from seaway.api.wire.versions import LATEST, MEMBERS, OLDEST, PARAMETERS
from unit.api.stage import Stage


def endpoint(**more: object) -> wire.Endpoint:
    return wire.Endpoint(
        ipam_config=None,
        aliases=["db"],
        short_id="992ea21979a2",
        mac_address="",
        driver_opts=None,
        gw_priority=0,
        network_id="",
        endpoint_id="",
        gateway="",
        ip_address="",
        ip_prefix_len=0,
        ipv6_gateway="",
        global_ipv6_address="",
        global_ipv6_prefix_len=0,
        dns_names=["web"],
        **more,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )


def test_each_row_of_the_table_names_a_member_and_is_not_for_all_versions() -> None:
    for member in MEMBERS:
        assert member.name in member.shape.__struct_fields__, member
        assert OLDEST <= member.since <= member.until <= LATEST, member
        assert (member.since, member.until) != (OLDEST, LATEST), member
    assert all(OLDEST < since <= LATEST for since in PARAMETERS.values())


@pytest.mark.parametrize(
    ("version", "aliases", "absent"),
    [
        ((1, 24), ["db", "992ea21979a2"], {"DriverOpts", "DNSNames", "GwPriority"}),
        ((1, 43), ["db", "992ea21979a2"], {"DNSNames", "GwPriority"}),
        ((1, 44), ["db", "992ea21979a2"], {"GwPriority"}),
        ((1, 45), ["db"], {"GwPriority"}),
        ((1, 48), ["db"], set[str]()),
    ],
)
def test_an_endpoint_gains_members_and_loses_its_short_id(
    version: tuple[int, int], aliases: list[str], absent: set[str]
) -> None:
    shown = wire.decoded(
        wire.encoded(wire.as_of([{"web": endpoint()}], version)), list[dict[str, dict[str, object]]]
    )[0]["web"]

    assert shown["Aliases"] == aliases
    assert {"DriverOpts", "DNSNames", "GwPriority"} - shown.keys() == absent
    assert "ShortId" not in shown


def test_where_the_short_id_is_no_name_it_is_no_alias() -> None:
    found = endpoint()
    found.short_id = UNSET

    assert wire.as_of(found, (1, 24)).aliases == ["db"]


def test_what_a_version_could_not_ask_for_is_not_read() -> None:
    asked = wire.decoded(
        b'{"Name": "n", "EnableIPv4": false, "ConfigFrom": {"Network": "c"}}', wire.NetworkCreate
    )

    assert wire.as_of(asked, (1, 46)).enable_ipv4 is None
    assert asked.config_from == wire.ConfigFrom(network="c")
    assert wire.as_of(asked, (1, 29)).config_from is None


async def test_a_list_of_networks_had_their_containers_until_1_27_and_the_word_until_1_41(
    stage: Stage,
) -> None:
    identity = await stage.run("web")

    old = await stage.good("GET", '/v1.27/networks?filters={"name":["bridge"]}')
    empty = await stage.good("GET", '/v1.28/networks?filters={"name":["bridge"]}')
    new = await stage.good("GET", '/v1.42/networks?filters={"name":["bridge"]}')

    assert list(old[0]["Containers"]) == [identity]
    assert empty[0]["Containers"] == {}
    assert "Containers" not in new[0]


async def test_parameters_of_later_versions_are_not_read(stage: Stage) -> None:
    assert (await stage.call("GET", "/v1.30/networks/bridge?scope=swarm")).status == 200
    assert (await stage.call("GET", "/v1.31/networks/bridge?scope=swarm")).status == 404
    assert (await stage.call("GET", "/v1.27/networks/bridge?verbose=maybe")).status == 200
    assert (await stage.call("GET", "/v1.28/networks/bridge?verbose=maybe")).message == (
        "invalid value for verbose: maybe: it is true or false"
    )


async def test_info_gains_facts(stage: Stage) -> None:
    old, middle, new = [await stage.good("GET", f"/v{v}/info") for v in ("1.38", "1.41", "1.49")]

    assert "Warnings" not in old
    assert "CgroupVersion" not in old
    assert middle["CgroupVersion"] in {"1", "2"}
    assert "FirewallBackend" not in middle
    assert new["FirewallBackend"] == {"Driver": "nftables", "Info": []}
    assert (new["IPv4Forwarding"], new["BridgeNfIptables"]) == (False, False)
    assert "BridgeNfIptables" not in await stage.good("GET", "/info")
    stage.world.kernel.sysctls["net/ipv4/ip_forward"] = "1"
    assert (await stage.good("GET", "/info"))["IPv4Forwarding"] is True
