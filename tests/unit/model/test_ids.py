"""Text that becomes a type: what is taken, and the sentence for what is not."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.errors import InvalidRequest
from seaway.model.ids import (
    address,
    dns_name,
    host_name,
    ifname,
    link_local,
    mac,
    network_name,
    new_id,
    new_mac,
    prefix,
    resolver_option,
    sandbox_name,
    shown,
    signal,
    signal_number,
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


@pytest.mark.parametrize("text", ["10.77.0.5", "fd77::5", "::", "::ffff:10.0.0.1"])
def test_an_address_is_read(text: str) -> None:
    assert address(text) == ip_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.77.0", "it should be like 10.77.0.5 or fd77::5"),
        ("10.77.0.5/24", "it should be like 10.77.0.5 or fd77::5"),
        ("fd77::1%x", "it has a scope; leave out the % and what follows it"),
        ("fe80::1%eth0", "it has a scope; leave out the % and what follows it"),
        ("fd77::1%} drop", "it has a scope; leave out the % and what follows it"),
    ],
)
def test_an_address_that_is_none_or_has_a_scope_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        address(text)

    assert str(caught.value) == f"invalid IP address {text!r}: {reason}"


@pytest.mark.parametrize(
    ("text", "found"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.5", "10.0.0.5/32"), ("fd00::/8", "fd00::/8")],
)
def test_a_prefix_is_read_and_an_address_is_one(text: str, found: str) -> None:
    assert prefix(text) == ip_network(found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10.1.2.3/8", "invalid source 10.1.2.3/8: it should be 10.0.0.0/8"),
        ("x", "invalid source 'x': it should be like 10.77.0.0/24 or fd77::/64"),
        ("/8", "invalid source '/8': it should be like 10.77.0.0/24 or fd77::/64"),
        (
            "fd00::/%8",
            "invalid source 'fd00::/%8': it has a scope; leave out the % and what follows it",
        ),
        (
            "fd00::%} x/64",
            "invalid source 'fd00::%} x/64': it has a scope; leave out the % and what follows it",
        ),
    ],
)
def test_a_prefix_that_is_none_or_has_a_scope_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prefix(text, "source")

    assert str(caught.value) == sentence


@given(text=st.text(max_size=20) | st.from_regex(r"[0-9a-f:.]{1,20}(%.{0,3})?(/[0-9]{1,3})?"))
def test_an_address_or_prefix_that_is_taken_says_nothing_more(text: str) -> None:
    for read in (address, prefix):
        try:
            assert set(str(read(text))) <= set("0123456789abcdef:./")
        except InvalidRequest:
            continue


@pytest.mark.parametrize("text", ["a", "db", "host.docker.internal", "a_b-c.example.", "_x", "9"])
def test_a_host_name_is_read(text: str) -> None:
    assert host_name(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "-a", "a-", "a b", "a\tb", "a\n", "a\nnameserver 1.2.3.4", "#a", "ä", "x" * 254],
)
def test_a_host_name_that_a_file_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        host_name(text, "search domain")

    assert str(caught.value) == (
        f"invalid search domain {shown(text)!r}: 1 to 253 characters of [a-zA-Z0-9_.-], "
        "beginning with a letter, digit or underscore, and not ending with a dash"
    )


@pytest.mark.parametrize("text", ["ndots:1", "rotate", "edns0", "single-request-reopen"])
def test_an_option_of_the_resolver_is_read(text: str) -> None:
    assert resolver_option(text) == text


@pytest.mark.parametrize(
    "text", ["", "a b", "ndots:", "ndots:x", "rotate\n", "a\nnameserver 9.9.9.9"]
)
def test_an_option_that_a_resolver_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="it is NAME or NAME:NUMBER, such as ndots:1"):
        resolver_option(text)


@given(text=st.text(max_size=20))
def test_what_is_taken_is_taken_unchanged(text: str) -> None:
    for read in (sandbox_name, network_name, ifname, host_name, resolver_option):
        try:
            assert read(text) == text
        except InvalidRequest:
            continue


@pytest.mark.parametrize(
    "text", ["db", "a.b", "_http._tcp", "a" * 63, "!", ".".join(["a" * 50] * 4)]
)
def test_an_alias_is_any_name_that_can_be_asked_for(text: str) -> None:
    assert dns_name(text, "alias") == text


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "a.", "a b", "a\n", "\x00", "ä", "a" * 64, ".".join(["a" * 50] * 5)]
)
def test_an_alias_that_nobody_could_ask_for_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        dns_name(text, "alias")

    assert str(caught.value) == (
        f"invalid alias {shown(text)!r}: a name has 1 to 253 printable ASCII characters "
        "without blanks, at most 63 between two dots"
    )


@pytest.mark.parametrize(
    ("text", "one", "number"),
    [
        ("SIGTERM", "SIGTERM", 15),
        ("term", "SIGTERM", 15),
        ("15", "SIGTERM", 15),
        ("kill", "SIGKILL", 9),
        ("SIGPOLL", "SIGIO", 29),
        ("rtmin", "SIGRTMIN", 34),
        ("40", "40", 40),
        ("040", "40", 40),
        ("64", "SIGRTMAX", 64),
    ],
)
def test_a_signal_has_one_spelling_and_one_number(text: str, one: str, number: int) -> None:
    assert (signal(text), signal_number(signal(text))) == (one, number)
    assert signal(one) == one


@pytest.mark.parametrize("text", ["", "0", "65", "1234", "-9", "+9", "٩", "SIG", "NOPE", "TERM "])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        signal(text)

    assert str(caught.value) == f"invalid signal: {text}"
