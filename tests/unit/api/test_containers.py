"""``/containers``: sandboxes in Docker's words."""

from __future__ import annotations

import json

import pytest

from fakes.world import happened
from unit.api.stage import Stage


async def listed(stage: Stage, query: str = "all=1") -> list[str]:
    found = await stage.good("GET", f"/containers/json?{query}")
    return [item["Names"][0] for item in found]


async def filtered(stage: Stage, **filters: list[str]) -> list[str]:
    text = json.dumps(filters).replace(" ", "")
    return await listed(stage, f"all=1&filters={text}")


async def test_a_running_container_is_shown_as_docker_shows_it(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "lan", "EnableIPv6": True})
    identity = await stage.run(
        "web",
        "httpd",
        "-f",
        Env=["A=b"],
        Labels={"k": "v"},
        ExposedPorts={"70/tcp": {}},
        HostConfig={
            "NetworkMode": "lan",
            "PortSpecs": ["8080:80"],
            "PortBindings": {"443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8443"}]},
            "Binds": ["/srv:/data:ro"],
            "ExtraHosts": ["db:10.0.0.1", "me:host-gateway"],
            "CapAdd": None,
        },
        NetworkingConfig={"EndpointsConfig": {"lan": {"Aliases": ["www"], "GwPriority": 7}}},
    )
    (endpoint,) = stage.world.store.endpoints_of(stage.world.store.sandbox("web").id)
    assert endpoint.place is not None
    v4, v6 = endpoint.place.addresses

    found = await stage.inspect("web")

    assert (found["Id"], found["Name"]) == (identity, "/web")
    assert (found["Path"], found["Args"], found["Image"]) == ("httpd", ["-f"], "host")
    match found["State"]:
        case {"Status": "running", "Running": True, "Pid": 4242, "ExitCode": 0}:
            pass
        case other:
            raise AssertionError(other)
    match found["Config"]:
        case {"Hostname": hostname, "Env": ["A=b"], "Tty": False, "Labels": {"k": "v"}}:
            assert hostname == identity[:12]
        case other:
            raise AssertionError(other)
    match found["HostConfig"]:
        case {
            "NetworkMode": "lan",
            "Binds": ["/srv:/data:ro"],
            "ExtraHosts": ["db:10.0.0.1", "me:host-gateway"],
            "PortBindings": bindings,
        }:
            assert bindings == {
                "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
                "443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8443"}],
            }
        case other:
            raise AssertionError(other)
    settings = found["NetworkSettings"]
    assert settings["SandboxKey"] == "/run/test/netns/web"
    assert settings["IPAddress"] == ""
    assert settings["Ports"] == {
        "70/tcp": None,
        "80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"},
            {"HostIp": "::", "HostPort": "8080"},
        ],
        "443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8443"}],
    }
    assert settings["Networks"] == {
        "lan": {
            "IPAMConfig": None,
            "Links": None,
            "Aliases": ["www"],
            "MacAddress": endpoint.place.mac,
            "DriverOpts": None,
            "GwPriority": 7,
            "NetworkID": endpoint.network,
            "EndpointID": endpoint.id,
            "Gateway": str(v4.network[1]),
            "IPAddress": str(v4.ip),
            "IPPrefixLen": 24,
            "IPv6Gateway": str(v6.network[1]),
            "GlobalIPv6Address": str(v6.ip),
            "GlobalIPv6PrefixLen": 64,
            "DNSNames": ["web", "www", identity[:12]],
            "Drops": 0,
        }
    }


async def test_on_the_default_bridge_old_members_are_filled_too(stage: Stage) -> None:
    await stage.run("web", HostConfig={"NetworkMode": "default", "PortSpecs": ["8080:80"]})

    settings = (await stage.inspect("web"))["NetworkSettings"]

    assert settings["IPAddress"] == settings["Networks"]["bridge"]["IPAddress"] == "10.77.0.2"
    assert settings["Gateway"] == "10.77.0.1"
    assert settings["Ports"] == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}


async def test_a_stopped_container_keeps_its_networks_and_loses_its_place(stage: Stage) -> None:
    await stage.run("web", HostConfig={"PortSpecs": ["8080:80"]})
    await stage.good("POST", "/containers/web/stop?t=1")

    found = await stage.inspect("web")

    settings, state = found["NetworkSettings"], found["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 143)
    assert settings["Ports"] == {}
    assert (settings["SandboxID"], settings["SandboxKey"]) == ("", "")
    bridge = settings["Networks"]["bridge"]
    assert bridge["NetworkID"] != ""
    assert (bridge["EndpointID"], bridge["IPAddress"], bridge["MacAddress"]) == ("", "", "")


async def test_a_list_has_ports_state_and_networks(stage: Stage) -> None:
    await stage.run(
        "web", "sleep", "9", HostConfig={"PortSpecs": ["9000-9001:80-81"]}, ExposeSpecs=["70/udp"]
    )

    (found,) = await stage.good("GET", "/containers/json")

    assert found["Command"] == "sleep 9"
    assert (found["State"], found["Status"]) == ("running", "Up Less than a second")
    assert found["HostConfig"] == {"NetworkMode": "bridge"}
    assert found["Ports"] == [
        {"PrivatePort": 70, "Type": "udp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 9000, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 81, "PublicPort": 9001, "Type": "tcp"},
    ]
    assert found["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] == "10.77.0.2"


async def test_filters_choose_what_is_listed(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "lan"})
    one = await stage.create("one", Labels={"k": "v", "x": "y"})
    await stage.run("two", HostConfig={"NetworkMode": "lan", "PortSpecs": ["8080:80"]})
    three = await stage.run("three", Labels={"k": "w"})
    stage.runtime.end(three, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await stage.good("POST", "/containers/three/wait")

    assert await listed(stage, "") == ["/two"]
    assert await listed(stage) == ["/three", "/two", "/one"]
    assert await listed(stage, "limit=2") == ["/three", "/two"]
    assert await filtered(stage, id=[one[:10]]) == ["/one"]
    assert await filtered(stage, name=["^/two$"]) == ["/two"]
    assert await filtered(stage, name=["t"]) == ["/three", "/two"]
    assert await filtered(stage, label=["k=v", "x=y"]) == ["/one"]
    assert await filtered(stage, status=["exited", "created"]) == ["/three", "/one"]
    assert await filtered(stage, exited=["3"]) == ["/three"]
    assert await filtered(stage, network=["lan"]) == ["/two"]
    assert await filtered(stage, before=["two"]) == ["/one"]
    assert await filtered(stage, since=["two"]) == ["/three"]
    assert await filtered(stage, publish=["79-81/tcp"]) == ["/two"]
    assert await filtered(stage, ancestor=["host"]) == ["/three", "/two", "/one"]
    assert (await stage.call("GET", '/containers/json?filters={"x":["y"]}')).status == 400


async def test_one_create_may_carry_several_networks_the_modes_first(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        await stage.good("POST", "/networks/create", {"Name": name})
    identity = (await stage.good("GET", "/networks/c"))["Id"]

    await stage.create(
        "box",
        MacAddress="02:00:00:00:00:07",
        HostConfig={"NetworkMode": "c"},
        NetworkingConfig={
            "EndpointsConfig": {
                "b": None,
                "a": {"DriverOpts": {"com.docker.network.endpoint.ifname": "lan9"}},
                identity: {"Aliases": ["db"]},
            }
        },
    )

    ends = stage.world.store.endpoints_of(stage.world.store.sandbox("box").id)
    names = [stage.world.store.network(e.network).name for e in ends]
    assert names == ["c", "b", "a"]
    assert (ends[0].wish.mac, ends[0].wish.aliases) == ("02:00:00:00:00:07", ("db",))
    assert ends[2].wish.ifname == "lan9"


@pytest.mark.parametrize("mode", ["host", "none"])
async def test_in_host_and_none_mode_it_is_on_the_predefined_network(
    stage: Stage, mode: str
) -> None:
    await stage.run("box", HostConfig={"NetworkMode": mode})

    settings = (await stage.inspect("box"))["NetworkSettings"]

    assert list(settings["Networks"]) == [mode]
    assert settings["Networks"][mode]["IPAddress"] == ""


async def test_a_shared_namespace_shows_whose_it_is(stage: Stage) -> None:
    owner = await stage.run("web")
    await stage.run("side", HostConfig={"NetworkMode": "container:web"})

    found = await stage.inspect("side")

    match found:
        case {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"SandboxKey": key}}:
            assert (mode, key) == (f"container:{owner}", "/run/test/netns/web")
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"Image": "busybox", "Cmd": ["x"]},
            404,
            "No such image: busybox:latest\nSeaway has no images",
        ),
        ({"Image": "reg:5000/a", "Cmd": ["x"]}, 404, "No such image: reg:5000/a:latest"),
        ({"Image": "a:1", "Cmd": ["x"]}, 404, "No such image: a:1\n"),
        ({"Image": "/a\0b", "Cmd": ["x"]}, 400, "invalid root file system '/a\\\\x00b'"),
        ({"Image": "host"}, 400, "no command specified"),
        ({"Cmd": ["a\0b"]}, 400, "invalid word 'a\\\\x00b' of the command"),
        ({"Cmd": ["é" * (64 << 10)]}, 400, "invalid word 'é"),
        ({"Cmd": ["x"], "StopTimeout": 1 << 63}, 400, "invalid StopTimeout: it is seconds"),
        ({"Cmd": ["x"], "WorkingDir": "y"}, 400, "the working directory 'y' is invalid"),
        ({"Cmd": ["x"], "Env": ["=y"]}, 400, "invalid environment variable: '=y'"),
        ({"Cmd": ["x"], "StopSignal": "NOPE"}, 400, "invalid signal: NOPE"),
        ({"Cmd": ["x"], "HostConfig": {"NetworkMode": "nosuch"}}, 400, "network nosuch not found"),
        ({"Cmd": ["x"], "HostConfig": {"Links": ["a:b"]}}, 400, "links are not supported"),
        ({"Cmd": ["x"], "HostConfig": {"Binds": ["v:/x"]}}, 400, "invalid volume 'v:/x'"),
        ({"Cmd": ["x"], "Volumes": {"x:/x": {}}}, 400, "invalid volume 'x:/x'"),
        (
            {"Cmd": ["x"], "HostConfig": {"Binds": ["/v:/x:what"]}},
            400,
            "invalid volume '/v:/x:what'",
        ),
        ({"Cmd": ["x"], "HostConfig": {"PortSpecs": ["x"]}}, 400, "invalid port 'x'"),
        ({"Cmd": ["x"], "HostConfig": {"ExtraHosts": ["x"]}}, 400, "invalid extra host 'x'"),
        ({"Cmd": ["x"], "HostConfig": {"Dns": ["x"]}}, 400, "invalid IP address 'x'"),
        ({"Cmd": ["x"], "HostConfig": {"Dns": ["fe80::1%eth0"]}}, 400, "invalid IP address 'fe80"),
        (
            {"Cmd": ["x"], "HostConfig": {"DnsSearch": ["a\nnameserver 192.0.2.9"]}},
            400,
            "invalid search domain 'a\\\\nnameserver 192.0.2.9': 1 to 253 characters",
        ),
        (
            {"Cmd": ["x"], "HostConfig": {"DnsOptions": ["rotate\nnameserver 192.0.2.9"]}},
            400,
            "invalid DNS option 'rotate\\\\nnameserver 192.0.2.9': it is NAME or NAME:NUMBER",
        ),
        (
            {"Cmd": ["x"], "HostConfig": {"ExtraHosts": ["a\t192.0.2.9 b:10.0.0.1"]}},
            400,
            "invalid extra host 'a\\\\t192.0.2.9 b': 1 to 253 characters",
        ),
        (
            {"Cmd": ["x"], "Hostname": "a\nb"},
            400,
            "invalid hostname 'a\\\\nb': 1 to 253 characters",
        ),
        (
            {"Cmd": ["x"], "Hostname": "a" * 32, "Domainname": "b" * 32},
            400,
            f"invalid hostname '{'a' * 32}.{'b' * 32}': it has 65 characters, and Linux takes 64",
        ),
        (
            {"Cmd": ["x"], "HostConfig": {"NetworkMode": "container:nosuch"}},
            400,
            "No such container: nosuch",
        ),
    ],
)
async def test_a_refused_creation_is_told_in_a_sentence(
    stage: Stage, body: object, status: int, message: str
) -> None:
    answer = await stage.call("POST", "/containers/create?name=box", body)

    assert answer.status == status
    assert answer.message.startswith(message)
    assert await listed(stage) == []


async def test_what_is_ignored_is_told_in_warnings(stage: Stage) -> None:
    body = {
        "Cmd": "true",
        "HostConfig": {"RestartPolicy": {"Name": "always"}, "Privileged": True},
    }

    match await stage.good("POST", "/containers/create", body):
        case {"Warnings": [first, second]}:
            assert first.startswith("restart policy always is ignored")
            assert second.startswith("privileged is ignored")
        case other:
            raise AssertionError(other)


async def test_dockers_flags_without_effect_are_told(stage: Stage) -> None:
    host: dict[str, object] = {
        "Memory": 1 << 20,
        "Sysctls": {"a": "b"},
        "PidsLimit": 0,
        "Devices": [],
        "Init": None,
    }
    body: dict[str, object] = {"Cmd": "true", "Volumes": {"/data": {}}, "HostConfig": host}

    made = await stage.call("POST", "/containers/create", body)

    assert made.json["Warnings"] == [
        "without effect in Seaway: --memory, --sysctl, --volume without a directory of the host"
    ]


NO_WAY_OUT = "no network with a way out: its ports are published when it is connected to one"


@pytest.mark.parametrize(
    ("mode", "port", "warnings"),
    [
        ("bridge", "8080:80", []),
        (
            "in",
            "8080:80",
            [f"box is on {NO_WAY_OUT}"],
        ),
        (
            "bridge",
            "[::1]:8080:80",
            ["box has no IPv6 on a network with a way out: nothing answers at ::1 until it has"],
        ),
        ("none", "8080:80", ["Published ports are discarded when using none network mode"]),
        ("host", "8080:80", ["Published ports are discarded when using host network mode"]),
    ],
)
async def test_ports_that_lead_nowhere_are_told_at_create(
    stage: Stage, mode: str, port: str, warnings: list[str]
) -> None:
    await stage.good("POST", "/networks/create", {"Name": "in", "Internal": True})
    host = {"NetworkMode": mode, "PortSpecs": [port]}

    made = await stage.call(
        "POST", "/containers/create?name=box", {"Cmd": ["x"], "HostConfig": host}
    )

    assert (made.status, made.json["Warnings"]) == (201, warnings)


async def test_a_taken_name_is_dockers_conflict(stage: Stage) -> None:
    identity = await stage.create("box")

    answer = await stage.call("POST", "/containers/create?name=box", {"Cmd": ["x"]})
    renamed = await stage.create("other")
    rename = await stage.call("POST", f"/containers/{renamed}/rename?name=box")
    wrong = await stage.call("POST", f"/containers/{renamed}/rename?name=/a/b")

    text = f'Conflict. The container name "/box" is already in use by container "{identity}".'
    assert answer.status == rename.status == 409
    assert answer.message.startswith(text)
    assert rename.message.startswith(f"Error when allocating new name: {text}")
    assert wrong.message.startswith("Error when allocating new name: Invalid container name (/a/b)")


async def test_a_life_in_statuses(stage: Stage) -> None:
    await stage.create("box")

    async def status(method: str, path: str) -> int:
        return (await stage.call(method, f"/containers/{path}")).status

    assert await status("POST", "box/kill") == 409
    assert await status("POST", "box/stop") == 304
    assert await status("POST", "box/start") == 204
    assert await status("POST", "box/start") == 304
    assert await status("POST", "box/kill?signal=BOGUS") == 400
    assert await status("POST", f"box/stop?t={'9' * 400}") == 400
    assert await status("POST", "box/restart?t=1") == 204
    assert await status("DELETE", "box") == 409
    assert await status("POST", "box/rename?name=boat") == 204
    assert await status("POST", "boat/kill?signal=9") == 204
    assert await status("DELETE", "boat?force=1&v=1") == 204
    assert await status("DELETE", "boat?force=1") == 404


async def test_a_busy_port_is_a_500_with_dockers_words(stage: Stage) -> None:
    stage.world.host_ports.foreign.add(8080)
    await stage.create("web", HostConfig={"PortSpecs": ["8080:80"]})

    answer = await stage.call("POST", "/containers/web/start")

    assert answer.status == 500
    assert answer.message.startswith(
        "failed to set up container networking: driver failed programming external connectivity"
    )


async def test_prune_says_what_went(stage: Stage) -> None:
    await stage.run("kept")
    gone = await stage.create("gone")

    assert await stage.good("POST", "/containers/prune") == {
        "ContainersDeleted": [gone],
        "SpaceReclaimed": 0,
    }
    assert await stage.good("POST", "/containers/prune") == {
        "ContainersDeleted": None,
        "SpaceReclaimed": 0,
    }


@pytest.mark.parametrize("verb", ["kill", "stop", "restart", "wait", "attach", "exec", "resize"])
async def test_a_namespace_has_no_process(stage: Stage, verb: str) -> None:
    await stage.good("POST", "/seaway/sandboxes", {"Name": "ns"})

    body = {"Cmd": ["x"]} if verb == "exec" else None
    answer = await stage.call("POST", f"/containers/ns/{verb}?h=1&w=1", body)
    logs = await stage.call("GET", "/containers/ns/logs?stdout=1")

    assert answer.status == logs.status == 409
    assert answer.message.startswith("sandbox ns is only a network namespace")


@pytest.mark.parametrize(
    ("request_line", "rest"),
    [
        ("POST stop", "stopped; remove it by: seaway sandbox rm ns"),
        ("POST kill", "killed; remove it by: seaway sandbox rm ns"),
        ("POST restart", "restarted; seaway run makes sandboxes with one"),
        ("POST pause", "paused; seaway run makes sandboxes with one"),
        ("GET top", "looked at; seaway run makes sandboxes with one"),
        ("GET logs", "listened to; seaway run makes sandboxes with one"),
    ],
)
async def test_who_asks_a_namespace_for_its_process_is_told_what_to_do_instead(
    stage: Stage, request_line: str, rest: str
) -> None:
    await stage.good("POST", "/seaway/sandboxes", {"Name": "ns"})
    method, verb = request_line.split()

    answer = await stage.call(method, f"/containers/ns/{verb}")

    assert answer.message == (
        f"sandbox ns is only a network namespace, without a process that could be {rest}"
    )


async def test_sizes_are_shown_when_asked_for(stage: Stage) -> None:
    await stage.create("web")

    (plain,) = await stage.good("GET", "/containers/json?all=1")
    (sized,) = await stage.good("GET", "/containers/json?all=1&size=1")
    whole = await stage.good("GET", "/containers/web/json?size=1")

    assert "SizeRw" not in plain
    assert "SizeRw" not in await stage.inspect("web")
    assert (sized["SizeRw"], sized["SizeRootFs"]) == (0, 0)
    assert (whole["SizeRw"], whole["SizeRootFs"]) == (0, 0)


async def test_an_update_that_asks_for_nothing_is_fine_and_all_else_is_refused(
    stage: Stage,
) -> None:
    await stage.create("web")
    nothing = {
        "Memory": 0,
        "Devices": None,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    }

    assert await stage.good("POST", "/containers/web/update", nothing) == {"Warnings": None}
    answer = await stage.call("POST", "/containers/web/update", {**nothing, "Memory": 7})
    assert (answer.status, answer.message) == (
        400,
        "cannot update Memory: make the container anew",
    )


async def test_a_paused_container_says_so_until_it_goes_on(stage: Stage) -> None:
    identity = await stage.run("web")

    await stage.good("POST", "/containers/web/pause")
    state = (await stage.inspect("web"))["State"]
    (summary,) = await stage.good("GET", "/containers/json")
    info = await stage.good("GET", "/info")
    again = await stage.call("POST", "/containers/web/pause")
    inside = await stage.call("POST", "/containers/web/exec", {"Cmd": ["true"]})

    assert (state["Status"], state["Running"], state["Paused"]) == ("paused", True, True)
    assert summary["State"] == "paused"
    assert summary["Status"] == "Up Less than a second (Paused)"
    assert await filtered(stage, status=["paused"]) == ["/web"]
    assert await filtered(stage, status=["running"]) == []
    assert (info["ContainersRunning"], info["ContainersPaused"]) == (0, 1)
    assert (again.status, again.message) == (409, f"container {identity} is already paused")
    assert (inside.status, inside.message) == (
        409,
        "Container web is paused, unpause the container before exec",
    )
    await stage.good("POST", "/containers/web/unpause")
    assert (await stage.inspect("web"))["State"]["Status"] == "running"
    going = await stage.call("POST", "/containers/web/unpause")
    assert (going.status, going.message) == (500, f"Container {identity} is not paused")
    actions = [e.action for e in happened(stage.world.events) if e.type == "container"]
    assert actions == ["create", "start", "pause", "unpause"]


async def test_one_that_does_not_run_is_not_paused(stage: Stage) -> None:
    identity = await stage.create("web")

    answer = await stage.call("POST", "/containers/web/pause")

    assert (answer.status, answer.message) == (409, f"container {identity} is not running")


async def test_a_paused_container_is_stopped_and_removed_like_any_other(stage: Stage) -> None:
    for name in ("one", "two"):
        await stage.run(name)
        await stage.good("POST", f"/containers/{name}/pause")

    await stage.good("POST", "/containers/one/stop?t=1")
    await stage.good("DELETE", "/containers/two?force=1")

    assert (await stage.inspect("one"))["State"]["Status"] == "exited"
    assert await listed(stage) == ["/one"]
