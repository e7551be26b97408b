"""What a change of a network means: for Linux, and in words for each sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakes.firewall import BACK, FRONT
from fakes.records import a_sandbox, a_subnet, an_endpoint
from seaway.drivers.bridge import BridgeDriver
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import Forbidden, InvalidRequest
from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.network import Network, NetworkChange, NetworkConfig
from seaway.model.options import BridgeOptions, GatewayMode, Icc
from seaway.model.port import Proto, PublishedPort
from seaway.model.sandbox import Sandbox
from seaway.model.switch import Switch, Uplink
from seaway.plan.network_change import (
    Effect,
    Rehanging,
    changes_links,
    effect,
    effect_on_stopped,
    merged,
    network_change_ops,
    refuse_change,
    refuse_outcome,
)
from seaway.plan.operations import (
    ChangeRoute,
    Forget,
    ForgetAddress,
    ForgetAmong,
    Operation,
    inverse,
)
from seaway.plan.wiring import Attachment, Wiring

NETNS = Path("/run/test/ns/b1")
TCP = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
ONLY4 = replace(FRONT, subnets=FRONT.subnets[:1])
ADDRESSES = (ip_address("10.77.1.2"), ip_address("fd77:1::2"))


def with_options(network: Network = FRONT, **options: object) -> Network:
    """*network* with other options."""
    assert isinstance(network.options, BridgeOptions)
    return replace(network, options=replace(network.options, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def hung(network: Network, *, ports: Sequence[PublishedPort] = (), wish: EndpointWish) -> Wiring:
    """A sandbox as .2 in each subnet of *network*."""
    addresses = tuple(
        f"{s.prefix.network_address + 2}/{s.prefix.prefixlen}" for s in network.subnets
    )
    endpoint = an_endpoint("e1", network=network, addresses=addresses, wish=wish)
    attachment = Attachment(network=network, endpoint=endpoint)
    return Wiring(attachments=(attachment,), ports=tuple(ports))


def rehung(
    before: Network,
    after: Network,
    *,
    sandbox: Sandbox | None = None,
    ports: tuple[Sequence[PublishedPort], Sequence[PublishedPort]] = ((), ()),
    wish: EndpointWish | None = None,
    lost: bool = False,
) -> Rehanging:
    """A sandbox on a network that changes from *before* to *after*, with its *ports* before and after."""
    wish = wish or EndpointWish()
    return Rehanging(
        sandbox=sandbox or a_sandbox("b1", "app"),
        netns=NETNS,
        before=hung(before, ports=ports[0], wish=wish),
        after=hung(after, ports=ports[1], wish=wish),
        lost=lost,
    )


def publishing(*ports: PublishedPort) -> Sandbox:
    """A sandbox that wants *ports*."""
    return replace(a_sandbox("b1", "app"), ports=ports)


def said(before: Network, after: Network, rehanging: Rehanging | None = None) -> list[str]:
    """What the change means for a sandbox: the effect, and each sentence."""
    found = effect(before, after, rehanging or rehung(before, after))
    return [found.effect.value, *found.changes]


def ops(before: Network, after: Network, rehanging: Rehanging | None = None) -> list[Operation]:
    """What Linux must do where one sandbox is on the network."""
    network_ops = BridgeDriver().network_ops(before, after)
    on_it = [rehanging or rehung(before, after)]
    return list(network_change_ops(before, after, network_ops, on_it, BridgeDriver()))


def kinds(operations: Sequence[Operation]) -> list[str]:
    """The operations, by name."""
    return [type(op).__name__ for op in operations]


# In words


def test_labels_mean_nothing_to_a_sandbox() -> None:
    assert said(FRONT, replace(FRONT, labels=(("tier", "1"),))) == ["keeps"]


def test_a_stopped_sandbox_takes_every_change_when_it_starts() -> None:
    found = effect_on_stopped(a_sandbox("b1", "app"))

    assert (found.effect, found.changes) == (Effect.KEEPS, ("stopped: takes it when it starts",))


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        (FRONT, with_options(mtu=1400), ["eth0: MTU 1500 becomes 1400"]),
        (ONLY4, FRONT, ["eth0: gets fd77:1::2/64", "goes outside by fd77:1::1 on eth0"]),
        (FRONT, with_options(source_guard=False), ["eth0: source guard off"]),
        (with_options(source_guard=False), FRONT, ["eth0: source guard on"]),
        (
            FRONT,
            replace(FRONT, internal=True),
            ["has no way outside by IPv4 any more", "has no way outside by IPv6 any more"],
        ),
        (FRONT, with_options(icc=Icc.CLOSED), ["is cut off from the others on front"]),
        (with_options(icc=Icc.CLOSED), FRONT, ["reaches the others on front"]),
        (FRONT, with_options(masquerade=False), ["goes outside with its own address"]),
        (with_options(masquerade=False), FRONT, ["goes outside with the address of the host"]),
        (
            FRONT,
            with_options(gateway_mode4=GatewayMode.ROUTED),
            ["goes outside by IPv4 with its own address"],
        ),
        (
            FRONT,
            with_options(sources=(ip_address("192.0.2.9"),)),
            ["goes outside by IPv4 with 192.0.2.9"],
        ),
        (
            FRONT,
            with_options(gateway_mode6=GatewayMode.UNPROTECTED),
            ["all its IPv6 ports are open to the outside"],
        ),
        (
            with_options(gateway_mode6=GatewayMode.UNPROTECTED),
            FRONT,
            ["all its IPv6 ports are closed for the outside"],
        ),
        (
            FRONT,
            replace(FRONT, name=NetworkName("edge")),
            ["is found as app.edge, no longer as .front"],
        ),
        (
            FRONT,
            with_options(dns=(ip_address("10.77.1.9"), ip_address("fd77:1::9"))),
            ["asks 10.77.1.9 and fd77:1::9 for names outside"],
        ),
        (
            with_options(dns=(ip_address("10.77.1.9"),)),
            FRONT,
            ["asks the name servers of the host for names outside"],
        ),
    ],
)
def test_what_changes_live_is_said_in_a_sentence(
    before: Network, after: Network, sentences: list[str]
) -> None:
    assert said(before, after) == ["changes live", *sentences]


def test_who_has_name_servers_of_his_own_asks_them_still() -> None:
    own = a_sandbox("b1", "app")
    own = replace(own, dns=replace(own.dns, servers=(ip_address("192.0.2.53"),)))
    after = with_options(dns=(ip_address("10.77.1.9"),))

    assert said(FRONT, after, rehung(FRONT, after, sandbox=own)) == ["keeps"]


def test_who_is_guarded_by_his_own_wish_stays_so() -> None:
    after = with_options(source_guard=False)

    assert said(FRONT, after, rehung(FRONT, after, wish=EndpointWish(source_guard=True))) == [
        "keeps"
    ]


def test_a_port_that_leads_nowhere_any_more_is_said() -> None:
    after = replace(FRONT, internal=True)
    shut = rehung(FRONT, after, sandbox=publishing(TCP), ports=((TCP,), ()))
    opened = rehung(after, FRONT, sandbox=publishing(TCP), ports=((), (TCP,)))

    assert said(FRONT, after, shut)[-1] == "port 80/tcp is published no longer"
    assert said(after, FRONT, opened)[-1] == "port 80/tcp is published"


def test_a_port_that_is_reached_elsewhere_is_said() -> None:
    ports = replace(TCP, count=2)
    routed = with_options(gateway_mode4=GatewayMode.ROUTED)
    there = rehung(FRONT, routed, sandbox=publishing(ports), ports=((ports,), (ports,)))
    inhibited = with_options(inhibit_ipv4=True)
    shut = rehung(FRONT, inhibited, sandbox=publishing(ports), ports=((ports,), (ports,)))

    assert said(FRONT, routed, there)[1] == (
        "port 80-81/tcp is reached at its own IPv4 address and at the host by IPv6"
    )
    assert said(FRONT, inhibited, shut)[1] == "port 80-81/tcp is reached at the host by IPv6"


def test_a_name_of_interfaces_is_for_the_next_start() -> None:
    after = with_options(ifname_prefix="lan")

    assert said(FRONT, after) == ["needs a restart", "its interface is named lan0, lan1 and so on"]
    named = rehung(FRONT, after, wish=EndpointWish(ifname=IfName("up")))
    assert said(FRONT, after, named) == ["keeps"]


LOOPBACK = with_options(host_binding=ip_address("127.0.0.1"))
ON_LOOPBACK = replace(TCP, host=ip_address("127.0.0.1"))


def test_a_published_port_moves_at_the_next_start() -> None:
    there = rehung(FRONT, LOOPBACK, sandbox=publishing(TCP), ports=((TCP,), (TCP,)))
    back = rehung(LOOPBACK, FRONT, sandbox=publishing(TCP), ports=((ON_LOOPBACK,), (ON_LOOPBACK,)))

    assert said(FRONT, LOOPBACK, there) == ["needs a restart", "its ports move to 127.0.0.1"]
    assert said(LOOPBACK, FRONT, back) == [
        "needs a restart",
        "its ports move to all addresses of the host",
    ]


def test_a_port_that_has_an_address_or_is_not_published_moves_nowhere() -> None:
    asked = replace(TCP, host=ip_address("192.0.2.1"))
    fixed = rehung(FRONT, LOOPBACK, sandbox=publishing(asked), ports=((asked,), (asked,)))

    assert said(FRONT, LOOPBACK, fixed) == ["keeps"]
    assert said(FRONT, LOOPBACK, rehung(FRONT, LOOPBACK, sandbox=publishing(TCP))) == ["keeps"]


def test_a_port_that_the_same_change_publishes_is_where_it_belongs() -> None:
    closed = replace(FRONT, internal=True)
    opened = rehung(closed, LOOPBACK, sandbox=publishing(TCP), ports=((), (ON_LOOPBACK,)))

    assert said(closed, LOOPBACK, opened)[0] == "changes live"


def test_an_interface_that_is_gone_takes_the_change_at_the_next_start() -> None:
    after = with_options(replace(FRONT, internal=True), mtu=1400, icc=Icc.CLOSED)

    assert said(FRONT, after, rehung(FRONT, after, lost=True)) == [
        "needs a restart",
        "is cut off from the others on front",
        "its interface eth0 was taken away inside: it is made anew at the next start",
    ]


# For Linux


def test_labels_and_names_change_nothing_in_linux() -> None:
    after = replace(FRONT, name=NetworkName("edge"), labels=(("tier", "1"),))

    assert ops(FRONT, after) == []


def test_rules_change_in_one_transaction_before_links() -> None:
    after = with_options(mtu=1400, icc=Icc.CLOSED)
    found = ops(FRONT, after)

    assert kinds(found) == ["ChangeElements", *["ChangeMtu"] * 3, "ForgetAmong"]
    assert changes_links(found)
    assert not changes_links(ops(FRONT, with_options(icc=Icc.CLOSED)))


def test_a_new_family_comes_with_gateway_address_and_route() -> None:
    found = ops(ONLY4, FRONT)

    assert kinds(found) == ["ChangeElements", "ChangeGateways", "ChangeAddresses", "ChangeRoute"]
    assert isinstance(found[3], ChangeRoute)
    assert found[3].settled


def flows(before: Network, after: Network) -> list[Operation]:
    """The flows that the change forgets."""
    return [op for op in ops(before, after) if isinstance(op, Forget)]


@pytest.mark.parametrize(
    "after",
    [
        replace(FRONT, internal=True),
        with_options(masquerade=False),
        with_options(gateway_mode4=GatewayMode.ROUTED),
        with_options(sources=(ip_address("192.0.2.9"),)),
    ],
)
def test_what_goes_another_way_or_nowhere_is_forgotten(after: Network) -> None:
    assert flows(FRONT, after) == [ForgetAddress(address=a) for a in ADDRESSES]


def test_brothers_that_are_parted_keep_their_flows_to_the_outside() -> None:
    assert flows(FRONT, with_options(icc=Icc.CLOSED)) == [
        ForgetAmong(addresses=frozenset(ADDRESSES))
    ]


def test_what_is_still_allowed_is_not_cut() -> None:
    trusting = with_options(trusted=(IfName("wg0"),))
    wide = replace(FRONT, subnets=(*FRONT.subnets, a_subnet("10.77.9.0/24")))

    assert flows(FRONT, trusting) == []
    assert flows(trusting, FRONT) == [ForgetAddress(address=a) for a in ADDRESSES]
    assert flows(FRONT, wide) == []
    assert flows(with_options(icc=Icc.CLOSED), FRONT) == []
    assert flows(FRONT, with_options(source_guard=False, mtu=1400)) == []


def varied(base: Network, internal: bool, options: dict[str, object]) -> Network:
    """*base*, internal or not, with other options."""
    return replace(with_options(base, **options), internal=internal)


OPTIONS: dict[str, st.SearchStrategy[object]] = {
    "mtu": st.sampled_from([1280, 1500]),
    "icc": st.sampled_from(Icc),
    "masquerade": st.booleans(),
    "source_guard": st.booleans(),
    "gateway_mode4": st.sampled_from(GatewayMode),
    "gateway_mode6": st.sampled_from(GatewayMode),
}
NETWORKS = st.builds(
    varied, st.sampled_from([FRONT, ONLY4]), st.booleans(), st.fixed_dictionaries(OPTIONS)
)


@given(before=NETWORKS, after=NETWORKS)
def test_a_change_back_is_the_mirror_image_of_a_change(before: Network, after: Network) -> None:
    there = [op for op in ops(before, after) if not isinstance(op, Forget)]
    back = [op for op in ops(after, before) if not isinstance(op, Forget)]

    assert {str(inverse(op)) for op in there} == {str(op) for op in back}


@given(before=NETWORKS, after=NETWORKS)
def test_who_keeps_has_nothing_changed_in_its_namespace(before: Network, after: Network) -> None:
    assume(set(before.versions) <= set(after.versions))  # a change takes no subnet away

    if said(before, after) == ["keeps"]:
        assert {*kinds(ops(before, after))} <= {"ChangeElements", "ChangeGateways", "ForgetAddress"}


# What is refused


def test_a_predefined_network_cannot_be_changed() -> None:
    with pytest.raises(Forbidden, match="front is a pre-defined network and cannot be changed"):
        refuse_change(replace(FRONT, predefined=True), NetworkChange(internal=True))


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default"])
def test_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(Forbidden, match=f"not permitted on predefined {name} network"):
        refuse_change(FRONT, NetworkChange(name=NetworkName(name)))


def test_of_a_configuration_only_name_and_labels_can_change() -> None:
    keeper = replace(FRONT, config=NetworkConfig())
    refuse_change(keeper, NetworkChange(name=NetworkName("x"), labels=(("a", "b"),)))

    with pytest.raises(Forbidden, match="nothing but its name and its labels"):
        refuse_change(keeper, NetworkChange(internal=False))


def test_a_bridge_stays_and_several_subnets_are_never_internal() -> None:
    refuse_outcome(FRONT, replace(FRONT, internal=True))
    wide = replace(FRONT, subnets=(*FRONT.subnets, a_subnet("10.77.9.0/24")), internal=True)

    with pytest.raises(InvalidRequest, match="keeps its bridge sw-aa"):
        refuse_outcome(FRONT, with_options(bridge=BACK.options.bridge))
    with pytest.raises(InvalidRequest, match="cannot be internal with several IPv4 subnets"):
        refuse_outcome(FRONT, wide)


def test_a_vlan_and_an_uplink_stay() -> None:
    switch = Switch(name=IfName("st-eth1"), vlan=50, mac=Mac("02:00:00:00:00:07"))
    uplink = Uplink(name=IfName("eth1"), up=True)
    trunked = with_options(switch=switch, uplink=uplink)

    with pytest.raises(InvalidRequest) as caught:
        refuse_outcome(trunked, with_options(switch=replace(switch, vlan=60), uplink=uplink))
    assert str(caught.value) == (
        "network front keeps its VLAN 50 of st-eth1 with the uplink eth1: for a VLAN 60 of st-eth1 with the "
        "uplink eth1 create another network"
    )
    with pytest.raises(InvalidRequest, match="for a bridge sw-aa0000000000 create another network"):
        refuse_outcome(with_options(uplink=uplink), FRONT)
    refuse_outcome(trunked, with_options(trunked, mtu=1400))


def test_new_values_replace_old_ones_and_none_takes_away() -> None:
    old = (("a", "1"), ("b", "2"), ("", "3"))

    assert merged(old, [("a", None), ("b", "9"), ("nosuch", None), ("c", "")]) == (
        ("b", "9"),
        ("", "3"),
        ("c", ""),
    )


def test_a_family_with_an_address_of_each_endpoint_keeps_the_others() -> None:
    found = rehung(ONLY4, FRONT).ends(ONLY4)

    assert [end.place.addresses for end in found] == [
        (ip_interface("10.77.1.2/24"),),
        (ip_interface("10.77.1.2/24"), ip_interface("fd77:1::2/64")),
    ]
