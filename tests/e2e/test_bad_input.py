"""Nonsense is refused with one clear sentence, and changes nothing; text never gets where it could do harm."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bed.daemon import RUN_DIR, Daemon
from bed.fingerprint import Fingerprint, at_rest, leaked
from bed.host import Host, a_host

NET = {
    "Name": "good",
    "EnableIPv6": True,
    "IPAM": {"Config": [{"Subnet": "10.77.55.0/24"}, {"Subnet": "fd77:55::/64"}]},
}
FLUSH = 'x"; flush ruleset; #'
PATHS = [
    "../../etc/passwd",
    "a/b",
    "..",
    ".",
    "a\0b",
    "a\nb",
    "",
    " ",
    "-rf",
    "é",
    "a" * 300,
    "$(reboot)",
    FLUSH,
    "%2e%2e%2f",
]
IFNAMES = [
    "../x",
    "a/b",
    "eth0;reboot",
    FLUSH,
    "a" * 16,
    "",
    ".",
    "..",
    "all",
    "default",
    "lo",
    "a b",
    "a%d",
    "a:b",
    "é",
    "a\n",
]
ADDRESSES = [
    "10.77.55.1000",
    "10.77.55",
    "x",
    "10.77.55.9/24",
    "-1",
    FLUSH,
    "1" * 5000,
    "10.77.55.09",
    "fe80::1%eth0",
    "10.77.55.1",
    "10.77.55.0",
    "10.77.55.255",
]
SUBNETS = [
    "10.77.56.7/24",
    "10.77.56.0/32",
    "10.77.56.0/31",
    "0.0.0.0/0",
    "224.0.0.0/24",
    "127.0.0.0/8",
    "10.77.56.0/33",
    "10.77.56.0",
    "x",
    FLUSH,
    "fe80::/64",
    "::/0",
    "ff02::/16",
    "fd00::1/64",
    "255.255.255.255/32",
    "240.0.0.0/33",
    "0.0.0.0/8",
    "169.254.0.0/-1",
]
PORTS = [
    "65536:80",
    "80:0",
    "80:65536",
    "x:80",
    "80:x",
    "8080:80/icmp",
    "8080-8081:80",
    "8081-8080:80-81",
    "-1:80",
    FLUSH,
    "1.2.3.4.5:8080:80",
    "[::1:8080:80",
    "8080:80:80:80",
    "1" * 400,
    ":",
    "",
    "203.0.113.9:8080:80",
    "8080:80/tcp/udp",
    "٣:80",
]
SOURCES = ["x", "10.0.0.1/33", FLUSH, "fd00::/129", "10.0.0.1/24", "*", "any"]
ALIASES = ["a b", "", "a" * 300, FLUSH, "a..b", ".", "a\0", "x\n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Somewhere that text goes in."""

    host: Host
    daemon: Daemon
    before: Fingerprint


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One host and daemon for all: nothing may change it."""
    with a_host() as host:
        daemon = Daemon(host, tmp_path_factory.mktemp("bad") / "daemon.log")
        daemon.start()
        try:
            assert daemon.request("POST", "/networks/create", NET)[0] == 201
            hangs: dict[str, object] = {"NetworkingConfig": {"EndpointsConfig": {"good": {}}}}
            assert daemon.request("POST", "/seaway/sandboxes", {"Name": "box", **hangs})[0] == 201
            assert daemon.request("POST", "/seaway/sandboxes", {"Name": "bare"})[0] == 201
            yield Field(host=host, daemon=daemon, before=at_rest(host, daemon))
        finally:
            daemon.close()


def refused(field: Field, path: str, body: object, method: str = "POST") -> str:
    """The sentence with which a request is refused; nothing changed, and the daemon lives."""
    status, content = field.daemon.request(method, path, body)
    text = content.decode()
    assert 400 <= status < 500, f"{status} {text}"
    message = str(json.loads(text)["message"])
    assert message.strip()
    plain = message.replace(":\n", ": ")  # Docker's own leading words have a line of their own
    assert "\n" not in plain.strip(), message
    assert len(message) < 2000, f"{len(message)} characters"
    assert "Traceback" not in message
    assert leaked(field.before, field.host, field.daemon) == ()
    return message


def attach(**config: object) -> dict[str, object]:
    return {"Container": "bare", "EndpointConfig": config}


@pytest.mark.parametrize("name", PATHS, ids=ascii)
def test_a_sandbox_name_is_a_name(field: Field, name: str) -> None:
    if name:  # none: one is made up
        refused(field, "/seaway/sandboxes", {"Name": name})
    run = {"Image": "host", "Cmd": ["true"]}
    if name.isascii() and name.isprintable() and name.strip():
        refused(field, f"/containers/create?name={_quoted(name)}", run)
        refused(field, f"/containers/box/rename?name={_quoted(name)}", None)
    assert field.host.sh(f"ls {RUN_DIR}/netns").out.split() == ["bare", "box"]


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("name", ["", " ", "a\0b", "a\nb", "a" * 5000], ids=lambda n: ascii(n)[:20])
def test_a_network_name_is_a_name(field: Field, name: str) -> None:
    refused(field, "/networks/create", {"Name": name})


@pytest.mark.parametrize("name", IFNAMES, ids=ascii)
def test_an_interface_name_is_one_that_linux_has(field: Field, name: str) -> None:
    option = "com.docker.network.endpoint.ifname"
    if name:  # none: eth0, eth1, …
        refused(field, "/networks/good/connect", attach(DriverOpts={option: name}))
        body = {"Name": "n2", "Options": {"com.docker.network.bridge.name": name}}
        refused(field, "/networks/create", body)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: ascii(a)[:24])
def test_an_address_is_an_address_of_the_subnet(field: Field, address: str) -> None:
    refused(field, "/networks/good/connect", attach(IPAMConfig={"IPv4Address": address}))
    if "." not in address:
        refused(field, "/networks/good/connect", attach(IPAMConfig={"IPv6Address": address}))


@pytest.mark.parametrize("subnet", SUBNETS, ids=ascii)
def test_fr55_a_subnet_is_one_that_works(field: Field, subnet: str) -> None:
    body = {"Name": "n2", "EnableIPv6": ":" in subnet, "IPAM": {"Config": [{"Subnet": subnet}]}}
    message = refused(field, "/networks/create", body)
    assert subnet[:100] in message


def test_fr55_host_bits_are_refused_with_the_right_subnet(field: Field) -> None:
    body = {"Name": "n2", "IPAM": {"Config": [{"Subnet": "10.77.56.7/24"}]}}
    assert "it should be 10.77.56.0/24" in refused(field, "/networks/create", body)


@pytest.mark.parametrize(
    "config",
    [
        {"Subnet": "10.77.56.0/24", "Gateway": "fd00::1"},
        {"Subnet": "10.77.56.0/24", "Gateway": "10.77.56.0"},
        {"Subnet": "10.77.56.0/24", "Gateway": "10.77.56.255"},
        {"Subnet": "10.77.56.0/24", "Gateway": "10.77.57.1"},
        {"Subnet": "10.77.56.0/24", "Gateway": FLUSH},
        {"Subnet": "10.77.56.0/24", "IPRange": "10.77.0.0/16"},
        {"Subnet": "10.77.56.0/24", "IPRange": "x"},
        {"Subnet": "10.77.56.0/24", "AuxiliaryAddresses": {"a": "10.77.57.1"}},
        {"Subnet": "10.77.56.0/24", "AuxiliaryAddresses": {"a": "x"}},
        {"Gateway": "10.77.56.1"},
        {"IPRange": "10.77.56.0/25"},
    ],
    ids=ascii,
)
def test_fr55_what_belongs_to_a_subnet_lies_in_it(field: Field, config: object) -> None:
    refused(field, "/networks/create", {"Name": "n2", "IPAM": {"Config": [config]}})


def test_fr55_two_subnets_of_one_family_are_refused(field: Field) -> None:
    for pair in (("10.77.56.0/24", "10.77.57.0/24"), ("10.77.56.0/24", "10.77.56.0/25")):
        body = {"Name": "n2", "IPAM": {"Config": [{"Subnet": s} for s in pair]}}
        refused(field, "/networks/create", body)


@pytest.mark.parametrize("port", PORTS, ids=lambda p: ascii(p)[:24])
def test_a_published_port_is_a_port(field: Field, port: str) -> None:
    if port == "203.0.113.9:8080:80":
        status, content = field.daemon.request(
            "POST", "/seaway/sandboxes/box/publish", {"Ports": [port]}
        )
        assert status in {400, 500}
        assert "203.0.113.9" in content.decode()
        assert leaked(field.before, field.host, field.daemon) == ()
        return
    refused(field, "/seaway/sandboxes/box/publish", {"Ports": [port]})


@pytest.mark.parametrize("source", SOURCES, ids=ascii)
def test_a_source_is_a_prefix(field: Field, source: str) -> None:
    refused(field, "/seaway/sandboxes/box/publish", {"Ports": ["8080:80"], "From": [source]})


@pytest.mark.parametrize("alias", ALIASES, ids=lambda a: ascii(a)[:20])
def test_an_alias_is_a_name(field: Field, alias: str) -> None:
    refused(field, "/networks/good/connect", attach(Aliases=[alias]))


@pytest.mark.parametrize(
    "option",
    [
        {"seaway.unknown": "1"},
        {"seaway.source_guard": "perhaps"},
        {"com.docker.network.driver.mtu": "0"},
        {"com.docker.network.driver.mtu": "-1"},
        {"com.docker.network.driver.mtu": "67"},
        {"com.docker.network.driver.mtu": "70000"},
        {"com.docker.network.driver.mtu": "abc"},
        {"com.docker.network.driver.mtu": "9" * 5000},
        {"com.docker.network.bridge.enable_icc": "maybe"},
        {"com.docker.network.bridge.enable_ip_masquerade": "maybe"},
        {"com.docker.network.bridge.host_binding_ipv4": "x"},
        {"com.docker.network.bridge.name": "eth0"},
        {"com.docker.network.bridge.name": "docker0"},
        {"com.docker.network.bridge.name": "br-0123456789ab"},
    ],
    ids=lambda o: ascii(o)[:60],
)
def test_an_option_has_a_value_that_it_can_have(field: Field, option: dict[str, str]) -> None:
    refused(field, "/networks/create", {"Name": "n2", "Options": option})


@pytest.mark.parametrize(
    "body",
    [
        [],
        1,
        "x",
        {"Name": 1},
        {"Name": []},
        {"Name": "n2", "IPAM": 1},
        {"Name": "n2", "IPAM": {"Config": {}}},
        {"Name": "n2", "EnableIPv6": "yes"},
        {"Name": "n2", "Labels": [1]},
        {"Name": "n2", "Options": {"a": 1}},
        {"Name": None},
        {"Name": "n2", "Driver": 7},
        {"Name": "n2", "Driver": FLUSH},
        {"Name": "n2", "IPAM": {"Driver": "x"}},
    ],
    ids=ascii,
)
def test_a_network_is_asked_for_in_the_right_types(field: Field, body: object) -> None:
    refused(field, "/networks/create", body)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"Container": 1},
        {"Container": "bare", "EndpointConfig": []},
        {"Container": "bare", "EndpointConfig": {"Aliases": "x"}},
        {"Container": "bare", "EndpointConfig": {"GwPriority": "x"}},
        {"Container": "bare", "EndpointConfig": {"GwPriority": 10**30}},
        {"Container": ""},
        {},
        {"Container": "../box"},
        {"Container": "nosuch"},
    ],
    ids=ascii,
)
def test_a_connect_is_asked_for_in_the_right_types(field: Field, body: object) -> None:
    refused(field, "/networks/good/connect", body)


@pytest.mark.parametrize(
    "body",
    [
        {"Ports": 1},
        {"Ports": [1]},
        {"Ports": None},
        {"Ports": []},
        {},
        {"Ports": ["8080:80"], "From": "x"},
        [],
    ],
    ids=ascii,
)
def test_a_publish_is_asked_for_in_the_right_types(field: Field, body: object) -> None:
    refused(field, "/seaway/sandboxes/box/publish", body)


@pytest.mark.parametrize(
    "netns",
    [
        "relative",
        "/etc/passwd",
        "/nosuch",
        "/dev/null",
        "/",
        "/proc/self/ns/mnt",
        "\0",
        "/" + "a" * 5000,
    ],
    ids=lambda n: ascii(n)[:24],
)
def test_what_is_adopted_is_a_network_namespace(field: Field, netns: str) -> None:
    status, content = field.daemon.request(
        "POST", "/seaway/sandboxes", {"Name": "new", "Netns": netns}
    )
    assert status == 400, content
    assert "such as /proc/1234/ns/net" in str(json.loads(content)["message"])
    assert "\n" not in str(json.loads(content)["message"])
    assert leaked(field.before, field.host, field.daemon) == ()


@pytest.mark.parametrize("ref", ["%2e%2e", "..%2fbox", "%2e%2e%2f%2e%2e%2fetc"])
def test_a_path_that_climbs_is_sent_to_the_cleaned_one_and_changes_nothing(
    field: Field, ref: str
) -> None:
    for method in ("GET", "DELETE"):
        assert field.daemon.request(method, f"/networks/{ref}", None) == (301, b"")
    assert leaked(field.before, field.host, field.daemon) == ()


@pytest.mark.parametrize("ref", ["nosuch", "%00", "a" * 3000, "%ff"])
def test_a_reference_to_nothing_is_refused(field: Field, ref: str) -> None:
    for path in (f"/networks/{ref}", f"/containers/{ref}/json", f"/seaway/sandboxes/{ref}/nosuch"):
        refused(field, path, None, "GET")
    refused(field, f"/networks/{ref}", None, "DELETE")
    refused(field, f"/seaway/sandboxes/{ref}", None, "DELETE")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"nul",
        b"[" * 100_000,
        b'{"Name": "a\\ud800"}',
        b'{"Name":"n2"} x',
        b"{" * 10 + b"}" * 10,
    ],
    ids=lambda r: ascii(r)[:20],
)
def test_what_is_no_json_is_refused(field: Field, raw: bytes) -> None:
    answer = exchange(
        field,
        b"POST /networks/create HTTP/1.0\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(raw)}\r\n\r\n".encode()
        + raw,
    )
    assert answer.split()[1] == b"400", answer[:300]
    assert leaked(field.before, field.host, field.daemon) == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"\0" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /networks HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /networks/create HTTP/1.1\r\nContent-Length: 999999999999\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda r: ascii(r)[:20],
)
def test_what_is_no_http_does_no_harm(field: Field, raw: bytes) -> None:
    exchange(field, raw, hang_up=True)

    assert field.daemon.request("GET", "/_ping")[0] == 200
    assert leaked(field.before, field.host, field.daemon) == ()


def exchange(field: Field, raw: bytes, *, hang_up: bool = False) -> bytes:
    """What comes back for *raw* bytes, as far as anything does; *hang_up*: we end our side first."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(field.host.path(field.daemon.socket)))
        try:
            connection.sendall(raw)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return b""
