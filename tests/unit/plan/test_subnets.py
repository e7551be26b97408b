"""Which subnets a network gets, and the sentences for those that no network can have."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.config import DEFAULT_POOLS
from seaway.model.errors import AddressClash, EngineError, Exhausted, Forbidden, InvalidRequest
from seaway.model.ids import IfName, Mac, NetworkName, Prefix
from seaway.model.network import NetworkWish, Subnet, SubnetWish
from seaway.model.observed import Observed
from seaway.model.options import Adopted, BridgeOptions
from seaway.plan.subnets import (
    AddressPool,
    fitted,
    free_subnet,
    overlap,
    planned_subnets,
    skipped_for_routes,
    subnet_prefix,
)

PLAIN = NetworkWish(name=NetworkName("n1"))


def pool(base: str, size: int) -> AddressPool:
    """A pool of pieces with prefix length *size*."""
    return AddressPool(base=ip_network(base), size=size)


POOLS = (pool("10.77.0.0/16", 24), pool("10.78.0.0/16", 24), pool("fd77::/48", 64))


def prefixes(*texts: str) -> tuple[Prefix, ...]:
    """*texts* as prefixes."""
    return tuple(ip_network(text) for text in texts)


def planned(
    subnet: str | None = None,
    *,
    used: tuple[str, ...] = (),
    routed: tuple[str, ...] = (),
    gateway: str | None = None,
    range_: str | None = None,
    aux: tuple[tuple[str, str], ...] = (),
) -> Subnet:
    """The one subnet of a network that is asked for so."""
    wish = SubnetWish(
        prefix=subnet_prefix(subnet) if subnet else None,
        gateway=ip_address(gateway) if gateway else None,
        range=ip_network(range_) if range_ else None,
        auxiliary=tuple((n, ip_address(a)) for n, a in aux),
    )
    version = 6 if subnet and ":" in subnet else 4
    (found,) = planned_subnets(
        replace(PLAIN, ipv4=version == 4, ipv6=version == 6, subnets=(wish,) if subnet else ()),
        POOLS,
        [(NetworkName(f"u{n}"), p) for n, p in enumerate(prefixes(*used))],
        prefixes(*routed),
    )
    return found


def refusal(subnet: str, **wish: object) -> str:
    """The sentence with which such a network is refused."""
    with pytest.raises((AddressClash, InvalidRequest, Forbidden)) as caught:
        planned(subnet, **wish)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return str(caught.value).removeprefix("invalid network config:\n")


# Pools (FR-02, FR-03)


def test_200_networks_get_subnets_of_the_default_pools_that_do_not_overlap() -> None:
    used = list[Prefix]()

    for _ in range(200):
        found = free_subnet(DEFAULT_POOLS, 4, used, [])
        assert not any(overlap(found, other) for other in used)
        used.append(found)

    assert (str(used[0]), str(used[15]), str(used[31])) == (
        "172.17.0.0/16",
        "192.168.0.0/20",
        "10.128.0.0/24",
    )


def test_a_pool_that_is_used_up_is_told_with_the_setting_to_extend() -> None:
    small = (pool("10.78.0.0/29", 30),)
    used = [free_subnet(small, 4, [], [])]
    used.append(free_subnet(small, 4, used, []))

    with pytest.raises(Exhausted) as caught:
        free_subnet(small, 4, used, [])

    assert [str(p) for p in used] == ["10.78.0.0/30", "10.78.0.4/30"]
    assert str(caught.value) == (
        "all predefined address pools have been fully subnetted: pool 10.78.0.0/29 in /30: "
        "2 of 2 in use; add pools by the setting default-address-pools (--default-address-pool), "
        "or give --subnet"
    )
    assert free_subnet(small, 4, used[1:], []) == used[0]


def test_a_subnet_that_the_host_reaches_is_passed_over_and_the_route_is_told() -> None:
    routed = prefixes("10.77.0.0/16")

    found = planned(routed=("10.77.0.0/16",))

    assert str(found.prefix) == "10.78.0.0/24"
    assert found.asked is False
    assert skipped_for_routes(POOLS, found.prefix, [], routed) == routed


def test_pieces_that_networks_use_are_not_told_as_passed_over_for_routes() -> None:
    used, routed = prefixes("10.77.0.0/24"), prefixes("10.77.0.0/23")

    found = free_subnet(POOLS, 4, used, routed)

    assert str(found) == "10.77.2.0/24"
    assert skipped_for_routes(POOLS, found, used, routed) == routed
    assert skipped_for_routes(POOLS, ip_network("10.77.1.0/24"), used, []) == ()


def test_a_piece_smaller_than_what_is_used_is_found_behind_it() -> None:
    found = free_subnet(POOLS, 4, prefixes("10.77.0.0/17", "10.77.128.7/32"), [])

    assert str(found) == "10.77.129.0/24"


def test_hidden_pieces_are_counted_beside_those_in_use() -> None:
    small = (pool("10.78.0.0/28", 30),)

    with pytest.raises(Exhausted) as caught:
        free_subnet(small, 4, prefixes("10.78.0.0/30"), prefixes("10.78.0.0/24"))

    assert "pool 10.78.0.0/28 in /30: 1 of 4 in use, 4 routed by the host;" in str(caught.value)


def test_a_large_pool_behind_a_route_is_told_at_once() -> None:
    large = (pool("fd00::/8", 64), pool("10.0.0.0/8", 30))

    for version, route in ((6, "fc00::/7"), (4, "10.0.0.0/7")):
        with pytest.raises(Exhausted):
            free_subnet(large, version, [], prefixes(route))

    behind = (*large, pool("fd77::/64", 64))
    found = free_subnet((large[0], behind[2]), 6, [], prefixes("fd00::/9"))
    assert str(found) == "fd80::/64"
    assert skipped_for_routes(large, found, [], prefixes("fd00::/9")) == prefixes("fd00::/9")


def test_ipv6_comes_from_its_own_pools_and_second() -> None:
    found = planned_subnets(replace(PLAIN, ipv6=True), POOLS, [], [])

    assert [str(s.prefix) for s in found] == ["10.77.0.0/24", "fd77::/64"]
    assert [str(s.gateway) for s in found] == ["10.77.0.1", "fd77::1"]


def test_a_network_may_have_ipv6_alone_and_not_nothing() -> None:
    (found,) = planned_subnets(replace(PLAIN, ipv4=False, ipv6=True), POOLS, [], [])
    assert str(found.prefix) == "fd77::/64"

    with pytest.raises(InvalidRequest) as caught:
        planned_subnets(replace(PLAIN, ipv4=False), POOLS, [], [])
    assert str(caught.value) == ("invalid network config:\nIPv4 or IPv6 must be enabled")


# What is asked for


def test_gateway_range_and_auxiliary_addresses_are_as_asked() -> None:
    found = planned(
        "10.77.7.0/24", gateway="10.77.7.254", range_="10.77.7.100/32", aux=(("r", "10.77.7.9"),)
    )

    assert found == Subnet(
        prefix=ip_network("10.77.7.0/24"),
        gateway=ip_address("10.77.7.254"),
        range=ip_network("10.77.7.100/32"),
        auxiliary=(("r", ip_address("10.77.7.9")),),
    )


def test_the_gateway_that_nobody_gave_is_no_auxiliary_address() -> None:
    found = planned("10.77.7.0/24", aux=(("a", "10.77.7.1"), ("b", "10.77.7.2")))

    assert str(found.gateway) == "10.77.7.3"


def test_an_overlap_with_another_network_is_refused_with_its_name() -> None:
    assert refusal("10.9.0.0/16", used=("10.8.0.0/24", "10.9.3.0/24")) == (
        "invalid pool request: Pool overlaps with other one on this address space: "
        "10.9.0.0/16 overlaps 10.9.3.0/24 of network u1"
    )


def test_an_overlap_with_a_route_is_the_users_choice() -> None:
    assert str(planned("10.9.0.0/16", routed=("10.9.0.0/16",)).prefix) == "10.9.0.0/16"


PRIVATE = "try a private one like 10.77.0.0/24 or fd77::/64"


@pytest.mark.parametrize(
    ("subnet", "sentence"),
    [
        ("10.77.55.7/24", "invalid subnet 10.77.55.7/24: it should be 10.77.55.0/24"),
        ("fd77::7/64", "invalid subnet fd77::7/64: it should be fd77::/64"),
        (
            "10.77.55.0/32",
            (
                "invalid subnet 10.77.55.0/32: it has no room for a gateway and an endpoint; "
                "/30 is the smallest"
            ),
        ),
        (
            "10.77.55.0/31",
            (
                "invalid subnet 10.77.55.0/31: it has no room for a gateway and an endpoint; "
                "/30 is the smallest"
            ),
        ),
        (
            "fd77::/127",
            (
                "invalid subnet fd77::/127: it has no room for a gateway and an endpoint; "
                "/126 is the smallest"
            ),
        ),
        ("0.0.0.0/0", f"invalid subnet 0.0.0.0/0: it holds every address; {PRIVATE}"),
        ("::/0", f"invalid subnet ::/0: it holds every address; {PRIVATE}"),
        ("224.0.0.0/24", f"invalid subnet 224.0.0.0/24: it holds multicast; {PRIVATE}"),
        ("128.0.0.0/1", f"invalid subnet 128.0.0.0/1: it holds multicast; {PRIVATE}"),
        ("ff05::/64", f"invalid subnet ff05::/64: it holds multicast; {PRIVATE}"),
        ("127.0.0.0/8", f"invalid subnet 127.0.0.0/8: it holds loopback; {PRIVATE}"),
        ("126.0.0.0/7", f"invalid subnet 126.0.0.0/7: it holds loopback; {PRIVATE}"),
        ("0.0.0.0/24", f"invalid subnet 0.0.0.0/24: it holds the unspecified network; {PRIVATE}"),
        (
            "fe80::/64",
            (
                "invalid subnet fe80::/64: it holds link-local addresses, which every IPv6 link has "
                f"anyway; {PRIVATE}"
            ),
        ),
        (
            "10.77.55.0",
            "invalid subnet 10.77.55.0: it should be like 10.77.0.0/24 or fd77::/64",
        ),
        (
            "10.77.55.0/33",
            "invalid subnet '10.77.55.0/33': it should be like 10.77.0.0/24 or fd77::/64",
        ),
        (
            "fd00::%} x/64",
            ("invalid subnet 'fd00::%} x/64': it has a scope; leave out the % and what follows it"),
        ),
    ],
)
def test_a_subnet_that_no_network_can_have_is_refused(subnet: str, sentence: str) -> None:
    assert refusal(subnet) == sentence


def test_the_last_address_of_all_is_broadcast() -> None:
    assert refusal("240.0.0.0/4") == (
        f"invalid subnet 240.0.0.0/4: it holds addresses of no host; {PRIVATE}"
    )


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (
            {"gateway": "fd00::1"},
            "invalid gateway fd00::1: parent subnet 10.77.55.0/24 doesn't contain this address",
        ),
        (
            {"gateway": "10.99.0.1"},
            "invalid gateway 10.99.0.1: parent subnet 10.77.55.0/24 doesn't contain this address",
        ),
        (
            {"gateway": "10.77.55.0"},
            (
                "invalid gateway 10.77.55.0: it is the network address of 10.77.55.0/24; "
                "try 10.77.55.1"
            ),
        ),
        (
            {"gateway": "10.77.55.255"},
            (
                "invalid gateway 10.77.55.255: it is the broadcast address of 10.77.55.0/24; "
                "try 10.77.55.1"
            ),
        ),
        (
            {"range_": "10.99.0.0/24"},
            "invalid ip-range 10.99.0.0/24: parent subnet 10.77.55.0/24 doesn't contain this range",
        ),
        (
            {"range_": "10.77.0.0/16"},
            "invalid ip-range 10.77.0.0/16: parent subnet 10.77.55.0/24 doesn't contain this range",
        ),
        (
            {"range_": "fd77::/64"},
            "invalid ip-range fd77::/64: parent subnet 10.77.55.0/24 doesn't contain this range",
        ),
        (
            {"range_": "10.77.55.1/32"},
            "invalid ip-range 10.77.55.1/32: it has no address that an endpoint could get",
        ),
        (
            {"aux": (("r", "10.99.0.1"),)},
            (
                "invalid auxiliary address r 10.99.0.1: "
                "parent subnet 10.77.55.0/24 doesn't contain this address"
            ),
        ),
        (
            {"gateway": "10.77.55.9", "aux": (("r", "10.77.55.9"),)},
            (
                "failed to allocate secondary ip address (r:10.77.55.9): Address already in use "
                "as the gateway"
            ),
        ),
    ],
)
def test_a_wish_that_does_not_fit_its_subnet_is_refused(
    wish: dict[str, object], sentence: str
) -> None:
    assert refusal("10.77.55.0/24", **wish) == sentence


def two(*texts: str) -> NetworkWish:
    """A wish for two subnets."""
    return replace(PLAIN, subnets=tuple(SubnetWish(prefix=ip_network(t)) for t in texts))


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (
            two("10.77.1.0/24", "10.77.1.128/25"),
            "invalid network config:\nsubnets 10.77.1.0/24 and 10.77.1.128/25 overlap",
        ),
        (
            two("10.77.1.0/24", "10.77.2.0/24"),
            "bridge driver doesn't support multiple subnets",
        ),
        (
            two("fd77::/64"),
            (
                "invalid network config:\nsubnet fd77::/64 is given, "
                "but IPv6 is not enabled on network n1"
            ),
        ),
        (
            replace(PLAIN, subnets=(SubnetWish(gateway=ip_address("10.77.0.1")),)),
            (
                "invalid network config:\ninvalid gateway 10.77.0.1: "
                "parent subnet invalid Prefix doesn't contain this address; give the subnet that does"
            ),
        ),
        (
            replace(PLAIN, subnets=(SubnetWish(range=ip_network("10.77.0.0/25")),)),
            (
                "invalid network config:\ninvalid ip-range 10.77.0.0/25: "
                "parent subnet invalid Prefix doesn't contain this address; give the subnet that does"
            ),
        ),
    ],
)
def test_subnets_that_do_not_go_together_are_refused(wish: NetworkWish, sentence: str) -> None:
    with pytest.raises(EngineError) as caught:
        planned_subnets(wish, POOLS, [], [])

    assert str(caught.value) == sentence


def test_prefixes_of_two_families_never_overlap() -> None:
    assert not overlap(ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert overlap(ip_network("fd77::/48"), ip_network("fd77:0:0:1::/64"))


@given(
    used=st.lists(st.tuples(st.integers(0, 63), st.integers(26, 32)), max_size=6),
    size=st.integers(27, 30),
)
def test_the_first_free_piece_is_what_looking_at_each_would_find(
    used: list[tuple[int, int]], size: int
) -> None:
    taken = [ip_network(f"10.77.0.{n}/{length}", strict=False) for n, length in used]
    pieces: list[Prefix] = [*IPv4Network("10.77.0.0/26").subnets(new_prefix=size)]
    free = [p for p in pieces if not any(overlap(p, t) for t in taken)]
    small = (pool("10.77.0.0/26", size),)

    if free:
        assert free_subnet(small, 4, taken, []) == free[0]
    else:
        with pytest.raises(Exhausted, match=f"{len(pieces)} of {len(pieces)} in use"):
            free_subnet(small, 4, taken, [])


A_HOST = Observed(links={}, routes=(), default_mtu=1500, addresses=())


# A bridge that is there already


def on_bridge(
    *wishes: SubnetWish,
    held: tuple[str, ...] = ("10.9.1.1/24", "fd09::1/64"),
    inhibit_ipv4: bool = False,
) -> tuple[SubnetWish, ...]:
    """What is asked for where the host has the addresses *held* on its bridge br0."""
    adopted = Adopted(
        mac=Mac("02:00:00:00:00:09"), group=0, up=True, held=tuple(map(ip_interface, held))
    )
    bridge = BridgeOptions(
        bridge=IfName("br0"), mtu=1500, adopted=adopted, inhibit_ipv4=inhibit_ipv4
    )
    return fitted(replace(PLAIN, subnets=wishes), bridge, A_HOST).subnets


def wished(prefix: str, gateway: str | None = None, **aside: str) -> SubnetWish:
    """*prefix*, with these addresses set aside."""
    return SubnetWish(
        prefix=ip_network(prefix),
        gateway=ip_address(gateway) if gateway else None,
        auxiliary=tuple((n, ip_address(a)) for n, a in aside.items()),
    )


def test_a_bridge_gives_its_subnet_and_its_address_is_the_gateway() -> None:
    assert on_bridge() == (wished("10.9.1.0/24", "10.9.1.1"),)
    assert on_bridge(wished("10.9.1.0/25")) == (wished("10.9.1.0/25", "10.9.1.1"),)


def test_an_address_that_is_not_the_gateway_is_set_aside() -> None:
    assert on_bridge(wished("10.9.1.0/24", "10.9.1.9")) == (
        wished("10.9.1.0/24", "10.9.1.9", br0="10.9.1.1"),
    )
    assert on_bridge(inhibit_ipv4=True) == (wished("10.9.1.0/24", br0="10.9.1.1"),)
    assert on_bridge(held=("10.9.1.1/24", "10.9.1.7/24")) == (
        wished("10.9.1.0/24", "10.9.1.1", br0="10.9.1.7"),
    )


def test_a_subnet_without_an_address_of_the_bridge_is_as_it_was_asked_for() -> None:
    assert on_bridge(wished("10.8.0.0/24")) == (wished("10.8.0.0/24"),)
    assert on_bridge(held=()) == ()
