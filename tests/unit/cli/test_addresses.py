"""``seaway network addresses reserve unreserve`` and ``seaway pool ls`` against an engine."""

from __future__ import annotations

from unit.cli.conftest import Run
from unit.cli.engine import Engine, Request

NEVER = "0001-01-01T00:00:00Z"


def use(address: str, holder: str, kind: str, since: str, reserved: str = "") -> dict[str, object]:
    """One address as the engine tells it."""
    return {
        "Address": address,
        "Holder": holder,
        "Kind": kind,
        "Since": since,
        "ReservedFor": reserved,
    }


USES = [
    use("10.5.0.1", "sw-a1b2c3d4e5f6", "gateway", "2026-11-24T06:04:59.15Z"),
    use("10.5.0.2", "web", "endpoint", "2026-11-24T06:05:00Z"),
    use("10.5.0.3", "db", "endpoint", "2026-11-24T06:05:01Z", "db"),
    use("10.5.0.4", "box", "fixed", "2026-11-24T06:05:02Z", "cache"),
    use("10.5.0.5", "later", "reserved", "2026-11-24T06:05:03Z", "later"),
    use("10.5.0.6", "", "remembered", NEVER),
]


def test_addresses_are_a_table_in_the_engines_order(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/networks/web/addresses"] = (200, USES)

    code, out, err = seaway("network", "addresses", "web")

    assert (code, err) == (0, "")
    assert out == (
        "ADDRESS    HOLDER            KIND                        SINCE\n"
        "10.5.0.1   sw-a1b2c3d4e5f6   gateway                     2026-11-24 06:04:59 UTC\n"
        "10.5.0.2   web               endpoint                    2026-11-24 06:05:00 UTC\n"
        "10.5.0.3   db                endpoint, reserved          2026-11-24 06:05:01 UTC\n"
        "10.5.0.4   box               fixed, reserved for cache   2026-11-24 06:05:02 UTC\n"
        "10.5.0.5   later             reserved                    2026-11-24 06:05:03 UTC\n"
        "10.5.0.6   -                 remembered                  -\n"
    )


def test_addresses_as_json_are_what_the_engine_said(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/networks/web/addresses"] = (200, USES[2:3])

    assert seaway("network", "addresses", "--format", "json", "web") == (
        0,
        (
            '{"Address":"10.5.0.3","Holder":"db","Kind":"endpoint","ReservedFor":"db",'
            '"Since":"2026-11-24T06:05:01Z"}\n'
        ),
        "",
    )


def test_reserved_addresses_alone_can_be_listed(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/networks/web/addresses"] = (200, USES)

    assert seaway("network", "addresses", "--reserved", "-q", "web") == (
        0,
        "10.5.0.3\n10.5.0.4\n10.5.0.5\n",
        "",
    )


def test_reserve_says_what_is_reserved_and_what_is_in_the_way(engine: Engine, seaway: Run) -> None:
    where = "/seaway/networks/web/reservations"
    warning = "db has 10.5.0.2 now, and gets 10.5.0.9 at its next start or connect"
    engine.answers[f"POST {where}"] = (
        201,
        {"Address": "10.5.0.9", "For": "db", "Warnings": [warning]},
    )

    assert seaway("network", "reserve", "web", "10.5.0.9", "--for", "db") == (
        0,
        "10.5.0.9\n",
        f"WARNING: {warning}\n",
    )
    body = {"Address": "10.5.0.9", "For": "db"}
    assert engine.seen == [Request(method="POST", path=where, query={}, body=body)]


def test_reserve_without_a_name_asks_nobody(engine: Engine, seaway: Run) -> None:
    code, out, err = seaway("network", "reserve", "web", "10.5.0.9")

    assert (code, out, err) == (125, "", "for which sandbox? say --for NAME\n")
    assert engine.seen == []


def test_unreserve_takes_one_address_back(engine: Engine, seaway: Run) -> None:
    where = "/seaway/networks/web/reservations/fd05::9"
    engine.answers[f"DELETE {where}"] = (204, None)

    assert seaway("network", "unreserve", "web", "fd05::9") == (0, "", "")
    assert [request.path for request in engine.seen] == [where]


ROOMS = [
    {"Kind": "pool", "Prefix": "10.77.0.0/16", "Piece": 24, "Size": 256, "Used": 2, "Free": 254},
    {
        "Kind": "subnet",
        "Prefix": "10.77.0.0/24",
        "Network": "web",
        "Range": "10.77.0.128/25",
        "Size": 126,
        "Used": 120,
        "Free": 6,
    },
    {
        "Kind": "subnet",
        "Prefix": "fd77::/64",
        "Network": "web",
        "Size": 9007199254740991,
        "Used": 120,
        "Free": 9007199254740991,
    },
]


def test_pool_ls_shows_pools_and_subnets_with_what_is_left(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/pools"] = (200, ROOMS)

    assert seaway("pool", "ls") == (
        0,
        (
            "POOL OR SUBNET   NETWORK   COUNTED IN    SIZE      USED      FREE\n"
            "10.77.0.0/16     -         /24 subnets   256       2         254\n"
            "10.77.0.128/25   web       addresses     126       120       6\n"
            "fd77::/64        web       addresses     many      120       many\n"
        ),
        "",
    )
    assert seaway("pool", "ls", "--format", "{{.Prefix}} {{.Free}}")[1].splitlines() == [
        "10.77.0.0/16 254",
        "10.77.0.0/24 6",
        "fd77::/64 9007199254740991",
    ]
