"""From one way of hanging to another: default route, ports, flows, and the order of it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fakes.firewall import BACK, FRONT, VAULT
from fakes.records import a_network, a_route, an_endpoint
from seaway.drivers.bridge import BridgeDriver
from seaway.model.endpoint import EndpointWish
from seaway.model.ids import IfName
from seaway.model.network import Network, Reach
from seaway.model.options import GatewayMode
from seaway.model.port import Proto, PublishedPort
from seaway.plan.firewall import INET
from seaway.plan.operations import (
    AttachVeth,
    ChangeElements,
    ChangeRoute,
    DetachVeth,
    ForgetAddress,
    ForgetPort,
    Operation,
)
from seaway.plan.wiring import (
    UNWIRED,
    Attachment,
    Wiring,
    change_ops,
    default_attachment,
    elements,
    route,
    target,
    ways_in,
)

NETNS = Path("/run/test/ns/b1")
TCP = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
UDP = PublishedPort(proto=Proto.UDP, port=53, host_port=5300, count=2)


def attached(network: Network, number: int, *, priority: int = 0) -> Attachment:
    """The sandbox's endpoint of that number, 1 to 9, as .2 on *network*."""
    addresses = tuple(
        f"{s.prefix.network_address + 2}/{s.prefix.prefixlen}" for s in network.subnets
    )
    endpoint = an_endpoint(
        f"e{number}",
        network=network,
        addresses=addresses,
        order=number,
        ifname=f"eth{number - 1}",
        wish=EndpointWish(gw_priority=priority),
    )
    return Attachment(network=network, endpoint=endpoint)


ON_FRONT, ON_BACK, ON_VAULT = attached(FRONT, 1), attached(BACK, 2), attached(VAULT, 3)
OLD = a_network("dd", ("10.77.4.0/24",), name="old")
ON_OLD = attached(OLD, 4)


def hung(*attachments: Attachment, ports: tuple[PublishedPort, ...] = ()) -> Wiring:
    """A sandbox that hangs so."""
    return Wiring(attachments=attachments, ports=ports)


def change(before: Wiring, after: Wiring, *, cut_streams: bool = False) -> list[Operation]:
    """What leads from one to the other."""
    return list(change_ops(before, after, NETNS, BridgeDriver(), cut_streams=cut_streams))


def kinds(operations: Sequence[Operation]) -> list[str]:
    """The names of *operations*."""
    return [type(o).__name__ for o in operations]


def flows(operations: Sequence[Operation]) -> list[ForgetPort]:
    """Those of *operations* that forget flows of ports."""
    return [o for o in operations if isinstance(o, ForgetPort)]


# The default route


def test_the_default_route_goes_by_the_first_connected() -> None:
    assert route(hung(ON_BACK, ON_FRONT), 4) == a_route("eth0", "10.77.1.1")
    assert route(hung(ON_BACK, ON_FRONT), 6) == a_route("eth0", "fd77:1::1")


def test_the_highest_gateway_priority_goes_before_the_first() -> None:
    first, second = attached(FRONT, 1, priority=-1), attached(BACK, 2)

    assert default_attachment(hung(first, second), 4) == second
    assert default_attachment(hung(ON_FRONT, attached(BACK, 2, priority=1)), 4) != ON_FRONT


def test_an_internal_network_leads_nowhere() -> None:
    assert route(hung(ON_VAULT), 4) is None
    assert route(hung(attached(VAULT, 1, priority=9), ON_BACK), 4) == a_route("eth1", "10.77.2.1")
    assert target(hung(ON_VAULT), 4) is None


def test_each_family_has_a_default_route_of_its_own() -> None:
    wiring = hung(attached(OLD, 1, priority=9), ON_BACK)

    assert route(wiring, 4) == a_route("eth0", "10.77.4.1")
    assert route(wiring, 6) == a_route("eth1", "fd77:2::1")


def test_the_default_route_moves_and_can_be_put_back() -> None:
    operations = change(hung(ON_FRONT, ON_OLD), hung(ON_OLD))

    front4, old4 = a_route("eth0", "10.77.1.1"), a_route("eth3", "10.77.4.1")
    front6 = a_route("eth0", "fd77:1::1")
    assert ChangeRoute(netns=NETNS, version=4, old=front4, new=old4, settled=True) in operations
    assert ChangeRoute(netns=NETNS, version=6, old=front6, new=None, settled=True) in operations


def test_a_default_route_that_stays_is_not_said_again() -> None:
    assert "ChangeRoute" not in kinds(change(hung(ON_FRONT), hung(ON_FRONT, ON_BACK)))


# Ports


def test_ports_follow_the_default_route() -> None:
    before = hung(ON_FRONT, ON_BACK, ports=(TCP,))

    (rules,) = (
        o for o in change(before, hung(ON_BACK, ports=(TCP,))) if isinstance(o, ChangeElements)
    )

    old = {e.value for e in rules.old - rules.new if e.set == "any4"}
    new = {e.value for e in rules.new - rules.old if e.set == "any4"}
    assert (old, new) == ({"10.77.1.2 . 80"}, {"10.77.2.2 . 80"})


def test_ports_of_a_sandbox_without_a_way_out_lead_nowhere() -> None:
    assert elements(hung(ON_VAULT, ports=(TCP, UDP))) == elements(hung(ON_VAULT))


def test_udp_flows_are_forgotten_when_a_port_moves() -> None:
    before, after = hung(ON_FRONT, ON_OLD, ports=(TCP, UDP)), hung(ON_OLD, ports=(TCP, UDP))

    assert flows(change(before, after)) == [
        ForgetPort(proto=Proto.UDP, host_port=5300, count=2, version=4),
        ForgetPort(proto=Proto.UDP, host_port=5300, count=2, version=6),
    ]


def test_udp_flows_are_forgotten_when_a_port_comes_and_when_it_goes() -> None:
    without, with_ = hung(ON_OLD), hung(ON_OLD, ports=(TCP, UDP))
    forgotten = [ForgetPort(proto=Proto.UDP, host_port=5300, count=2, version=4)]

    assert flows(change(without, with_)) == forgotten
    assert flows(change(with_, without)) == forgotten
    assert flows(change(with_, with_)) == []


def test_flows_are_forgotten_once_when_only_the_sources_change() -> None:
    limited = replace(UDP, sources=(ip_network("10.0.0.0/8"),))

    assert flows(change(hung(ON_OLD, ports=(UDP,)), hung(ON_OLD, ports=(limited,)))) == [
        ForgetPort(proto=Proto.UDP, host_port=5300, count=2, version=4)
    ]


def test_open_streams_end_only_when_they_shall() -> None:
    before, after = hung(ON_OLD, ports=(TCP,)), hung(ON_OLD)

    assert flows(change(before, after)) == []
    assert flows(change(before, after, cut_streams=True)) == [
        ForgetPort(proto=Proto.TCP, host_port=8080, version=4)
    ]


def test_flows_of_an_address_that_goes_are_forgotten() -> None:
    operations = change(hung(ON_FRONT, ON_BACK), hung(ON_FRONT))

    assert [o for o in operations if isinstance(o, ForgetAddress)] == [
        ForgetAddress(address=ip_address("10.77.2.2")),
        ForgetAddress(address=ip_address("fd77:2::2")),
    ]


def test_a_port_on_one_address_forgets_flows_to_it_alone() -> None:
    local = replace(UDP, host=ip_address("127.0.0.1"))

    assert flows(change(hung(ON_FRONT), hung(ON_FRONT, ports=(local,)))) == [
        ForgetPort(
            proto=Proto.UDP, host=ip_address("127.0.0.1"), host_port=5300, count=2, version=4
        )
    ]


# The order


def test_rules_come_before_links_and_routes_after_them() -> None:
    assert kinds(change(UNWIRED, hung(ON_OLD, ports=(UDP,)))) == [
        "ChangeElements",
        "AttachVeth",
        "ChangeRoute",
        "ForgetPort",
    ]


def test_links_are_cut_before_their_rules_go() -> None:
    assert kinds(change(hung(ON_OLD, ports=(UDP,)), UNWIRED)) == [
        "DetachVeth",
        "ChangeElements",
        "ChangeRoute",
        "ForgetAddress",
        "ForgetPort",
    ]


def test_nothing_to_change_is_nothing_to_do() -> None:
    assert change(hung(ON_FRONT, ports=(TCP,)), hung(ON_FRONT, ports=(TCP,))) == []


ATTACHMENTS = st.lists(
    st.sampled_from([ON_FRONT, ON_BACK, ON_VAULT, ON_OLD]), max_size=4, unique=True
)
PORTS = st.lists(st.sampled_from([TCP, UDP]), max_size=2, unique=True)
WIRINGS = st.builds(Wiring, attachments=ATTACHMENTS.map(tuple), ports=PORTS.map(tuple))


@given(before=WIRINGS, after=WIRINGS)
def test_a_change_and_the_change_back_are_mirror_images(before: Wiring, after: Wiring) -> None:
    there, back = change(before, after), change(after, before)

    made = {o.link for o in there if isinstance(o, AttachVeth)}
    assert made == {o.link for o in back if isinstance(o, DetachVeth)}
    rules = [o for o in there if isinstance(o, ChangeElements)]
    assert [ChangeElements(old=o.new, new=o.old) for o in rules] == [
        o for o in back if isinstance(o, ChangeElements)
    ]


@given(wiring=WIRINGS)
def test_without_ports_nothing_leads_in(wiring: Wiring) -> None:
    found = {e.set for e in elements(replace(wiring, ports=()))}

    assert not {s for s in found if s.startswith(("any4", "any6", "one", "range", "hairpin"))}


@given(wiring=WIRINGS)
def test_ports_lead_to_an_address_of_the_default_routes_network(wiring: Wiring) -> None:
    for version in (4, 6):
        way = default_attachment(wiring, version)
        place = way.endpoint.place if way else None
        leading = {e.value for e in elements(wiring) if e.set == f"any{version}"}
        prefix = f"{place.address(version)} . " if place else "nowhere"

        assert all(value.startswith(prefix) for value in leading)


# Where the host translates nothing


def hanging_as(network: Network, **options: object) -> Network:
    """*network* with other options."""
    return replace(network, options=replace(network.options, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


ROUTED = hanging_as(FRONT, gateway_mode4=GatewayMode.ROUTED)
ON_ROUTED = attached(ROUTED, 1)


def leading(wiring: Wiring) -> list[str]:
    """The elements of its published ports, but for those of the hairpin."""
    found = (e for e in elements(wiring) if e.table == INET and not e.set.startswith("hairpin"))
    return sorted(f"{e.set} {e.text()}" for e in found)


def test_each_family_leads_as_the_default_routes_network_hangs_in_it() -> None:
    assert leading(hung(ON_ROUTED, ports=(TCP,))) == [
        "any6 tcp . 8080 : fd77:1::2 . 80",
        "direct4 10.77.1.2 . tcp . 80",
    ]
    assert ways_in(hung(ON_ROUTED)) == (4, 6)
    assert ways_in(hung(ON_ROUTED), Reach.HOST) == (6,)
    assert ways_in(hung(ON_ROUTED), Reach.OWN) == (4,)


def test_ports_of_a_network_whose_gateway_is_somebody_else_lead_nowhere() -> None:
    inhibited = attached(hanging_as(FRONT, inhibit_ipv4=True), 1)

    assert leading(hung(inhibited, ports=(TCP,))) == ["any6 tcp . 8080 : fd77:1::2 . 80"]
    assert route(hung(inhibited), 4) == a_route("eth0", "10.77.1.1")


def test_trusted_links_make_ports_reachable_both_ways() -> None:
    trusting = attached(hanging_as(OLD, trusted=(IfName("eth9"),)), 1)

    assert leading(hung(trusting, ports=(TCP,))) == [
        "any4 tcp . 8080 : 10.77.4.2 . 80",
        "direct4 10.77.4.2 . tcp . 80",
    ]


def test_of_a_direct_port_that_is_unpublished_the_flows_to_the_sandbox_are_forgotten() -> None:
    found = change(hung(ON_ROUTED, ports=(TCP, UDP)), hung(ON_ROUTED, ports=(TCP,)))

    assert flows(found) == [
        ForgetPort(proto=Proto.UDP, version=4, host=ip_address("10.77.1.2"), host_port=53, count=2),
        ForgetPort(proto=Proto.UDP, version=6, host_port=5300, count=2),
    ]


def test_another_direct_port_to_the_same_number_keeps_it_open() -> None:
    twice = (TCP, replace(TCP, host_port=9090))

    changes = change(hung(ON_ROUTED, ports=twice), hung(ON_ROUTED, ports=(TCP,)))

    gone = [e.set for o in changes if isinstance(o, ChangeElements) for e in o.old - o.new]
    assert gone == ["any6"]


def test_an_auxiliary_address_of_dockers_name_is_the_default_gateway() -> None:
    other = ip_address("10.77.4.9")
    subnets = (replace(OLD.subnets[0], auxiliary=(("DefaultGatewayIPv4", other),)),)

    assert route(hung(attached(replace(OLD, subnets=subnets), 1)), 4) == a_route(
        "eth0", "10.77.4.9"
    )
