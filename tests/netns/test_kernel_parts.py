"""The kernel's small parts that need no namespace."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from seaway.codec.ctnetlink import FlowFilter
from seaway.kernel import conntrack, nft, sysctl
from seaway.model.port import Proto
from seaway.plan.operations import ForgetAddress, ForgetPort


def test_nfts_complaint_is_told_in_one_line_with_what_it_points_to() -> None:
    text = (
        "Error: Could not process rule: File exists\n"
        "add element inet seaway one { tcp . 80 : 10.0.0.2 . 80 }\n"
        "                              ^^^^^^^^\n"
    )

    assert nft.first_error(text) == (
        "Error: Could not process rule: File exists: "
        "add element inet seaway one { tcp . 80 : 10.0.0.2 . 80 }"
    )
    assert nft.first_error("Error: one\nError: two\n") == "Error: one"
    assert nft.first_error("\n") == "nft gave no reason"


def test_drops_are_read_from_the_listing_of_their_set() -> None:
    listing = """table bridge seaway {
      set drops {
        type ifname
        counter
        elements = { "sv-0123456789ab" counter packets 3 bytes 252,
                     "sv-ba9876543210" counter packets 0 bytes 0 }
      }
    }"""

    assert nft.counted_drops(listing) == {"sv-0123456789ab": 3, "sv-ba9876543210": 0}


@pytest.mark.parametrize("path", ["", "/", "../x", "a/../b", "a//b", "/etc", "a b", "a/\n", "a\0"])
def test_a_setting_cannot_lead_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="is not the path of a kernel setting"):
        sysctl.checked(path)


def test_a_setting_may_have_dots_in_its_name() -> None:
    assert sysctl.checked("net/ipv4/conf/eth0.7/rp_filter") == (
        "/proc/sys/net/ipv4/conf/eth0.7/rp_filter"
    )


def test_flows_of_an_address_are_looked_for_at_both_ends_and_behind_a_translation() -> None:
    a = ip_address("10.7.0.2")

    assert list(conntrack.filters(ForgetAddress(address=a))) == [
        FlowFilter(version=4, source=a),
        FlowFilter(version=4, destination=a),
        FlowFilter(version=4, source=a, reply=True),
    ]


def test_few_ports_are_asked_for_singly_and_many_at_once() -> None:
    host = ip_address("fd00::1")
    two = ForgetPort(proto=Proto.UDP, version=6, host=host, host_port=53, count=2)
    many = ForgetPort(proto=Proto.UDP, version=6, host_port=2000, count=1000)

    assert list(conntrack.filters(two)) == [
        FlowFilter(version=6, proto=Proto.UDP, destination=host, port=53),
        FlowFilter(version=6, proto=Proto.UDP, destination=host, port=54),
    ]
    assert list(conntrack.filters(many)) == [FlowFilter(version=6, proto=Proto.UDP)]
