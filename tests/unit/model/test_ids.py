"""Text that becomes a type: what is taken, and the sentence for what is not."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.errors import InvalidRequest
from seaway.model.ids import (
    ifname,
    link_local,
    mac,
    network_name,
    new_id,
    new_mac,
    sandbox_name,
    shown,
)


def test_a_text_in_a_refusal_is_printable_and_short() -> None:
    assert shown("web 1") == "web 1"
    assert shown("a\nb") == "a\\nb"
    assert shown("x" * 81) == "x" * 80 + "…"


@pytest.mark.parametrize("text", ["ab", "web_1", "A.b-c", "0x", "a" * 253])
def test_a_sandboxs_name_is_dockers(text: str) -> None:
    assert sandbox_name(text) == text


@pytest.mark.parametrize("text", ["", "a", "_a", "-a", ".a", "a b", "a/b", "ä1", "ab\n", "a" * 254])
def test_a_sandboxs_name_that_is_not_dockers_is_refused_in_its_words(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sandbox_name(text)

    assert str(caught.value) == (
        f"Invalid container name ({shown(text)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, "
        "two characters at least and 253 at most"
    )


@pytest.mark.parametrize("text", ["a", "a/b", "container:x", "with spaces", "ä", "x" * 253])
def test_a_networks_name_is_almost_any_text(text: str) -> None:
    assert network_name(text) == text


@pytest.mark.parametrize("text", [" a", "a ", "a\nb", "a\x00", "x" * 254, "\u200ba"])
def test_a_networks_name_that_nobody_could_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 253 printable characters"):
        network_name(text)


def test_an_empty_network_name_is_refused_in_dockers_words() -> None:
    with pytest.raises(InvalidRequest) as caught:
        network_name("")

    assert str(caught.value) == "invalid name: name is empty"


@pytest.mark.parametrize("text", ["eth0", "a", "eth0.10", "x" * 15])
def test_an_interface_name_is_one_that_linux_takes(text: str) -> None:
    assert ifname(text) == text


@pytest.mark.parametrize(
    "text", ["", "lo", "x" * 16, "a/b", "a b", "-a", ".", "a:b", 'a"', "eth0\n"]
)
def test_an_interface_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid interface name"):
        ifname(text)


def test_a_mac_is_written_in_one_way() -> None:
    assert mac("02-42-AC-11-00-02") == mac("02:42:ac:11:00:02") == "02:42:ac:11:00:02"


@pytest.mark.parametrize(
    "text", ["", "02:42", "02:42:ac:11:00:0g", "0242ac110002", "02:42:ac:11:00:02\n"]
)
def test_a_mac_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        mac(text)

    assert str(caught.value) == (
        f"{shown(text)} is not a valid mac address, it should be like 02:42:ac:11:00:02"
    )


def test_the_link_local_address_is_the_kernels() -> None:
    assert link_local(mac("02:42:0a:4d:01:02")) == ip_address("fe80::42:aff:fe4d:102")


def test_ids_are_64_digits_and_new_macs_are_macs() -> None:
    assert len({new_id() for _ in range(100)}) == 100
    assert all(len(i) == 64 and int(i, 16) >= 0 for i in (new_id(), new_id()))
    assert all(mac(m) == m for m in (new_mac() for _ in range(100)))


@given(text=st.text(max_size=20))
def test_what_is_taken_is_taken_unchanged(text: str) -> None:
    for read in (sandbox_name, network_name, ifname):
        try:
            assert read(text) == text
        except InvalidRequest:
            continue
