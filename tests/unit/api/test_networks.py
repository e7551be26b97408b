"""``/networks``, in Docker's words."""

from __future__ import annotations

import json

import pytest

from seaway.model.ids import IfName, Mac
from seaway.model.observed import LinkState
from unit.api.stage import Stage


async def make(stage: Stage, name: str, **more: object) -> str:
    match await stage.good("POST", "/networks/create", {"Name": name, **more}):
        case {"Id": str(identity), "Warning": ""}:
            return identity
        case other:
            raise AssertionError(other)


async def names(stage: Stage, filters: object) -> list[str]:
    text = json.dumps(filters).replace(" ", "")
    found = await stage.good("GET", f"/networks?filters={text}")
    return [item["Name"] for item in found]


async def test_a_network_is_shown_with_its_members_in_dockers_order(stage: Stage) -> None:
    identity = await make(
        stage,
        "lan",
        IPAM={
            "Driver": "default",
            "Options": {},
            "Config": [
                {"Subnet": "10.5.0.0/24", "IPRange": "10.5.0.128/25", "Gateway": None,
                 "AuxiliaryAddresses": {"printer": "10.5.0.7"}},
            ],
        },
        Options={"com.docker.network.bridge.enable_icc": "false"},
        Labels={"a": "b"},
        EnableIPv6=None,
        ConfigFrom=None,
    )  # fmt: skip
    await stage.run("web")
    body = {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.5.0.9"}}}
    await stage.good("POST", "/networks/lan/connect", body)
    (endpoint,) = stage.world.store.endpoints_of(stage.world.store.network("lan").id)
    stage.world.kernel.dropped[endpoint.link] = 3

    found = await stage.good("GET", f"/networks/{identity[:8]}")

    assert list(found) == [
        "Name", "Id", "Created", "Scope", "Driver", "EnableIPv4", "EnableIPv6", "IPAM", "Internal",
        "Attachable", "Ingress", "ConfigFrom", "ConfigOnly", "Options", "Labels", "Containers",
    ]  # fmt: skip
    assert found["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [
            {
                "Subnet": "10.5.0.0/24",
                "IPRange": "10.5.0.128/25",
                "Gateway": "10.5.0.1",
                "AuxiliaryAddresses": {"printer": "10.5.0.7"},
            }
        ],
    }
    assert found["Options"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert found["Labels"] == {"a": "b"}
    assert endpoint.place is not None
    assert found["Containers"] == {
        endpoint.sandbox: {
            "Name": "web",
            "EndpointID": endpoint.id,
            "MacAddress": endpoint.place.mac,
            "IPv4Address": "10.5.0.9/24",
            "IPv6Address": "",
            "Drops": 3,
        }
    }


async def test_what_the_guard_dropped_on_a_lan_is_told_of_whom_it_was(stage: Stage) -> None:
    eth0 = IfName("eth0")
    stage.world.kernel.links[eth0] = LinkState(
        index=2, mtu=1500, up=True, mac=Mac("02:00:00:00:01:00")
    )
    config = {"Config": [{"Subnet": "192.0.2.0/24"}]}
    await make(stage, "lan", Driver="macvlan", IPAM=config, Options={"parent": "eth0"})
    for name, mac in (("web", "02:00:00:00:00:07"), ("db", "02:00:00:00:00:08")):
        await stage.run(name)
        body = {"Container": name, "EndpointConfig": {"MacAddress": mac}}
        await stage.good("POST", "/networks/lan/connect", body)
    stage.world.kernel.dropped[eth0, Mac("02:00:00:00:00:07")] = 3

    found = await stage.good("GET", "/networks/lan")

    drops = {m["Name"]: m["Drops"] for m in found["Containers"].values()}
    assert drops == {"web": 3, "db": 0}


async def test_the_default_bridge_shows_dockers_options_with_our_name(stage: Stage) -> None:
    found = await stage.good("GET", "/networks/bridge")

    assert found["Options"] == {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": "seaway0",
        "com.docker.network.driver.mtu": "1500",
    }


async def test_a_list_has_no_members_of_networks(stage: Stage) -> None:
    found = await stage.good("GET", "/networks")

    assert [(n["Name"], n["Driver"], "Containers" in n) for n in found] == [
        ("bridge", "bridge", False),
        ("host", "host", False),
        ("none", "null", False),
    ]


async def test_filters_are_read_in_both_forms(stage: Stage) -> None:
    await make(stage, "web", Labels={"k": "v", "x": "y"})
    await make(stage, "webby", Labels={"k": "w"})

    assert await names(stage, {"name": {"web": True}}) == ["web", "webby"]
    assert await names(stage, {"name": ["^web$"]}) == ["web"]
    assert await names(stage, {"name": ["("]}) == []
    assert await names(stage, {"label": ["k=v", "x"]}) == ["web"]
    assert await names(stage, {"label": ["k"], "driver": ["bridge"]}) == ["web", "webby"]
    assert await names(stage, {"type": {"custom": True}}) == ["web", "webby"]
    assert await names(stage, {"driver": {"host": True, "null": True}}) == ["host", "none"]
    assert await names(stage, {"dangling": ["true"]}) == ["web", "webby"]
    assert await names(stage, {"scope": ["swarm"]}) == []


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ("{", "invalid filter"),
        ('{"bogus":["x"]}', "invalid filter 'bogus'"),
        ('{"bogus":{}}', "invalid filter 'bogus'"),
        ('["x"]', "invalid filter"),
        (
            '{"dangling":["x"]}',
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
        ),
    ],
)
async def test_a_wrong_filter_is_refused(stage: Stage, filters: str, message: str) -> None:
    answer = await stage.call("GET", f"/networks?filters={filters}")

    assert (answer.status, answer.message) == (400, message)


@pytest.mark.parametrize("key", ["type", "scope"])
async def test_a_wrong_value_of_a_filter_is_a_500_as_with_docker(stage: Stage, key: str) -> None:
    answer = await stage.call("GET", f'/networks?filters={{"{key}":["x"]}}')

    assert (answer.status, answer.message) == (500, f"invalid filter: '{key}'='x'")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"Name": "bridge"}, 403, "operation is not permitted on predefined bridge network "),
        ({"Name": ""}, 400, "invalid name: name is empty"),
        ({"Name": "n", "Driver": "nosuch"}, 404, 'plugin "nosuch" not found'),
        ({"Name": "n", "IPAM": {"Driver": "nosuch"}}, 404, 'plugin "nosuch" not found'),
        ({"Name": "n", "Driver": "host"}, 403, 'only one instance of "host" network is allowed'),
        ({"Name": "n", "Scope": "swarm"}, 403, "cannot create a swarm scoped network"),
        ({"Name": "n", "Ingress": True}, 403, "This node is not a swarm manager. Use"),
        ({"Name": "n", "Driver": "overlay"}, 403, "This node is not a swarm manager. Use"),
        (
            {"Name": "n", "ConfigOnly": True, "Scope": "local"},
            403,
            "a configuration network has no scope",
        ),
        (
            {"Name": "n", "ConfigFrom": {"Network": "nosuch"}},
            404,
            'configuration network "nosuch" not found',
        ),
        (
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.9.0.5/24"}]}},
            400,
            "invalid network config:\ninvalid subnet 10.9.0.5/24: it should be 10.9.0.0/24",
        ),
        (
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "foo"}]}},
            400,
            "invalid JSON: netip.ParsePrefix(\"foo\"): no '/'",
        ),
        (
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.90.0.0/33"}]}},
            400,
            'invalid JSON: netip.ParsePrefix("10.90.0.0/33"): prefix length out of range',
        ),
        (
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.8.0.1"}]}},
            400,
            (
                "invalid network config:\ninvalid gateway 10.8.0.1: "
                "parent subnet 10.9.0.0/24 doesn't contain this address"
            ),
        ),
        (
            {"Name": "n", "IPAM": {"Config": [{"Gateway": "10.9.0.1"}]}},
            400,
            (
                "invalid network config:\ninvalid gateway 10.9.0.1: "
                "parent subnet invalid Prefix doesn't contain this address"
            ),
        ),
        (
            {
                "Name": "n",
                "IPAM": {
                    "Config": [
                        {
                            "Subnet": "10.9.0.0/24",
                            "Gateway": "10.9.0.1",
                            "AuxiliaryAddresses": {"x": "10.9.0.1"},
                        }
                    ]
                },
            },
            500,
            "failed to allocate secondary ip address (x:10.9.0.1): Address already in use",
        ),
        (
            {
                "Name": "n",
                "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}, {"Subnet": "10.8.0.0/24"}]},
            },
            403,
            "bridge driver doesn't support multiple subnets",
        ),
        ({"Name": "n", "Driver": "null"}, 403, 'only one instance of "null" network is allowed'),
        ({"Name": "default"}, 403, "operation is not permitted on predefined default network "),
        (
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.77.0.0/16"}]}},
            403,
            "invalid pool request: Pool overlaps with other one on this address space",
        ),
    ],
)
async def test_a_refused_creation_is_told_as_docker_tells_it(
    stage: Stage, body: object, status: int, message: str
) -> None:
    answer = await stage.call("POST", "/networks/create", body)

    assert answer.status == status
    assert answer.message.startswith(message)


async def test_a_taken_name_is_a_conflict(stage: Stage) -> None:
    await make(stage, "web")

    answer = await stage.call("POST", "/networks/create", {"Name": "web"})

    assert (answer.status, answer.message) == (409, "network with name web already exists")


async def test_names_with_slashes_and_blanks_are_found_again(stage: Stage) -> None:
    await make(stage, "a/b c")
    await make(stage, "container:x")
    await stage.run("box")

    assert (await stage.call("GET", "/networks/a%2Fb%20c")).status == 200
    assert (await stage.call("GET", "/networks/a/b%20c")).status == 200
    joined = await stage.call("POST", "/networks/a/b%20c/connect", {"Container": "box"})
    assert joined.status == 200
    left = await stage.call("POST", "/networks/a%2Fb%20c/disconnect", {"Container": "box"})
    assert left.status == 200
    assert (await stage.call("DELETE", "/networks/a/b%20c")).status == 204
    assert (await stage.call("GET", "/networks/container:x")).status == 200


async def test_a_network_goes_once_and_in_use_not_at_all(stage: Stage) -> None:
    await make(stage, "web")
    await stage.run("box", HostConfig={"NetworkMode": "web"})

    used = await stage.call("DELETE", "/networks/web")
    await stage.good("POST", "/networks/web/disconnect", {"Container": "box", "Force": False})
    gone = await stage.call("DELETE", "/networks/web")
    again = await stage.call("DELETE", "/networks/web")
    predefined = await stage.call("DELETE", "/networks/bridge")

    assert used.status == 403
    assert used.message.startswith("error while removing network: network web has active endpoints")
    assert (gone.status, gone.body) == (204, b"")
    assert (again.status, again.message) == (404, "network web not found")
    assert (predefined.status, predefined.message) == (
        403,
        "bridge is a pre-defined network and cannot be removed",
    )


async def test_prune_keeps_what_its_filters_keep(stage: Stage) -> None:
    await make(stage, "kept", Labels={"keep": "1"})
    await make(stage, "gone")

    pruned = await stage.good("POST", '/networks/prune?filters={"label!":["keep"]}')
    nothing = await stage.good("POST", '/networks/prune?filters={"until":{"1h":true}}')

    assert pruned == {"NetworksDeleted": ["gone"]}
    assert nothing == {"NetworksDeleted": None}


@pytest.mark.parametrize(
    ("network", "body", "status", "message"),
    [
        ("nosuch", {"Container": "web"}, 404, "network nosuch not found"),
        ("bridge", {"Container": "nosuch"}, 404, "No such container: nosuch"),
        (
            "bridge",
            {"Container": "web"},
            403,
            "endpoint with name web already exists in network bridge",
        ),
        (
            "host",
            {"Container": "web"},
            400,
            (
                "cannot connect container to host network - "
                "container must be created in host network mode"
            ),
        ),
        (
            "none",
            {"Container": "web"},
            400,
            (
                "container cannot be connected to multiple networks with one of the networks in "
                "private (none) mode"
            ),
        ),
        (
            "lan",
            {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.99.0.5"}}},
            400,
            "invalid endpoint settings:\nno configured subnet contains IP address 10.99.0.5",
        ),
        (
            "lan",
            {"Container": "web", "EndpointConfig": {"Links": ["db:db"]}},
            400,
            "links are not supported",
        ),
        (
            "lan",
            {"Container": "web", "EndpointConfig": {"MacAddress": "zz"}},
            400,
            "zz is not a valid mac address",
        ),
        (
            "lan",
            {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "fd00::5"}}},
            400,
            "invalid endpoint settings:\nfd00::5 is an IPv6 address, not IPv4",
        ),
        (
            "lan",
            {"Container": "web", "EndpointConfig": {"DriverOpts": {"seaway.nosuch": "1"}}},
            400,
            "invalid endpoint settings:\nunknown driver option seaway.nosuch",
        ),
    ],
)
async def test_a_refused_connect_is_told_as_docker_tells_it(
    stage: Stage, network: str, body: object, status: int, message: str
) -> None:
    await make(stage, "lan")
    await stage.run("web")

    answer = await stage.call("POST", f"/networks/{network}/connect", body)

    assert answer.status == status
    assert answer.message.startswith(message)


@pytest.mark.parametrize(
    ("network", "body", "status", "message"),
    [
        ("nosuch", {"Container": "web"}, 404, "network nosuch not found"),
        ("lan", {"Container": "nosuch"}, 404, "No such container: nosuch"),
        ("lan", {"Container": "nosuch", "Force": True}, 404, "endpoint nosuch not found"),
        ("nosuch", {"Container": "x", "Force": True}, 404, "network nosuch not found"),
        (
            "host",
            {"Container": "hosted"},
            400,
            (
                "cannot disconnect container from host network - "
                "container was created in host network mode"
            ),
        ),
    ],
)
async def test_a_refused_disconnect_is_told_as_docker_tells_it(
    stage: Stage, network: str, body: object, status: int, message: str
) -> None:
    await make(stage, "lan")
    await stage.run("web")
    await stage.run("hosted", HostConfig={"NetworkMode": "host"})

    answer = await stage.call("POST", f"/networks/{network}/disconnect", body)

    assert (answer.status, answer.message) == (status, message)


async def test_a_stopped_container_is_not_connected_to_the_network(stage: Stage) -> None:
    await make(stage, "lan")
    identity = await stage.create("web")

    answer = await stage.call("POST", "/networks/lan/disconnect", {"Container": "web"})

    assert (answer.status, answer.message) == (
        500,
        f"container {identity} is not connected to the network lan",
    )


SHARED = (
    "container sharing network namespace with another container or host "
    "cannot be connected to any other network"
)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("host", SHARED),
        ("container:web", SHARED),
        (
            "none",
            (
                "container cannot be connected to multiple networks with one of the networks in "
                "private (none) mode"
            ),
        ),
    ],
)
async def test_who_has_no_networks_of_its_own_is_connected_to_none(
    stage: Stage, mode: str, message: str
) -> None:
    await make(stage, "lan")
    await stage.run("web")
    await stage.run("other", HostConfig={"NetworkMode": mode})

    answer = await stage.call("POST", "/networks/lan/connect", {"Container": "other"})

    assert (answer.status, answer.message) == (400, message)


async def test_a_taken_address_is_told_at_a_connect_and_at_a_start(stage: Stage) -> None:
    await make(stage, "lan", IPAM={"Config": [{"Subnet": "10.5.0.0/24"}]})
    await stage.run("web")
    await stage.run("late")
    wish = {"IPAMConfig": {"IPv4Address": "10.5.0.9"}}
    on = {"NetworkingConfig": {"EndpointsConfig": {"lan": wish}}}
    await stage.good("POST", "/networks/lan/connect", {"Container": "web", "EndpointConfig": wish})
    await stage.create("later", HostConfig={"NetworkMode": "lan"}, **on)

    told = await stage.call(
        "POST", "/networks/lan/connect", {"Container": "late", "EndpointConfig": wish}
    )
    started = await stage.call("POST", "/containers/later/start")

    assert told.status == started.status == 403
    assert told.message.startswith("Address already in use")
    assert started.message.startswith(
        "failed to set up container networking: Address already in use"
    )
    state = (await stage.inspect("later"))["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)


async def test_said_again_of_a_stopped_container_the_last_wish_holds(stage: Stage) -> None:
    await make(stage, "lan", IPAM={"Config": [{"Subnet": "10.5.0.0/24"}]})
    await stage.create("web")
    for address in ("10.5.0.8", "10.5.0.9"):
        wish = {"IPAMConfig": {"IPv4Address": address}}
        body = {"Container": "web", "EndpointConfig": wish}
        assert (await stage.call("POST", "/networks/lan/connect", body)).status == 200

    await stage.good("POST", "/containers/web/start")

    assert (await stage.inspect("web"))["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == (
        "10.5.0.9"
    )


async def test_the_last_network_may_be_taken_away(stage: Stage) -> None:
    await stage.run("web")

    await stage.good("POST", "/networks/bridge/disconnect", {"Container": "web"})
    await stage.good("POST", "/containers/web/restart?t=1")

    assert (await stage.inspect("web"))["NetworkSettings"]["Networks"] == {}


async def test_a_beginning_of_two_ids_is_ambiguous_and_a_name_goes_before_it(stage: Stage) -> None:
    ids = [await make(stage, f"n{n}") for n in range(17)]
    digit = next(d for d in "0123456789abcdef" if sum(i.startswith(d) for i in ids) > 1)
    count = sum(n["Id"].startswith(digit) for n in await stage.good("GET", "/networks"))

    answer = await stage.call("GET", f"/networks/{digit}")
    named = await make(stage, digit)

    assert (answer.status, answer.message) == (
        400,
        f"network {digit} is ambiguous ({count} matches found based on ID prefix)",
    )
    assert (await stage.good("GET", f"/networks/{digit}"))["Id"] == named
    assert (await stage.good("GET", f"/networks/{ids[0]}"))["Name"] == "n0"


async def test_a_configuration_is_shown_as_asked_for_and_named_by_what_is_made_from_it(
    stage: Stage,
) -> None:
    subnet = {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25"}
    asked = {"Driver": "default", "Options": dict[str, str](), "Config": [subnet]}
    await make(stage, "settings", ConfigOnly=True, IPAM=asked, Labels={"a": "b"})
    await make(stage, "office", ConfigFrom={"Network": "settings"}, IPAM={"Config": None})

    kept = await stage.good("GET", "/networks/settings")
    made = await stage.good("GET", "/networks/office")

    assert (kept["Driver"], kept["ConfigOnly"], kept["ConfigFrom"]) == (
        "null",
        True,
        {"Network": ""},
    )
    assert (kept["IPAM"], kept["Labels"]) == (asked, {"a": "b"})
    assert (made["Driver"], made["ConfigOnly"]) == ("bridge", False)
    assert made["ConfigFrom"] == {"Network": "settings"}
    assert made["IPAM"]["Config"] == [{**subnet, "Gateway": "10.9.0.1"}]
    assert made["Labels"] == {"a": "b"}
    removal = await stage.call("DELETE", "/networks/settings")
    assert (removal.status, removal.message) == (
        403,
        'error while removing network: configuration network "settings" is in use',
    )


async def test_the_host_and_none_networks_have_no_subnets(stage: Stage) -> None:
    nothing = {"Driver": "default", "Options": None, "Config": None}

    assert (await stage.good("GET", "/networks/host"))["IPAM"] == nothing
    assert (await stage.good("GET", "/networks/none"))["IPAM"] == nothing


async def test_a_disconnect_from_a_network_it_is_not_on_is_a_500(stage: Stage) -> None:
    await make(stage, "lan")
    identity = await stage.run("web")

    answer = await stage.call("POST", "/networks/lan/disconnect", {"Container": "web"})

    assert (answer.status, answer.message) == (
        500,
        f"container {identity} is not connected to network lan",
    )


async def test_pools_that_are_empty_are_a_400(stage: Stage) -> None:
    for n in range(1, 9):  # all of 10.77.0.0/16 but the first /24, which the default bridge has
        subnet = f"10.77.{256 >> n}.0/{16 + n}"
        await make(stage, f"n{n}", IPAM={"Config": [{"Subnet": subnet}]})

    answer = await stage.call("POST", "/networks/create", {"Name": "one-too-many"})

    assert answer.status == 400
    assert answer.message.startswith("all predefined address pools have been fully subnetted")


async def test_a_list_shows_what_changed_since_the_last(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "cfg", "ConfigOnly": True})
    made = {"Name": "web", "ConfigFrom": {"Network": "cfg"}}
    await stage.good("POST", "/networks/create", made)
    before = {n["Name"]: n for n in await stage.good("GET", "/networks")}

    change = {"Name": "front", "Labels": {"tier": "1"}}
    await stage.good("POST", "/seaway/networks/web/update", change)
    await stage.good("POST", "/seaway/networks/cfg/update", {"Name": "base"})
    after = {n["Name"]: n for n in await stage.good("GET", "/networks")}
    older = {n["Name"]: n for n in await stage.good("GET", "/v1.44/networks")}

    assert before["web"]["ConfigFrom"] == {"Network": "cfg"}
    assert set(after) == {"bridge", "host", "none", "base", "front"}
    assert after["front"]["Labels"] == {"tier": "1"}
    assert after["front"]["ConfigFrom"] == {"Network": "base"}
    assert "EnableIPv4" in after["front"]
    assert "EnableIPv4" not in older["front"]
