"""docker-py drives networks and containers, and raises its own exceptions."""

# pyright: reportUnknownMemberType=false
# Its types are stubs, and those are known in part only.

from __future__ import annotations

import gc
import queue
import threading
from collections.abc import Iterator
from typing import Any, cast

import docker
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from bed.daemon import Daemon
from e2e.stage import within

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)
"""docker-py leaves the sockets of its streams to the garbage collector."""


@pytest.fixture(scope="module")
def client(shared_daemon: Daemon) -> Iterator[docker.DockerClient]:
    """docker-py, at the daemon of this file."""
    found = docker.DockerClient(base_url=f"unix://{shared_daemon.host.path(shared_daemon.socket)}")
    yield found
    found.close()


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    """Nothing of one test is there in the next, unclosed sockets least of all."""
    yield
    gc.collect()
    for each in client.containers.list(all=True):
        each.remove(force=True)
    client.networks.prune()


@pytest.fixture
def box(client: docker.DockerClient) -> Container:
    """A container that runs."""
    return client.containers.run("host", ["sleep", "600"], name="box", detach=True)


def test_versions_are_agreed_upon(client: docker.DockerClient) -> None:
    assert client.ping() is True
    assert client.api.api_version == "1.50"
    assert client.version()["ApiVersion"] == "1.50"
    assert client.info()["Driver"]


def test_a_network_is_made_with_all_options(client: docker.DockerClient) -> None:
    pools = [
        IPAMPool(
            subnet="10.77.1.0/24",
            iprange="10.77.1.128/25",
            gateway="10.77.1.254",
            aux_addresses={"printer": "10.77.1.5"},
        ),
        IPAMPool(subnet="fd77:1::/64"),
    ]
    made = client.networks.create(
        "lan",
        driver="bridge",
        options={"com.docker.network.bridge.name": "lan0", "com.docker.network.driver.mtu": "1400"},
        ipam=IPAMConfig(driver="default", pool_configs=pools),
        internal=True,
        labels={"tier": "back"},
        enable_ipv6=True,
        attachable=True,
        scope="local",
    )

    made.reload()
    shown = attrs(made)
    assert {
        name: shown[name] for name in ("Name", "Driver", "Scope", "EnableIPv6", "Internal")
    } == {
        "Name": "lan",
        "Driver": "bridge",
        "Scope": "local",
        "EnableIPv6": True,
        "Internal": True,
    }
    assert (shown["Attachable"], shown["Labels"]) == (True, {"tier": "back"})
    assert shown["Options"] == {
        "com.docker.network.bridge.name": "lan0",
        "com.docker.network.driver.mtu": "1400",
    }
    first, second = shown["IPAM"]["Config"]
    assert first == {
        "Subnet": "10.77.1.0/24",
        "IPRange": "10.77.1.128/25",
        "Gateway": "10.77.1.254",
        "AuxiliaryAddresses": {"printer": "10.77.1.5"},
    }
    assert second["Subnet"] == "fd77:1::/64"


def test_networks_are_listed_by_all_filters(client: docker.DockerClient) -> None:
    one = client.networks.create("one", labels={"tier": "back"})
    client.networks.create("two", labels={"tier": "front"})

    def listed(**filters: object) -> list[str]:
        return sorted(str(n.name) for n in client.networks.list(filters=filters))

    assert listed() == ["bridge", "host", "none", "one", "two"]
    assert listed(label="tier=back") == ["one"]
    assert listed(label=["tier"]) == ["one", "two"]
    assert listed(driver="host") == ["host"]
    assert listed(type="builtin") == ["bridge", "host", "none"]
    assert listed(type="custom", name="o") == ["one", "two"]
    assert listed(scope="swarm") == []
    assert listed(dangling=True) == ["one", "two"]
    assert [n.name for n in client.networks.list(names=["two"])] == ["two"]
    assert [n.name for n in client.networks.list(ids=[one.id])] == ["one"]
    with pytest.raises(APIError, match="invalid filter 'colour'"):
        listed(colour="red")


def test_a_container_joins_and_leaves_with_all_options(
    client: docker.DockerClient, box: Container
) -> None:
    pool = IPAMPool(subnet="10.77.1.0/24")
    lan = client.networks.create("lan", ipam=IPAMConfig(pool_configs=[pool]))

    lan.connect(
        box,
        aliases=["db", "store"],
        ipv4_address="10.77.1.9",
        mac_address="02:42:0a:4d:01:09",
        driver_opt={"com.docker.network.endpoint.ifname": "lan7"},
    )

    box.reload()
    place = attrs(box)["NetworkSettings"]["Networks"]["lan"]
    assert (place["IPAddress"], place["MacAddress"]) == ("10.77.1.9", "02:42:0a:4d:01:09")
    assert place["Aliases"][:2] == ["db", "store"]
    assert place["DriverOpts"] == {"com.docker.network.endpoint.ifname": "lan7"}
    assert box.exec_run(["ip", "-br", "link", "show", "lan7"]).exit_code == 0
    lan.reload()
    assert [c.name for c in lan.containers] == ["box"]
    with pytest.raises(APIError) as taken:
        lan.connect(box)
    assert taken.value.status_code == 403
    with pytest.raises(APIError, match="has active endpoints") as in_use:
        lan.remove()
    assert in_use.value.status_code == 403
    lan.disconnect(box)
    with pytest.raises(APIError, match="is not connected to") as away:
        lan.disconnect(box)
    assert away.value.status_code == 500
    lan.remove()


def test_a_container_begins_on_a_network_as_asked(client: docker.DockerClient) -> None:
    pool = IPAMPool(subnet="10.77.1.0/24")
    client.networks.create("lan", ipam=IPAMConfig(pool_configs=[pool]))
    config = {"lan": EndpointConfig("1.50", aliases=["db"], ipv4_address="10.77.1.7")}

    made = client.containers.run(
        "host", ["sleep", "600"], network="lan", networking_config=config, detach=True
    )

    made.reload()
    place = attrs(made)["NetworkSettings"]["Networks"]["lan"]
    assert (place["IPAddress"], "db" in place["Aliases"]) == ("10.77.1.7", True)


def test_networks_that_are_not_there_or_not_one_raise_its_own_exceptions(
    client: docker.DockerClient,
) -> None:
    made = [client.networks.create(f"n{i}") for i in range(40)]
    starts = [str(network.id)[0] for network in made]
    double = next(first for first in starts if starts.count(first) > 1)

    with pytest.raises(NotFound, match="network nosuch not found"):
        client.networks.get("nosuch")
    with pytest.raises(APIError, match=f"network {double} is ambiguous"):
        client.networks.get(double)
    with pytest.raises(APIError, match="network with name n1 already exists") as twice:
        client.networks.create("n1")
    assert twice.value.status_code == 409
    with pytest.raises(APIError, match="pre-defined network and cannot be removed"):
        client.networks.get("bridge").remove()
    assert len(client.networks.prune()["NetworksDeleted"]) == 40
    with pytest.raises(NotFound):
        made[0].remove()


def test_prune_heeds_its_filters(client: docker.DockerClient) -> None:
    client.networks.create("one", labels={"keep": ""})
    client.networks.create("two")

    assert client.networks.prune({"label!": "keep"})["NetworksDeleted"] == ["two"]
    assert client.networks.prune({"until": "1h"})["NetworksDeleted"] is None
    assert client.networks.prune()["NetworksDeleted"] == ["one"]


def test_run_gives_output_and_raises_for_failures(client: docker.DockerClient) -> None:
    assert client.containers.run("host", ["echo", "hi"], remove=True) == b"hi\n"
    with pytest.raises(ContainerError) as failed:
        client.containers.run("host", ["sh", "-c", "echo no >&2; exit 3"], remove=True)
    assert (failed.value.exit_status, cast("object", failed.value.stderr)) == (3, b"no\n")
    with pytest.raises(APIError, match="executable file not found"):
        client.containers.run("host", ["nosuch"], remove=True)
    with pytest.raises((ImageNotFound, APIError), match="Seaway has no images"):
        client.containers.run("busybox", ["true"], remove=True)


def test_the_life_of_a_container(client: docker.DockerClient) -> None:
    made = client.containers.create(
        "host",
        ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"],
        name="life",
        environment={"COLOUR": "red"},
        labels={"a": "b"},
        hostname="inner",
        ports={"80/tcp": ("127.0.0.1", 8080), "53/udp": 5353},
    )
    assert made.status == "created"

    made.start()
    made.reload()
    assert (made.status, attrs(made)["State"]["Running"]) == ("running", True)
    assert made.ports == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "5353"}],
    }
    assert client.api.port("life", 80) == [{"HostIp": "127.0.0.1", "HostPort": "8080"}]
    assert made.exec_run("printenv COLOUR").output == b"red\n"
    assert made.exec_run(["hostname"]).output == b"inner\n"
    processes = made.top()
    assert "CMD" in processes["Titles"]
    assert len(processes["Processes"]) >= 1
    made.rename("lives")
    assert client.containers.get("lives").id == made.id
    made.restart(timeout=1)
    assert within(5, lambda: made.logs().count(b"ready") == 2)
    made.stop(timeout=5)
    assert made.wait()["StatusCode"] == 5
    made.start()
    made.kill("KILL")
    assert made.wait(condition="not-running")["StatusCode"] == 137
    made.remove()
    with pytest.raises(NotFound, match="No such container: lives"):
        client.containers.get("lives")
    with pytest.raises(NotFound):
        made.start()


def test_containers_are_listed_and_pruned_by_filters(
    client: docker.DockerClient, box: Container
) -> None:
    client.containers.run(
        "host", ["sh", "-c", "exit 3"], name="ended", labels={"a": "b"}, detach=True
    ).wait()

    def listed(**filters: Any) -> list[str | None]:
        return [c.name for c in client.containers.list(all=True, filters=filters)]

    assert listed() == ["ended", "box"]
    assert [c.name for c in client.containers.list()] == ["box"]
    assert [c.name for c in client.containers.list(limit=1)] == ["ended"]
    assert listed(since="box") == ["ended"]
    assert listed(status="running") == ["box"]
    assert listed(exited=3) == ["ended"]
    assert listed(label="a=b") == ["ended"]
    assert listed(name="bo") == ["box"]
    assert listed(network="bridge") == ["ended", "box"]
    assert len(client.containers.prune()["ContainersDeleted"]) == 1
    assert listed() == ["box"]
    with pytest.raises(APIError) as refused:
        box.remove()
    assert refused.value.status_code == 409


def test_logs_are_read_whole_in_part_and_as_they_come(client: docker.DockerClient) -> None:
    text = "echo one; echo two >&2; read line; echo $line"
    talker = client.containers.create("host", ["sh", "-c", text], name="talker", stdin_open=True)
    talker.start()
    following = talker.logs(stream=True, follow=True)

    assert {next(following), next(following)} == {b"one\n", b"two\n"}
    assert talker.logs(stderr=False) == b"one\n"
    assert talker.logs(stdout=False) == b"two\n"
    assert talker.logs(tail=0) == b""
    assert talker.logs(timestamps=True, stderr=False).endswith(b"Z one\n")
    sock = talker.attach_socket(params={"stdin": 1, "stream": 1})
    cast("Any", sock)._sock.sendall(b"three\n")
    assert list(following) == [b"three\n"]
    sock.close()
    assert talker.wait()["StatusCode"] == 0


def test_attached_clients_get_each_stream_by_itself(client: docker.DockerClient) -> None:
    made = client.containers.create("host", ["sh", "-c", "echo out; echo err >&2"])
    stream = made.attach(stream=True, demux=True)
    made.start()

    pieces = list(cast("Iterator[tuple[bytes | None, bytes | None]]", stream))

    assert b"".join(out or b"" for out, _ in pieces) == b"out\n"
    assert b"".join(err or b"" for _, err in pieces) == b"err\n"


def test_exec_carries_streams_codes_and_settings(box: Container) -> None:
    done = box.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
    assert (done.exit_code, cast("object", done.output)) == (4, (b"out\n", b"err\n"))
    assert box.exec_run(["pwd"], workdir="/tmp").output == b"/tmp\n"
    assert box.exec_run(["printenv", "A"], environment={"A": "1"}).output == b"1\n"
    assert box.exec_run(["id", "-u"], user="nobody").output == b"65534\n"
    assert bytes(cast("bytes", box.exec_run(["tty"], tty=True).output)).startswith(b"/dev/")
    assert not box.exec_run(["sleep", "9"], detach=True).output
    streamed = box.exec_run(["sh", "-c", "echo a; echo b"], stream=True).output
    assert b"".join(cast("Iterator[bytes]", streamed)) == b"a\nb\n"


def test_stats_tell_of_use(box: Container) -> None:
    once = cast("dict[str, Any]", box.stats(stream=False))
    assert once["name"] == "/box"
    assert once["memory_stats"]["usage"] > 0
    assert "eth0" in once["networks"]
    first = next(cast("Iterator[dict[str, Any]]", box.stats(stream=True, decode=True)))
    assert first["id"] == box.id


def test_events_come_as_they_happen_and_from_the_past(client: docker.DockerClient) -> None:
    found: queue.Queue[tuple[str, str]] = queue.Queue()
    events = client.events(decode=True, filters={"type": ["network", "container"]})

    def read() -> None:
        for event in events:
            found.put((event["Type"], event["Action"]))

    reader = threading.Thread(target=read)
    reader.start()
    lan = client.networks.create("lan")
    client.containers.run("host", ["true"], network="lan", name="short", remove=True)
    lan.remove()

    seen = [found.get(timeout=10) for _ in range(8)]
    events.close()
    reader.join(10)
    assert seen[0] == ("network", "create")
    assert seen[-1] == ("network", "destroy")
    assert [e for e in seen if e[0] == "network"] == [
        ("network", "create"),
        ("network", "connect"),
        ("network", "disconnect"),
        ("network", "destroy"),
    ]
    past = client.events(since=1, until=2, decode=True)
    assert list(past) == []


def test_what_needs_a_swarm_or_images_says_so(client: docker.DockerClient) -> None:
    with pytest.raises(APIError, match="swarm"):
        client.services.list()
    with pytest.raises(APIError, match="Seaway has no images"):
        client.images.pull("busybox", tag="latest")


def attrs(model: Container | Network) -> dict[str, Any]:
    """What inspect shows."""
    return model.attrs
