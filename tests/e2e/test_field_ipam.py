"""Field reports about addresses: FR-02, 03, 05, 07."""

from __future__ import annotations

import itertools
import json
from ipaddress import IPv4Network, ip_network
from typing import Any

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.stage import make_sandbox, make_server, place


def post(daemon: Daemon, path: str, body: object) -> tuple[int, Any]:
    status, content = daemon.request("POST", path, body)
    return status, json.loads(content) if content else {}


def test_fr02_two_hundred_networks_do_not_overlap(daemon: Daemon) -> None:
    for number in range(1, 201):
        assert post(daemon, "/networks/create", {"Name": f"net{number}"})[0] == 201

    shown: Any = daemon.get("/networks")
    nets = [ip_network(c["Subnet"]) for n in shown for c in n["IPAM"]["Config"] or ()]
    assert len(nets) == 201
    ordered = sorted(nets)
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(ordered))


def test_fr02_an_exhausted_pool_is_named_with_the_setting(
    host: Host, stopped_daemon: Daemon
) -> None:
    daemon = stopped_daemon
    daemon.options = ("--default-address-pool", "base=10.78.0.0/29,size=30")
    host.sh("true")
    daemon.start()  # the default network takes one of the two
    assert post(daemon, "/networks/create", {"Name": "net1"})[0] == 201
    before = at_rest(host, daemon)

    status, answer = post(daemon, "/networks/create", {"Name": "net2"})

    assert status == 400
    assert answer["message"].startswith(
        "all predefined address pools have been fully subnetted: pool 10.78.0.0/29 in /30: 2 of 2 in use"
    )
    assert "--default-address-pool" in answer["message"]
    assert leaked(before, host, daemon) == ()
    assert daemon.request("DELETE", "/networks/net1")[0] == 204
    assert post(daemon, "/networks/create", {"Name": "net2"})[0] == 201


def test_fr03_a_subnet_never_hides_what_the_host_routes(host: Host, stopped_daemon: Daemon) -> None:
    daemon = stopped_daemon
    pools = ("10.77.0.0/16", "10.78.0.0/16")
    daemon.options = tuple(
        word for p in pools for word in ("--default-address-pool", f"base={p},size=24")
    )
    host.sh("ip route add 10.77.0.0/16 via 192.0.2.2")
    daemon.start()

    status, answer = post(daemon, "/networks/create", {"Name": "n1"})
    assert status == 201
    assert subnet(daemon, "n1") == "10.78.1.0/24"  # the default network has the first
    assert "10.77.0.0/16" in answer["Warning"]

    host.sh("ip route add 0.0.0.0/1 via 192.0.2.2; ip route add 128.0.0.0/1 via 192.0.2.2")
    assert post(daemon, "/networks/create", {"Name": "n2"})[0] == 201

    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    host.sh("ip route add 10.78.0.0/16 via 192.0.2.2")
    assert cli.ask("tcp", "10.78.1.2", 80) == "web 10.78.1.3"
    assert web.ask("tcp", "10.78.1.2", 80) == "web 10.78.1.2"
    status_text = daemon.seaway("status").out
    assert "10.78.1.0/24" in status_text
    assert "10.78.0.0/16" in status_text


def subnet(daemon: Daemon, network: str) -> str:
    shown: Any = daemon.get(f"/networks/{network}")
    found = IPv4Network(shown["IPAM"]["Config"][0]["Subnet"])
    return str(found)


def test_fr05_failed_starts_eat_no_address(host: Host, daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.5.0/28", "n1")
    daemon.seaway("run", "--rm", "--network", "n1", "true")  # what the first one makes for all
    held = host.serve("program", "tcp", 8080, "192.0.2.1")
    before = at_rest(host, daemon)
    job = {
        "Image": "host",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": "n1", "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
    }

    for _ in range(20):
        assert post(daemon, "/containers/create?name=job", job)[0] == 201
        status, answer = post(daemon, "/containers/job/start", None)
        assert status == 500
        assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in answer["message"]
        assert "8080/tcp is held by another program" in answer["message"]
        assert daemon.request("DELETE", "/containers/job")[0] == 204
    assert leaked(before, host, daemon) == ()
    held.close()

    for number in range(13):
        make_sandbox(daemon, f"box{number}", "n1")
    status, answer = post(
        daemon,
        "/seaway/sandboxes",
        {"Name": "last", "NetworkingConfig": {"EndpointsConfig": {"n1": {}}}},
    )
    assert status == 503
    assert "exhausted, 13 of 13 in use" in answer["message"]


def test_fr07_a_range_may_be_one_address(daemon: Daemon) -> None:
    one = ("--subnet", "10.77.7.0/24", "--gateway", "10.77.7.254", "--ip-range", "10.77.7.100/32")
    daemon.seaway("network", "create", *one, "n1")

    make_sandbox(daemon, "first", "n1")
    assert place(daemon, "first", "n1")["IPAddress"] == "10.77.7.100"
    second = daemon.seaway("sandbox", "create", "--network", "n1", "second", check=False)
    assert second.code == 1
    assert "exhausted, 1 of 1 in use" in second.err
    make_sandbox(daemon, "fixed", "n1:ip=10.77.7.20")
    assert place(daemon, "fixed", "n1")["IPAddress"] == "10.77.7.20"


def test_fr07_range_and_gateway_lie_in_the_subnet(host: Host, daemon: Daemon) -> None:
    before = at_rest(host, daemon)

    for wrong in ({"IPRange": "10.99.0.0/24"}, {"Gateway": "10.99.0.1"}):
        config = {"Subnet": "10.77.7.0/24", **wrong}
        body = {"Name": "n1", "IPAM": {"Config": [config]}}
        status, answer = post(daemon, "/networks/create", body)
        assert status == 400
        assert answer["message"].startswith("invalid network config:\ninvalid ")
        assert "parent subnet 10.77.7.0/24 doesn't contain this" in answer["message"]
    assert leaked(before, host, daemon) == ()
