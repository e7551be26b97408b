"""Which address is next: properties, and the cases of the field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.records import a_network, a_subnet, an_endpoint, an_id
from seaway.model.address import Reservation
from seaway.model.endpoint import Endpoint, EndpointWish, Place
from seaway.model.errors import EngineError, Exhausted, Forbidden, InvalidRequest
from seaway.model.ids import Address, EndpointId, IfName, Mac, SandboxName
from seaway.model.network import Network, Subnet
from seaway.plan import ipam
from seaway.store import addresses
from seaway.store.addresses import NetworkAddresses


class Ground:
    """A network and who has which of its addresses; each endpoint is known by its address."""

    def __init__(self, prefix: str, **more: object) -> None:
        subnet = a_subnet(prefix, **more)
        self.network: Network = replace(a_network(), subnets=(subnet,))
        self.subnet: Subnet = subnet
        self.allocation = CountingAddresses((subnet,))

    def choose(self, asked: str | None = None, former: str | None = None, name: str = "box") -> str:
        """The address that a new endpoint gets, not taken yet."""
        return str(
            ipam.chosen_address(
                self.network,
                self.subnet.version,
                self.allocation,
                self.claimant(name, former),
                asked=ip_address(asked) if asked else None,
            )
        )

    def next_but(self, *others: str, former: str | None = None) -> str:
        """The address that a new endpoint gets by chance where *others* are in use on the LAN."""
        claimant = replace(
            self.claimant("box", former), passes_over=[ip_address(a) for a in others]
        )
        chosen = ipam.chosen_address(self.network, self.subnet.version, self.allocation, claimant)
        return str(chosen)

    def claimant(self, name: str, former: str | None = None) -> ipam.Claimant:
        """A new endpoint of the sandbox *name*, which had the address *former*."""
        place = None
        if former is not None:
            place = an_endpoint(addresses=(f"{former}/{'64' if ':' in former else '24'}",)).place
        return ipam.Claimant(endpoint=EndpointId(an_id("c1")), name=name, place=place)

    def take(self, asked: str | None = None, former: str | None = None) -> str:
        """The address that a new endpoint gets, and takes."""
        address = self.choose(asked, former)
        self.allocation.add(self._holder(address))
        self.allocation.settle(self._holder(address))
        return address

    def release(self, address: str) -> None:
        """Its endpoint goes."""
        self.allocation.drop(self._holder(address))

    def _holder(self, address: str) -> Endpoint:
        number = int(ip_address(address))
        endpoint = an_endpoint(
            addresses=(f"{address}/{self.subnet.prefix.prefixlen}",), mac=f"mac of {address}"
        )
        return replace(endpoint, id=EndpointId(an_id(f"{number:x}")))


class CountingAddresses(NetworkAddresses):
    """Counts the questions for a holder."""

    def __init__(self, subnets: Iterable[Subnet]) -> None:
        super().__init__(subnets)
        self.questions = 0

    def holder(self, address: Address) -> EndpointId | None:
        """Who has it; and one question more."""
        self.questions += 1
        return super().holder(address)


# Properties

PREFIXES = st.sampled_from(["10.77.0.0/28", "10.77.0.0/29", "10.77.0.0/30", "fd77::/124"])


@given(prefix=PREFIXES, turns=st.lists(st.integers(min_value=-20, max_value=20), max_size=60))
def test_addresses_are_fresh_while_there_are_any_and_then_the_longest_free(
    prefix: str, turns: list[int]
) -> None:
    ground = Ground(prefix)
    everybody = {str(a) for a in ground.subnet.prefix}
    never = {str(ground.subnet.gateway), str(ground.subnet.prefix[0])}
    if ground.subnet.version == 4:
        never.add(str(ground.subnet.prefix[-1]))
    held, released = list[str](), list[str]()

    for turn in turns:
        if turn < 0 and held:
            address = held.pop(-turn % len(held))
            ground.release(address)
            released.append(address)
            continue
        fresh = everybody - never - set(held) - set(released)
        if not fresh and not released:
            with pytest.raises(Exhausted):
                ground.choose()
            continue
        address = ground.take()
        if fresh:
            assert address in fresh
        else:
            assert address == released.pop(0)
        held.append(address)


@given(
    asked=st.lists(st.integers(min_value=0, max_value=15), max_size=20),
    aux=st.sets(st.integers(min_value=2, max_value=14), max_size=5),
)
def test_nobody_gets_a_held_or_reserved_address(asked: list[int], aux: set[int]) -> None:
    auxiliary = tuple((f"aux{n}", ip_address("10.77.0.0") + n) for n in sorted(aux))
    ground = Ground("10.77.0.0/28", auxiliary=auxiliary)
    never = {0, 1, 15, *aux}
    held = set[int]()

    for number in asked:
        if number in never | held:
            with pytest.raises((InvalidRequest, Forbidden)):
                ground.choose(f"10.77.0.{number}")
            continue
        assert ground.take(f"10.77.0.{number}") == f"10.77.0.{number}"
        held.add(number)
    for _ in range(16 - len(never | held)):
        number = int(ground.take().rpartition(".")[2])
        assert number not in never | held
        held.add(number)
    with pytest.raises(Exhausted):
        ground.choose()


# The cases of the field


def test_13_endpoints_fit_into_a_28_and_the_14th_is_told_so() -> None:
    ground = Ground("10.77.5.0/28")

    given = [ground.take() for _ in range(13)]

    assert given == [f"10.77.5.{n}" for n in range(2, 15)]
    with pytest.raises(Exhausted) as caught:
        ground.choose()
    assert str(caught.value) == (
        "no available IPv4 addresses on this network's address pools: na1 (a10000000000): "
        "10.77.5.0/28 is exhausted, 13 of 13 in use; "
        "remove an endpoint, or add a subnet: seaway network update na1 --add-subnet SUBNET"
    )


def test_a_range_of_one_address_gives_it_once() -> None:
    ground = Ground(
        "10.77.7.0/24", gateway=ip_address("10.77.7.254"), range=ip_network("10.77.7.100/32")
    )

    assert ground.take() == "10.77.7.100"
    with pytest.raises(Exhausted, match=r"10\.77\.7\.100/32 is exhausted, 1 of 1 in use"):
        ground.choose()


def test_a_fixed_address_may_be_outside_of_the_range() -> None:
    ground = Ground("10.77.7.0/24", range=ip_network("10.77.7.100/32"))

    assert ground.take("10.77.7.20") == "10.77.7.20"
    ground.release("10.77.7.20")
    assert ground.take() == "10.77.7.100"
    with pytest.raises(Exhausted):
        ground.choose()


def test_a_released_address_is_not_given_again_at_once() -> None:
    ground = Ground("10.77.0.0/29")
    for address in (ground.take(), ground.take()):
        ground.release(address)

    assert [ground.take() for _ in range(5)] == [
        "10.77.0.4",
        "10.77.0.5",
        "10.77.0.6",
        "10.77.0.2",
        "10.77.0.3",
    ]


def test_the_former_address_is_given_again_while_it_is_free() -> None:
    ground = Ground("10.77.0.0/24")
    former = ground.take()
    ground.release(former)

    assert ground.choose(former=former) == "10.77.0.2"
    ground.take("10.77.0.2")
    assert ground.choose(former=former) == "10.77.0.3"


@pytest.mark.parametrize("former", ["10.99.0.2", "10.77.0.0", "10.77.0.1", "10.77.0.255", "::1"])
def test_a_former_address_that_nobody_can_have_is_not_given(former: str) -> None:
    assert Ground("10.77.0.0/24").choose(former=former) == "10.77.0.2"


def test_fresh_addresses_of_any_subnet_go_before_those_that_were_held() -> None:
    ground = Ground("10.77.0.0/30")
    more = a_subnet("10.78.0.0/30")
    ground.release(ground.take())
    ground.network = replace(ground.network, subnets=(ground.subnet, more))
    ground.allocation.fit(ground.network.subnets)

    assert ground.take() == "10.78.0.2"
    assert ground.take() == "10.77.0.2"
    with pytest.raises(
        Exhausted, match=r"10\.77\.0\.0/30 is exhausted, 1 of 1 in use, 10\.78\.0\.0/30"
    ):
        ground.choose()


def test_refusals_name_the_holder() -> None:
    ground = Ground("10.77.0.0/24", auxiliary=(("router", ip_address("10.77.0.9")),))
    ground.take("10.77.0.5")

    assert [refusal(ground, f"10.77.0.{n}") for n in (5, 1, 9)] == [
        f"Address already in use: 10.77.0.5 on network na1 is held by {an_id('a4d0005')}",
        "Address already in use: 10.77.0.1 on network na1 is the gateway",
        "Address already in use: 10.77.0.9 on network na1 is the auxiliary address router",
    ]


def refusal(ground: Ground, asked: str) -> str:
    """The sentence with which *asked* is refused."""
    with pytest.raises(EngineError) as caught:
        ground.choose(asked)
    return str(caught.value)


def test_the_last_address_of_an_ipv6_subnet_is_given_and_the_first_is_not() -> None:
    ground = Ground("fd77::/126")

    assert [ground.take(), ground.take()] == ["fd77::2", "fd77::3"]
    with pytest.raises(Exhausted):
        ground.choose()
    with pytest.raises(InvalidRequest, match="subnet-router anycast address"):
        ground.choose("fd77::")


# Quick by construction


def test_each_of_1000_endpoints_costs_three_questions_at_most() -> None:
    ground = Ground("10.64.0.0/12")

    for _ in range(1000):
        ground.allocation.questions = 0
        ground.take()
        assert ground.allocation.questions <= 3


def test_a_thousand_reserved_and_a_thousand_kept_addresses_are_not_looked_through() -> None:
    ground = Ground("10.64.0.0/12")
    first = ip_address("10.64.0.2")
    ground.allocation.reserve(
        Reservation(address=first + n, name=SandboxName(f"s{n}"), since=1) for n in range(1000)
    )
    for n in range(1000, 2000):
        wish = EndpointWish(addresses=(first + n,))
        ground.allocation.add(an_endpoint(f"{n:04d}", wish=wish, live=False))

    for n in range(1000):
        ground.allocation.questions = 0
        assert ip_address(ground.take()) == first + 2000 + n
        assert ground.allocation.questions <= 3


def test_an_address_costs_a_few_questions_when_all_were_given_once() -> None:
    ground = Ground("10.77.0.0/20")
    for _ in range(4093):
        ground.release(ground.take())

    for _ in range(10):
        ground.allocation.questions = 0
        ground.release(ground.take())
        assert ground.allocation.questions <= 3


def test_an_address_of_a_range_costs_a_few_questions_when_all_of_it_were_given_once() -> None:
    ground = Ground("10.0.0.0/8", range=ip_network("10.77.0.0/20"))
    for number in range(10):
        ground.take(f"10.1.0.{number + 5}")
    for _ in range(4096):
        ground.release(ground.take())

    for _ in range(10):
        ground.allocation.questions = 0
        ground.release(ground.take())
        assert ground.allocation.questions <= 3


def test_an_address_costs_a_few_questions_when_more_were_given_than_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "MAX_RELEASED", 1000)
    ground = Ground("fd77::/64")
    for _ in range(1500):
        ground.release(ground.take())

    for _ in range(1500):
        ground.allocation.questions = 0
        ground.release(ground.take())
        assert ground.allocation.questions <= 3


# Places and interface names


def test_a_place_has_addresses_with_the_length_of_their_subnets() -> None:
    network = a_network("a1", ("10.77.0.0/24", "fd77::/64"))

    place = ipam.place(
        network,
        [ip_address("10.77.0.2"), ip_address("fd77::2")],
        ifname=IfName("eth0"),
        mac=Mac("02:00:00:00:00:02"),
    )

    assert isinstance(place, Place)
    assert [str(a) for a in place.addresses] == ["10.77.0.2/24", "fd77::2/64"]
    assert (place.address(4), place.address(6)) == (
        ip_address("10.77.0.2"),
        ip_address("fd77::2"),
    )


@pytest.mark.parametrize(
    ("taken", "free"),
    [([], "eth0"), (["eth0"], "eth1"), (["eth1"], "eth0"), (["eth0", "eth2", "x"], "eth1")],
)
def test_the_lowest_free_interface_name_is_given(taken: list[str], free: str) -> None:
    assert ipam.free_ifname(IfName(t) for t in taken) == free


# Others on the LAN


def test_what_others_on_the_lan_have_is_passed_over() -> None:
    ground = Ground("192.0.2.0/29")
    assert ground.next_but("192.0.2.2", "192.0.2.3") == "192.0.2.4"
    assert ground.next_but("192.0.2.5", former="192.0.2.5") == "192.0.2.2"
    for number in range(2, 7):
        ground.take(f"192.0.2.{number}")
        ground.release(f"192.0.2.{number}")

    assert ground.next_but("192.0.2.2") == "192.0.2.3"


def test_an_exhausted_subnet_says_how_much_of_it_others_have() -> None:
    ground = Ground("192.0.2.0/29")
    ground.take("192.0.2.2")

    with pytest.raises(Exhausted, match=r"5 of 5 in use \(4 of them by others on the LAN\)"):
        ground.next_but(*(f"192.0.2.{n}" for n in range(3, 7)), "198.51.100.7")


def test_those_that_follow_an_address_go_round_and_leave_out_what_somebody_has() -> None:
    ground = Ground("192.0.2.0/29")
    for address in ("192.0.2.4", "192.0.2.5"):
        ground.take(address)

    found = ipam.following(ground.network, ip_address("192.0.2.4"), ground.allocation, 5)

    assert [str(a) for a in found] == ["192.0.2.6", "192.0.2.2", "192.0.2.3"]
