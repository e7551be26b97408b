"""Route netlink messages, checked by hand, by fuzzing and against pyroute2."""

from __future__ import annotations

import struct
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyroute2.netlink import nlmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import (
    Link,
    LinkChange,
    Malformed,
    PortFlags,
    Refusal,
    Reply,
    Request,
    Route,
    attribute,
)
from seaway.model.ids import IfName, Interface, Mac
from seaway.model.parent import Ipvlan, IpvlanFlag, IpvlanMode, Macvlan, MacvlanMode

NEAR = LinkChange(name=IfName("sv-1"), mac=Mac("02:00:00:00:00:01"), mtu=1400, master=7, group=3)
FAR = LinkChange(name=IfName("eth0"), mac=Mac("02:00:00:00:00:02"), mtu=1400)


def as_pyroute2_sees(kind: type[nlmsg], request: Request) -> Any:
    """*request* decoded by the oracle."""
    message: Any = kind(rtnetlink.pack(request, 5))
    message.decode()
    assert message["header"]["length"] == len(rtnetlink.pack(request, 5))
    assert message["header"]["sequence_number"] == 5
    return message


# --- requests ---


def test_a_request_begins_with_length_type_flags_and_sequence() -> None:
    packed = rtnetlink.pack(Request(17, 4, b"abcd"), 9)

    assert packed == struct.pack("=IHHII", 20, 17, 5, 9, 0) + b"abcd"


def test_an_attribute_is_padded_to_four_bytes() -> None:
    assert attribute(3, b"lo\0") == struct.pack("=HH", 7, 3) + b"lo\0\0"
    assert attribute(3, b"") == struct.pack("=HH", 4, 3)


def test_a_veth_pair_is_made_in_one_message() -> None:
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.new_veth(NEAR, FAR, 42))

    info = seen.get_attr("IFLA_LINKINFO")
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert seen["header"]["type"] == 16
    assert seen["header"]["flags"] == 1 | 4 | 0x600
    assert seen["flags"] == 0
    assert seen.get_attr("IFLA_IFNAME") == "sv-1"
    assert seen.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:01"
    assert seen.get_attr("IFLA_MTU") == 1400
    assert seen.get_attr("IFLA_MASTER") == 7
    assert seen.get_attr("IFLA_GROUP") == 3
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    assert peer.get_attr("IFLA_IFNAME") == "eth0"
    assert peer.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:02"
    assert peer.get_attr("IFLA_MTU") == 1400
    assert peer.get_attr("IFLA_NET_NS_FD") == 42


def test_a_bridge_is_made_without_delay_and_spanning_tree() -> None:
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.new_bridge(LinkChange(name=IfName("sw-1"))))

    info = seen.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_DATA")
    assert info.get_attr("IFLA_INFO_KIND") == "bridge"
    assert data.get_attr("IFLA_BR_FORWARD_DELAY") == 0
    assert data.get_attr("IFLA_BR_STP_STATE") == 0


def test_a_port_gets_its_flags_in_the_message_that_brings_it_up() -> None:
    port = PortFlags(learning=False, locked=True, hairpin=True, unicast_flood=False)
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.raise_port(9, port))

    info = seen.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_SLAVE_DATA")
    assert (seen["index"], seen["flags"], seen["change"]) == (9, 1, 1)
    assert seen["header"]["flags"] == 1 | 4
    assert info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge"
    assert data.get_attr("IFLA_BRPORT_LEARNING") == 0
    assert data.get_attr("IFLA_BRPORT_UNICAST_FLOOD") == 0
    assert data.get_attr("IFLA_BRPORT_MODE") == 1
    assert data.get_attr("IFLA_BRPORT_LOCKED") == 1


def test_a_closed_port_takes_and_sends_nothing() -> None:
    port, flush = rtnetlink.close_port(9)
    seen, flushed = as_pyroute2_sees(ifinfmsg, port), as_pyroute2_sees(ndmsg, flush)

    data = seen.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_SLAVE_DATA")
    floods = ("UNICAST_FLOOD", "MCAST_FLOOD", "BCAST_FLOOD")
    assert (seen["index"], seen["change"]) == (9, 0)
    assert [data.get_attr(f"IFLA_BRPORT_{flood}") for flood in floods] == [0, 0, 0]
    assert data.get_attr("IFLA_BRPORT_LEARNING") == 0
    assert data.get_attr("IFLA_BRPORT_STATE") == 0
    assert data.get_attr("IFLA_BRPORT_ISOLATED") == 1
    assert (flushed["header"]["type"], flushed["header"]["flags"]) == (29, 1 | 4 | 0x200)
    assert (flushed["family"], flushed["ifindex"], flushed["flags"]) == (7, 9, 4)


@pytest.mark.parametrize(
    ("change", "flags", "mask"),
    [
        (LinkChange(up=True), 1, 1),
        (LinkChange(up=False, master=0), 0, 1),
        (LinkChange(name=IfName("x"), group=0x5EB), 0, 0),
    ],
)
def test_a_change_touches_only_what_it_names(change: LinkChange, flags: int, mask: int) -> None:
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.change_link(3, change))

    assert (seen["index"], seen["flags"], seen["change"]) == (3, flags, mask)
    assert seen.get_attr("IFLA_MASTER") == change.master
    assert seen.get_attr("IFLA_GROUP") == change.group
    assert seen.get_attr("IFLA_IFNAME") == change.name
    assert seen.get_attr("IFLA_MTU") is None


def test_a_group_is_deleted_by_its_number_alone() -> None:
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.delete_group(0x5EB))

    assert (seen["header"]["type"], seen["index"]) == (17, 0)
    assert seen.get_attr("IFLA_GROUP") == 0x5EB


def made_link(seen: Any) -> tuple[str, Any]:
    """The kind of the link that a request makes, and the data of the kind."""
    info = seen.get_attr("IFLA_LINKINFO")
    return info.get_attr("IFLA_INFO_KIND"), info.get_attr("IFLA_INFO_DATA")


@pytest.mark.parametrize(
    ("mode", "number"), [("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)]
)
def test_a_macvlan_link_is_made_on_its_parent_right_inside(mode: str, number: int) -> None:
    near = LinkChange(name=IfName("eth0"), mac=Mac("02:00:00:00:00:02"))
    kind = Macvlan(mode=MacvlanMode(mode), bclim=-1)
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.new_on_parent(near, 7, kind, 33))

    assert seen.get_attr("IFLA_LINK") == 7
    assert seen.get_attr("IFLA_NET_NS_FD") == 33
    assert seen.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:02"
    word, data = made_link(seen)
    assert (word, data.get_attr("IFLA_MACVLAN_MODE")) == ("macvlan", mode)
    whole = rtnetlink.new_on_parent(near, 7, kind, 33).body
    assert attribute(1, struct.pack("=I", number)) in whole
    assert attribute(9, struct.pack("=i", -1)) in whole


@pytest.mark.parametrize(("mode", "number"), [("l2", 0), ("l3", 1), ("l3s", 2)])
@pytest.mark.parametrize(("flag", "bits"), [("bridge", 0), ("private", 1), ("vepa", 2)])
def test_an_ipvlan_link_has_mode_and_flag(mode: str, number: int, flag: str, bits: int) -> None:
    near = LinkChange(name=IfName("eth0"))
    kind = Ipvlan(mode=IpvlanMode(mode), flag=IpvlanFlag(flag))
    request = rtnetlink.new_on_parent(near, 7, kind, None)
    seen = as_pyroute2_sees(ifinfmsg, request)

    assert made_link(seen)[0] == "ipvlan"
    assert seen.get_attr("IFLA_NET_NS_FD") is None
    data = attribute(1, struct.pack("=H", number)) + attribute(2, struct.pack("=H", bits))
    assert attribute(2, data) in request.body


def test_a_vlan_subinterface_and_a_dummy_link_are_made_as_such() -> None:
    vlan = as_pyroute2_sees(ifinfmsg, rtnetlink.new_vlan(LinkChange(name=IfName("e.50")), 7, 50))
    dummy = as_pyroute2_sees(ifinfmsg, rtnetlink.new_dummy(LinkChange(name=IfName("d"))))

    assert vlan.get_attr("IFLA_LINK") == 7
    assert made_link(vlan)[0] == "vlan"
    assert made_link(vlan)[1].get_attr("IFLA_VLAN_ID") == 50
    assert made_link(dummy)[0] == "dummy"


def test_a_switch_keeps_vlans_apart_and_has_no_default_one() -> None:
    seen = as_pyroute2_sees(ifinfmsg, rtnetlink.new_switch(LinkChange(name=IfName("st-1"))))

    word, data = made_link(seen)
    assert word == "bridge"
    assert data.get_attr("IFLA_BR_VLAN_FILTERING") == 1
    assert data.get_attr("IFLA_BR_VLAN_DEFAULT_PVID") == 0
    assert data.get_attr("IFLA_BR_FORWARD_DELAY") == 0


def vlan_infos(seen: Any) -> list[tuple[int, int]]:
    """The flags and VLANs that a request names."""
    infos = seen.get_attr("IFLA_AF_SPEC").get_attrs("IFLA_BRIDGE_VLAN_INFO")
    return [(info["flags"], info["vid"]) for info in infos]


def test_a_vlan_passes_a_port_tagged_and_the_bridge_itself() -> None:
    port = as_pyroute2_sees(ifinfmsg, rtnetlink.pass_vlan(9, 50))
    host = as_pyroute2_sees(ifinfmsg, rtnetlink.pass_vlan(9, 50, to_host=True))
    gone = as_pyroute2_sees(ifinfmsg, rtnetlink.drop_vlan(9, 50, to_host=True))

    assert [seen["header"]["type"] for seen in (port, host, gone)] == [19, 19, 17]
    for seen in (port, host, gone):
        assert (seen["family"], seen["index"]) == (7, 9)
        assert vlan_infos(seen) == [(0, 50)]
    assert port.get_attr("IFLA_AF_SPEC").get_attr("IFLA_BRIDGE_VLAN_FLAGS") is None
    assert host.get_attr("IFLA_AF_SPEC").get_attr("IFLA_BRIDGE_VLAN_FLAGS") == 2
    assert gone.get_attr("IFLA_AF_SPEC").get_attr("IFLA_BRIDGE_VLAN_FLAGS") == 2


def test_a_port_is_put_into_one_vlan_and_out_of_all_others() -> None:
    out, into = (as_pyroute2_sees(ifinfmsg, r) for r in rtnetlink.put_into_vlan(9, 50))

    assert (out["header"]["type"], vlan_infos(out)) == (17, [(8, 1), (16, 4094)])
    assert (into["header"]["type"], vlan_infos(into)) == (19, [(6, 50)])


@pytest.mark.parametrize("text", ["10.7.0.2", "fd00:7::2"])
def test_a_host_is_reached_right_behind_a_link(text: str) -> None:
    address = ip_address(text)
    added = as_pyroute2_sees(rtmsg, rtnetlink.add_route(4, ip_network(address), None))
    gone = as_pyroute2_sees(rtmsg, rtnetlink.delete_route(4, ip_network(address)))

    assert (added["dst_len"], added["table"], added["type"]) == (address.max_prefixlen, 254, 1)
    assert added["scope"] == (253 if address.version == 4 else 0)
    for seen in (added, gone):
        assert seen.get_attr("RTA_DST") == text
        assert seen.get_attr("RTA_OIF") == 4
        assert seen.get_attr("RTA_GATEWAY") is None


@pytest.mark.parametrize(("version", "scope"), [(4, 253), (6, 0)])
def test_a_default_route_may_need_no_gateway(version: int, scope: int) -> None:
    seen = as_pyroute2_sees(rtmsg, rtnetlink.replace_default_route(4, version, None))

    assert (seen["dst_len"], seen["scope"], seen["type"]) == (0, scope, 1)
    assert seen.get_attr("RTA_GATEWAY") is None
    assert seen.get_attr("RTA_OIF") == 4


@pytest.mark.parametrize("text", ["10.7.0.2/16", "fd00:7::2/64"])
def test_an_address_gets_no_duplicate_detection(text: str) -> None:
    address = ip_interface(text)
    seen = as_pyroute2_sees(ifaddrmsg, rtnetlink.add_address(4, address))

    assert (seen["index"], seen["prefixlen"]) == (4, address.network.prefixlen)
    assert seen["family"] == (2 if address.version == 4 else 10)
    assert seen.get_attr("IFA_LOCAL") == str(address.ip)
    assert seen.get_attr("IFA_ADDRESS") == str(address.ip)
    assert seen.get_attr("IFA_FLAGS") == 2


@pytest.mark.parametrize("text", ["10.7.0.1", "fd00:7::1"])
def test_a_default_route_replaces_the_former(text: str) -> None:
    seen = as_pyroute2_sees(
        rtmsg, rtnetlink.replace_default_route(4, ip_address(text).version, ip_address(text))
    )

    assert seen["header"]["flags"] == 1 | 4 | 0x100 | 0x400
    assert (seen["dst_len"], seen["table"], seen["type"]) == (0, 254, 1)
    assert seen.get_attr("RTA_GATEWAY") == text
    assert seen.get_attr("RTA_OIF") == 4


@pytest.mark.parametrize(("version", "metric"), [(4, None), (6, 512)])
def test_our_default_route_is_none_of_a_routers_by_its_metric(
    version: int, metric: int | None
) -> None:
    added = as_pyroute2_sees(rtmsg, rtnetlink.replace_default_route(4, version, None))
    gone = as_pyroute2_sees(rtmsg, rtnetlink.delete_default_route(version))

    assert [seen.get_attr("RTA_PRIORITY") for seen in (added, gone)] == [metric, metric]


@pytest.mark.parametrize(
    ("flags", "is_told"),
    [
        (0x100, True),
        (0x180, True),  # with no end
        (0x82, False),  # by hand
        (0x140, False),  # tentative
        (0x148, False),  # somebody else has it
        (0x120, False),  # deprecated
        (0x001, False),  # temporary
    ],
)
def test_an_address_of_a_router_is_told_while_it_may_be_used(flags: int, is_told: bool) -> None:
    head = rtnetlink.add_address(4, ip_interface("2001:db8::5/64")).body[:8]
    body = head + attribute(8, struct.pack("=I", flags))

    assert rtnetlink.is_autoconfigured(body) is is_told
    assert rtnetlink.is_autoconfigured(head) is False


def test_the_route_to_the_loopback_address_is_local_with_a_metric() -> None:
    seen = as_pyroute2_sees(rtmsg, rtnetlink.add_local_route(4, IPv6Address("::1"), 1028))

    assert (seen["dst_len"], seen["table"], seen["type"]) == (128, 255, 2)
    assert seen.get_attr("RTA_DST") == "::1"
    assert seen.get_attr("RTA_OIF") == 4
    assert seen.get_attr("RTA_PRIORITY") == 1028


def test_a_guarded_address_is_static_on_its_port() -> None:
    request = rtnetlink.add_neighbour_of_bridge(4, Mac("02:00:00:00:00:02"))
    seen = as_pyroute2_sees(ndmsg, request)

    assert (seen["family"], seen["ifindex"], seen["state"], seen["flags"]) == (7, 4, 0x40, 4)
    assert seen.get_attr("NDA_LLADDR") == "02:00:00:00:00:02"
    assert seen.get_attr("NDA_VLAN") is None


def test_a_guarded_address_is_static_in_its_vlan() -> None:
    request = rtnetlink.add_neighbour_of_bridge(4, Mac("02:00:00:00:00:02"), 50)

    assert as_pyroute2_sees(ndmsg, request).get_attr("NDA_VLAN") == 50


# --- answers ---


def test_an_acknowledgement_of_zero_is_no_refusal() -> None:
    assert rtnetlink.refusal(Reply(2, 0x100, 1, struct.pack("=i16x", 0))) is None
    assert rtnetlink.refusal(Reply(3, 2, 1, struct.pack("=i", 0))) is None


def test_a_refusal_has_the_kernels_words_where_it_gives_any() -> None:
    words = attribute(1, b"Nexthop has invalid gateway\0")
    head = struct.pack("=IHHII", 20, 24, 5, 1, 0)
    capped = Reply(2, 0x300, 1, struct.pack("=i", -101) + head + words)
    whole = Reply(2, 0x200, 1, struct.pack("=i", -101) + head + b"abcd" + words)
    silent = Reply(2, 0x100, 1, struct.pack("=i", -17) + head)

    assert rtnetlink.refusal(capped) == Refusal(101, "Nexthop has invalid gateway")
    assert rtnetlink.refusal(whole) == Refusal(101, "Nexthop has invalid gateway")
    assert rtnetlink.refusal(silent) == Refusal(17, "File exists")


def test_a_link_is_read_as_pyroute2_writes_it() -> None:
    message: Any = ifinfmsg()
    message["index"], message["flags"] = 7, 0x1043
    message["attrs"] = [
        ("IFLA_IFNAME", "sv-1"), ("IFLA_MTU", 1400), ("IFLA_MASTER", 3), ("IFLA_GROUP", 0x5EA),
        ("IFLA_LINK", 2),
    ]  # fmt: skip
    message.encode()
    (reply,) = rtnetlink.replies(bytes(message.data))

    link = rtnetlink.link(reply.body)

    assert link == Link(
        index=7, name=IfName("sv-1"), flags=0x1043, mtu=1400, group=0x5EA, master=3, peer=2
    )
    assert link.up


@pytest.mark.parametrize(("state", "up"), [(6, True), (0, False), (2, False)])
def test_a_link_of_unknown_state_is_not_operational(state: int, up: bool) -> None:
    assert rtnetlink.link(bytes(16) + attribute(16, bytes([state]))).operational is up


def test_what_is_known_of_a_kind_alone_is_read_where_it_is_that_kind() -> None:
    def a_link(kind: bytes, data: bytes) -> rtnetlink.Link:
        info = attribute(1, kind + b"\0") + attribute(2, data)
        return rtnetlink.link(bytes(16) + attribute(18, info))

    vlan = a_link(b"vlan", attribute(1, struct.pack("=H", 50)))
    macvlan = a_link(b"macvlan", attribute(1, b"\4\0\0\0") + attribute(9, struct.pack("=i", -1)))

    assert (vlan.vlan, vlan.bclim) == (50, None)
    assert (macvlan.vlan, macvlan.bclim) == (0, -1)
    assert a_link(b"macvlan", attribute(1, b"\4\0\0\0")).bclim is None


def test_the_vlans_of_a_port_are_read_with_their_ranges() -> None:
    infos = [(6, 1), (8, 10), (16, 12), (0, 50)]
    found = b"".join(attribute(2, struct.pack("=HH", *info)) for info in infos)
    body = struct.pack("=BxHiII", 7, 1, 9, 0, 0) + attribute(26, attribute(0, b"\0\0") + found)

    assert rtnetlink.vlans(body) == (9, frozenset({1, 10, 11, 12, 50}))
    assert rtnetlink.vlans(bytes(16)) == (0, frozenset())
    with pytest.raises(Malformed):
        rtnetlink.vlans(bytes(16) + attribute(26, attribute(2, b"\0\0")))


@pytest.mark.parametrize(("state", "forwards"), [(3, True), (0, False), (2, False)])
def test_a_port_forwards_in_one_state_only(state: int, forwards: bool) -> None:
    port = attribute(5 | 0x8000, attribute(1, bytes([state])))
    body = bytes(16) + attribute(18, attribute(4, b"bridge\0") + port)

    assert rtnetlink.port_forwards(body) is forwards
    assert rtnetlink.port_forwards(bytes(16)) is False


@given(
    st.ip_addresses().flatmap(
        lambda a: st.integers(0, a.max_prefixlen).map(lambda n: ip_interface((a, n)))
    )
)
def test_an_address_that_was_packed_is_read_back(address: Interface) -> None:
    assert rtnetlink.address(rtnetlink.add_address(4, address).body) == (4, address)


@given(st.ip_addresses(v=6), st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_a_route_that_was_packed_is_read_back(to: IPv6Address, index: int, metric: int) -> None:
    assert rtnetlink.route(rtnetlink.add_local_route(index, to, metric).body) == Route(
        prefix=ip_network(to), table=255, type=2, links=(index,), metric=metric, static=True
    )


def test_a_route_by_two_ways_leads_through_both_links() -> None:
    body = struct.pack("=BBBBBBBBI", 2, 16, 0, 0, 254, 4, 0, 1, 0)
    body += attribute(1, bytes([10, 99, 0, 0])) + attribute(15, struct.pack("=I", 1000))
    ways = struct.pack("=HBBi", 16, 0, 0, 4) + attribute(5, bytes([10, 0, 0, 1]))
    ways += struct.pack("=HBBi", 8, 0, 0, 5)

    route = rtnetlink.route(body + attribute(9, ways))

    assert (route.prefix, route.table, route.links) == (ip_network("10.99.0.0/16"), 1000, (4, 5))


def test_the_messages_of_a_datagram_are_told_apart() -> None:
    data = rtnetlink.pack(Request(16, 0, b"abcde"), 1) + b"\0\0\0"
    data += rtnetlink.pack(Request(3, 0, b""), 2)

    assert list(rtnetlink.replies(data)) == [Reply(16, 1, 1, b"abcde"), Reply(3, 1, 2, b"")]


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 15,
        struct.pack("=IHHII", 15, 16, 0, 0, 0),
        struct.pack("=IHHII", 17, 16, 0, 0, 0),
    ],
)
def test_a_broken_datagram_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        list(rtnetlink.replies(data))


@given(st.binary(max_size=200))
@example(struct.pack("=IHHII", 20, 2, 0x200, 0, 0) + struct.pack("=i", -1))
def test_any_bytes_are_read_or_malformed_and_nothing_else(data: bytes) -> None:
    readers: tuple[Any, ...] = (
        rtnetlink.link,
        rtnetlink.index,
        rtnetlink.port_forwards,
        rtnetlink.address,
        rtnetlink.route,
        rtnetlink.attributes,
        rtnetlink.vlans,
    )
    for reader in readers:
        with suppress(Malformed):
            reader(data)
    for kind in (2, 3):
        for flags in (0, 0x100, 0x200, 0x300):
            with suppress(Malformed):
                rtnetlink.refusal(Reply(kind, flags, 0, data))
    with suppress(Malformed):
        list(rtnetlink.replies(data))


@given(
    st.sampled_from([rtnetlink.link, rtnetlink.address, rtnetlink.route, rtnetlink.vlans]),
    st.sampled_from([2, 10, 7]),
    st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=20)), max_size=8),
    st.binary(min_size=15, max_size=15),
)
def test_any_attributes_are_read_or_malformed_and_nothing_else(
    reader: Any, family: int, held: list[tuple[int, bytes]], head: bytes
) -> None:
    body = bytes([family]) + head
    length = {rtnetlink.address: 8, rtnetlink.route: 12}.get(reader, 16)
    with suppress(Malformed):
        reader(body[:length] + b"".join(attribute(kind, data) for kind, data in held))
