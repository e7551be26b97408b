"""``/seaway``: addresses, reservations and pools, as clients see them."""

from __future__ import annotations

from typing import Any

from unit.api.stage import Stage


async def make_web(stage: Stage) -> None:
    """The network "web" in both families."""
    config = [{"Subnet": "10.5.0.0/29"}, {"Subnet": "fd05::/64"}]
    body = {"Name": "web", "EnableIPv6": True, "IPAM": {"Config": config}}
    await stage.good("POST", "/networks/create", body)


async def make_box(stage: Stage, name: str) -> None:
    """A namespace on "web"."""
    config = {"EndpointsConfig": {"web": None}}
    await stage.good("POST", "/seaway/sandboxes", {"Name": name, "NetworkingConfig": config})


async def uses(stage: Stage) -> list[tuple[Any, ...]]:
    """The addresses of "web", without the times."""
    found: Any = await stage.good("GET", "/seaway/networks/web/addresses")
    return [(u["Address"], u["Kind"], u["Holder"], u["ReservedFor"]) for u in found]


async def test_addresses_come_in_order_with_holder_kind_and_time(stage: Stage) -> None:
    await make_web(stage)
    await make_box(stage, "box")
    await stage.create(
        "job",
        HostConfig={"NetworkMode": "web"},
        NetworkingConfig={"EndpointsConfig": {"web": {"IPAMConfig": {"IPv4Address": "10.5.0.6"}}}},
    )
    bridge = str(stage.world.store.network("web").options.bridge)

    assert await uses(stage) == [
        ("10.5.0.1", "gateway", bridge, ""),
        ("10.5.0.2", "endpoint", "box", ""),
        ("10.5.0.6", "kept", "job", ""),
        ("fd05::1", "gateway", bridge, ""),
        ("fd05::2", "endpoint", "box", ""),
    ]
    found: Any = await stage.good("GET", "/seaway/networks/web/addresses")
    assert all(u["Since"].startswith("1970-01-01T00:00:00.0000000") for u in found)
    assert (await stage.call("GET", "/seaway/networks/nosuch/addresses")).status == 404


async def test_a_reservation_is_made_shown_and_taken_back(stage: Stage) -> None:
    await make_web(stage)
    where = "/seaway/networks/web/reservations"

    made = await stage.call("POST", where, {"Address": "fd05::0:9", "For": "db"})

    assert (made.status, made.json) == (
        201,
        {"Address": "fd05::9", "For": "db", "Warnings": []},
    )
    shown: Any = await stage.good("GET", "/networks/web")
    assert shown["Reservations"] == [{"Address": "fd05::9", "For": "db"}]
    assert ("fd05::9", "reserved", "db", "db") in await uses(stage)
    await make_box(stage, "db")
    assert ("fd05::9", "endpoint", "db", "db") in await uses(stage)
    assert (await stage.call("DELETE", f"{where}/fd05%3A%3A9")).status == 204
    gone = await stage.call("DELETE", f"{where}/fd05::9")
    assert (gone.status, gone.message) == (
        404,
        "fd05::9 is not reserved on network web; reserved are: none",
    )
    assert "Reservations" not in await stage.good("GET", "/networks/web")


async def test_what_stands_in_the_way_of_a_reservation_is_told(stage: Stage) -> None:
    await make_web(stage)
    await make_box(stage, "db")
    where = "/seaway/networks/web/reservations"

    later = await stage.good("POST", where, {"Address": "10.5.0.5", "For": "db"})
    other = await stage.call("POST", where, {"Address": "10.5.0.5", "For": "cache"})
    gateway = await stage.call("POST", where, {"Address": "10.5.0.1", "For": "cache"})
    nobody = await stage.call("POST", where, {"Address": "10.5.0.4"})
    bad = await stage.call("POST", where, {"Address": "10.5.0", "For": "db"})
    name = await stage.call("POST", where, {"Address": "10.5.0.4", "For": "/x"})

    assert later["Warnings"] == [
        "db has 10.5.0.2 now, and gets 10.5.0.5 at its next start or connect"
    ]
    assert (other.status, gateway.status) == (409, 403)
    assert (nobody.status, nobody.message[:32]) == (400, "Address and For are both needed,")
    assert (bad.status, bad.message[:27]) == (400, "invalid IP address '10.5.0'")
    assert (name.status, name.message[:27]) == (400, "Invalid container name (/x)")


async def test_pools_and_subnets_are_told_with_what_is_left(stage: Stage) -> None:
    await make_web(stage)
    await make_box(stage, "box")

    assert await stage.good("GET", "/seaway/pools") == [
        _room("pool", "10.77.0.0/16", Piece=24, Size=256, Used=1, Free=255),
        _room("pool", "fd77::/48", Piece=64, Size=65536, Used=0, Free=65536),
        _room("subnet", "10.77.0.0/24", Network="bridge", Size=253, Used=0, Free=253),
        _room("subnet", "10.5.0.0/29", Network="web", Size=5, Used=1, Free=4),
        _room(
            "subnet",
            "fd05::/64",
            Network="web",
            Size=9007199254740991,
            Used=1,
            Free=9007199254740991,
        ),
    ]


def _room(kind: str, prefix: str, **more: object) -> dict[str, object]:
    plain = {"Kind": kind, "Prefix": prefix, "Piece": 0, "Network": "", "Range": "", "Routed": 0}
    return {**plain, **more}


async def test_a_taken_fixed_address_is_dockers_403_at_the_start(stage: Stage) -> None:
    await make_web(stage)
    on_web = {"EndpointsConfig": {"web": {"IPAMConfig": {"IPv4Address": "10.5.0.6"}}}}
    body: dict[str, object] = {
        "Image": "host",
        "Cmd": ["sleep"],
        "HostConfig": {"NetworkMode": "web"},
    }
    body["NetworkingConfig"] = on_web
    first: Any = await stage.good("POST", "/containers/create?name=first", body)
    second: Any = await stage.good("POST", "/containers/create?name=second", body)
    assert first["Warnings"] == []
    assert second["Warnings"] == [
        (
            "second cannot start as long as 10.5.0.6 on network web is kept for container first, "
            "which was not started yet"
        )
    ]

    kept = await stage.call("POST", "/containers/second/start")
    await stage.good("POST", "/containers/first/start")
    held = await stage.call("POST", "/containers/second/start")

    taken = (
        "failed to set up container networking: Address already in use: 10.5.0.6 on network web is"
    )
    assert (kept.status, kept.message) == (
        403,
        f"{taken} kept for container first, which was not started yet",
    )
    assert (held.status, held.message) == (403, f"{taken} held by container first")
