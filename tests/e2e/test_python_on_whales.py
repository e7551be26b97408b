"""python-on-whales drives networks and containers over docker's clients, old and new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from python_on_whales import Container, DockerClient
from python_on_whales.exceptions import DockerException, NoSuchContainer

from bed.daemon import Daemon
from bed.docker import DOCKERS


@pytest.fixture(scope="module", params=DOCKERS)
def docker(request: pytest.FixtureRequest, shared_daemon: Daemon) -> DockerClient:
    """The library over one of the clients."""
    socket = shared_daemon.host.path(shared_daemon.socket)
    return DockerClient(host=f"unix://{socket}", client_call=[str(DOCKERS[request.param]())])


@pytest.fixture(autouse=True)
def clean(docker: DockerClient) -> Iterator[None]:
    """Nothing of one test is there in the next."""
    yield
    docker.container.remove(docker.container.list(all=True), force=True)
    docker.network.prune()


@pytest.fixture
def box(docker: DockerClient) -> Container:
    """A container that runs."""
    return docker.run("host", pull="never", command=["sleep", "600"], name="box", detach=True)


def test_networks_from_creation_to_prune(docker: DockerClient, box: Container) -> None:
    lan = docker.network.create(
        "lan",
        driver="bridge",
        subnet="10.77.1.0/24",
        gateway="10.77.1.254",
        labels={"tier": "back"},
        options=["com.docker.network.driver.mtu=1400"],
        attachable=True,
    )

    assert (lan.name, lan.driver, lan.scope, lan.internal) == ("lan", "bridge", "local", False)
    assert (lan.labels, lan.options) == (
        {"tier": "back"},
        {"com.docker.network.driver.mtu": "1400"},
    )
    assert lan.ipam.config == [{"Subnet": "10.77.1.0/24", "Gateway": "10.77.1.254"}]
    docker.network.connect(lan, box, alias="db", ip="10.77.1.9")
    places = box.network_settings.networks
    assert places is not None
    place = places["lan"]
    assert (place.ip_address, "db" in (place.aliases or [])) == ("10.77.1.9", True)
    assert [c.name for c in docker.network.inspect("lan").containers.values()] == ["box"]
    with pytest.raises(DockerException, match="has active endpoints"):
        lan.remove()
    docker.network.disconnect(lan, box)
    with pytest.raises(DockerException, match="is not connected to"):
        docker.network.disconnect(lan, box)
    docker.network.prune(filters=[("label", "tier=front")])
    assert lan.exists()
    docker.network.prune(filters=[("label", "tier=back")])
    assert "lan" not in {n.name for n in docker.network.list()}


def test_networks_are_listed_by_filters(docker: DockerClient) -> None:
    docker.network.create("one", labels={"tier": "back"})
    docker.network.create("two", driver="bridge")

    def names(*filters: Any) -> list[str]:
        return sorted(n.name for n in docker.network.list(filters=[*filters]))

    assert names() == ["bridge", "host", "none", "one", "two"]
    assert names(("driver", "bridge"), ("name", "o")) == ["one", "two"]
    assert names(("label", "tier=back")) == ["one"]
    assert names(("type", "builtin")) == ["bridge", "host", "none"]
    assert names(("dangling", "true")) == ["one", "two"]
    with pytest.raises(DockerException, match="invalid filter 'colour'"):
        names(("colour", "red"))


def test_what_is_not_there_raises_its_own_exceptions(docker: DockerClient) -> None:
    with pytest.raises(DockerException, match="nosuch"):
        docker.network.inspect("nosuch")
    with pytest.raises(NoSuchContainer):
        docker.container.inspect("nosuch")
    docker.network.create("lan")
    with pytest.raises(DockerException, match="network with name lan already exists"):
        docker.network.create("lan")
    with pytest.raises(DockerException) as refused:
        docker.run("busybox", ["true"], pull="never")
    assert refused.value.return_code == 125


ENDS_WHEN_ASKED = "trap 'exit 3' TERM; echo $COLOUR; echo no >&2; sleep 600 & wait"
"""The library lets nobody say how long a stop shall wait: it takes ``time``, and gives none to docker."""


def test_the_life_of_a_container(docker: DockerClient) -> None:
    web = docker.run(
        "host",
        pull="never",
        command=["sh", "-c", ENDS_WHEN_ASKED],
        name="web",
        detach=True,
        envs={"COLOUR": "red"},
        labels={"a": "b"},
        hostname="inner",
        publish=[("127.0.0.1:8080", 80), (5353, 53, "udp")],
    )

    assert (web.state.running, web.config.hostname, web.config.labels) == (
        True,
        "inner",
        {"a": "b"},
    )
    assert cast("object", web.network_settings.ports) == {  # pyright: ignore[reportUnknownMemberType] - a bare dict there
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "5353"}],
    }
    assert web.execute(["sh", "-c", "echo hi"]) == "hi"
    with pytest.raises(DockerException) as failed:
        web.execute(["sh", "-c", "exit 4"])
    assert failed.value.return_code == 4
    web.rename("site")
    assert web.name == "site"
    web.restart(time=0)
    web.kill()
    assert docker.container.wait(web) == 137
    web.start()
    web.stop()
    assert (web.state.status, web.state.exit_code) == ("exited", 3)
    web.remove()
    assert not web.exists()


def test_output_is_given_and_failures_are_raised(docker: DockerClient) -> None:
    assert docker.run("host", pull="never", command=["echo", "hi"], remove=True) == "hi"
    with pytest.raises(DockerException) as failed:
        docker.run("host", pull="never", command=["sh", "-c", "echo no >&2; exit 3"], remove=True)
    assert failed.value.return_code == 3
    talker = docker.run(
        "host", pull="never", command=["sh", "-c", "echo one; echo two"], name="talker", detach=True
    )
    docker.container.wait(talker)
    assert docker.container.logs(talker) == "one\ntwo\n"
    assert docker.container.logs(talker, tail=1) == "two\n"
    streamed = cast(
        "Iterator[tuple[str, bytes]]", docker.container.logs(talker, follow=True, stream=True)
    )
    assert [*streamed] == [("stdout", b"one\n"), ("stdout", b"two\n")]


def test_containers_are_listed_counted_and_pruned(docker: DockerClient, box: Container) -> None:
    docker.container.wait(
        docker.run("host", pull="never", command=["true"], name="ended", detach=True)
    )

    assert [c.name for c in docker.container.list()] == ["box"]
    assert [c.name for c in docker.container.list(all=True)] == ["ended", "box"]
    assert [c.name for c in docker.container.list(all=True, filters=[("status", "exited")])] == [
        "ended"
    ]
    (stats,) = docker.stats(containers=[box])
    assert (stats.container_name, stats.memory_used > 0) == ("box", True)
    docker.container.prune()
    assert [c.name for c in docker.container.list(all=True)] == ["box"]


def test_events_of_the_past_are_read(docker: DockerClient) -> None:
    docker.run("host", pull="never", command=["true"], name="short", remove=True)

    found = docker.system.events(
        since=timedelta(minutes=1),
        until=datetime.now(UTC) + timedelta(seconds=2),
        filters={"container": "short"},
    )

    assert [event.action for event in found][-5:] == [
        "create",
        "attach",
        "start",
        "die",
        "destroy",
    ]
    assert docker.system.info().server_version
