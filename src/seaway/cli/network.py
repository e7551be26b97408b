"""``seaway network``: wording and columns; rules live in the engine."""

from __future__ import annotations

import sys

from seaway.cli.client import path
from seaway.cli.options import Command, Option, filter_option, grouped, switch
from seaway.cli.table import (
    FORMAT,
    NO_TRUNC,
    QUIET,
    Column,
    filters,
    label_of,
    labels,
    short,
    show,
)
from seaway.cli.values import field, listed, pairs, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from seaway.cli.client import Api
    from seaway.cli.options import Args


def _columns(args: Args) -> Mapping[str, Column]:
    def truth(name: str) -> Column:
        return Column(name.upper(), lambda item: str(field(item, name) is True).lower())

    return {
        "ID": Column("NETWORK ID", lambda item: short(text(item, "Id"), args)),
        "Name": Column("NAME", lambda item: text(item, "Name")),
        "Driver": Column("DRIVER", lambda item: text(item, "Driver")),
        "Scope": Column("SCOPE", lambda item: text(item, "Scope")),
        "IPv4": Column("IPV4", lambda item: str(field(item, "EnableIPv4") is True).lower()),
        "IPv6": Column("IPV6", lambda item: str(field(item, "EnableIPv6") is True).lower()),
        "Internal": truth("Internal"),
        "Labels": Column("LABELS", labels),
        "CreatedAt": Column("CREATED AT", lambda item: _created(text(item, "Created"))),
        "Label": Column("", label_of),
    }


def _created(stamp: str) -> str:
    """``2026-11-25T17:28:00.1Z`` as docker's lists show it."""
    return stamp.replace("T", " ", 1).replace("Z", " +0000 UTC", 1)


def _natural(item: object) -> list[tuple[int, str]]:
    """A sort key by which net2 comes before net10."""
    parts: list[str] = []
    for char in text(item, "Name"):
        if parts and parts[-1].isdecimal() == char.isdecimal():
            parts[-1] += char
        else:
            parts.append(char)
    return [(len(part.lstrip("0")) if part.isdecimal() else -1, part.lstrip("0")) for part in parts]


def _ls(args: Args, api: Api) -> int:
    found = listed(api.get("/networks", filters=filters(args.every("filter"))))
    return show(
        args, sorted(found, key=_natural), _columns(args), ("ID", "Name", "Driver", "Scope")
    )


def _create(args: Args, api: Api) -> int:
    from seaway.cli.subnets import subnets  # noqa: PLC0415

    body: dict[str, object] = {
        "Name": args.rest[0],
        "Driver": args.text("driver", "bridge"),
        "Options": _options(args),
        "Labels": pairs(args.every("label")),
        "Internal": args.flag("internal"),
        "Attachable": args.flag("attachable"),
        "IPAM": {
            "Driver": args.text("ipam-driver", "default"),
            "Options": pairs(args.every("ipam-opt")),
            "Config": subnets(args, "subnet"),
        },
    }
    for name, key in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if args.given(name):
            body[key] = args.flag(name)
    if args.flag("config-only"):
        body["ConfigOnly"] = True
    if args.given("config-from"):
        body["ConfigFrom"] = {"Network": args.text("config-from")}
    if args.given("scope"):
        body["Scope"] = args.text("scope")
    reply = api.post("/networks/create", body)
    if text(reply, "Warning"):
        sys.stderr.write(f"WARNING: {text(reply, 'Warning')}\n")
    sys.stdout.write(f"{text(reply, 'Id')}\n")
    return 0


def _options(args: Args) -> dict[str, object]:
    asked = pairs(args.every("opt"))
    if args.given("host-access"):
        asked["seaway.host_access"] = str(args.flag("host-access")).lower()
    return asked


def _inspect(args: Args, api: Api) -> int:
    from seaway.cli.inspection import inspect  # noqa: PLC0415

    return inspect(args, [lambda ref: api.get(path("networks", ref), verbose=args.flag("verbose"))])


def _rm(args: Args, api: Api) -> int:
    from seaway.cli.batch import each  # noqa: PLC0415

    return each(args.rest, lambda ref: api.delete(path("networks", ref)), force=args.flag("force"))


def _prune(args: Args, api: Api) -> int:
    from seaway.cli.batch import confirmed  # noqa: PLC0415

    if not confirmed(args, "This removes every network that no sandbox uses. Go on?"):
        return 0
    reply = api.post("/networks/prune", filters=filters(args.every("filter")))
    if gone := texts(reply, "NetworksDeleted"):
        sys.stdout.write("\n".join(["Deleted Networks:", *gone, "", ""]))
    return 0


def _connect(args: Args, api: Api) -> int:
    from seaway.cli.endpoint import Wish, from_flags  # noqa: PLC0415

    network, sandbox = args.rest
    names = [
        "ip",
        "ip6",
        "link-local-ip",
        "mac-address",
        "alias",
        "gw-priority",
        "driver-opt",
        "ifname",
    ]
    wanted = Wish(network, from_flags(args, tuple(names)))
    body = {"Container": sandbox, "EndpointConfig": wanted.body()}
    api.post(path("networks", network, "connect"), body)
    return 0


def _disconnect(args: Args, api: Api) -> int:
    network, sandbox = args.rest
    body = {"Container": sandbox, "Force": args.flag("force")}
    api.post(path("networks", network, "disconnect"), body)
    return 0


def _update(args: Args, api: Api) -> int:
    from seaway.cli.network_update import update  # noqa: PLC0415

    return update(args, api)


def _addresses(args: Args, api: Api) -> int:
    from seaway.cli.addresses import addresses  # noqa: PLC0415

    return addresses(args, api)


def _reserve(args: Args, api: Api) -> int:
    from seaway.cli.addresses import reserve  # noqa: PLC0415

    return reserve(args, api)


def _unreserve(args: Args, api: Api) -> int:
    from seaway.cli.addresses import unreserve  # noqa: PLC0415

    return unreserve(args, api)


_BRIDGE = "com.docker.network.bridge."
_OPTIONS = (
    f"{_BRIDGE}name=",
    f"{_BRIDGE}enable_icc=",
    f"{_BRIDGE}enable_ip_masquerade=",
    f"{_BRIDGE}host_binding_ipv4=",
    "com.docker.network.driver.mtu=",
    "seaway.source_guard=",
    "seaway.uplink=",
    "seaway.vlan=",
    "parent=",
    "macvlan_mode=",
    "ipvlan_mode=",
    "ipvlan_flag=",
)

COMMANDS = {
    "create": Command(
        _create,
        "[OPTIONS] NETWORK",
        "Create a network; prints its id.",
        least=1,
        most=1,
        options=(
            Option(
                "driver d",
                "DRIVER",
                "what makes it: bridge (default), macvlan or ipvlan",
                known=("bridge", "macvlan", "ipvlan"),
            ),
            switch("internal", "no way to anything outside the network"),
            switch("host-access", "macvlan, ipvlan: the host and the sandboxes reach each other"),
            switch("attachable", "taken as docker takes it: any sandbox may be connected"),
            Option("opt o", "NAME=VALUE", "an option of the driver (repeatable)", known=_OPTIONS),
            Option("label", "NAME=VALUE", "a label (repeatable)"),
            Option("scope", "SCOPE", "local (default)", known=("local",)),
            switch("config-only", "make nothing: keep these settings for --config-from"),
            Option(
                "config-from",
                "NETWORK",
                "take subnets, options and labels from that network",
                known=("@networks",),
            ),
            *grouped(
                "Addresses",
                Option("subnet", "CIDR", "its subnet (repeatable: one for IPv4, one for IPv6)"),
                Option("gateway", "ADDRESS", "the gateway in its subnet (repeatable)"),
                Option("ip-range", "CIDR", "give out addresses of this part only (repeatable)"),
                Option("aux-address", "NAME=ADDRESS", "never give out this address (repeatable)"),
                switch("ipv4", "IPv4 addresses; on unless --ipv4=false"),
                switch("ipv6", "IPv6 addresses as well"),
                Option(
                    "ipam-driver",
                    "DRIVER",
                    "who chooses addresses: default, or dhcp: the LAN's own server",
                    known=("default", "dhcp"),
                ),
                Option("ipam-opt", "NAME=VALUE", "an option for it (repeatable)"),
            ),
        ),
        takes=("@nothing",),
        docker="docker network create",
        notes="""
            `-o` options: [Network options](network-options.md). Without `--subnet` the
            subnet comes from the setting [`default-address-pools`](settings.md); an
            IPv6 one without a pool from the host's own ULA prefix.
        """,
        examples=(
            "seaway network create front",
            "seaway network create --ipv6 --subnet 10.5.0.0/24 --gateway 10.5.0.1 web",
            "seaway network create --internal -o com.docker.network.driver.mtu=1400 back",
            "seaway network create --config-only --subnet 10.6.0.0/24 settings",
            "seaway network create --config-from settings office",
            "seaway network create -d macvlan -o parent=eth0 --host-access home",
        ),
    ),
    "ls": Command(
        _ls,
        "[OPTIONS]",
        "List networks.",
        most=0,
        options=(
            filter_option(
                "filter f",
                "driver=bridge",
                "driver=host",
                "driver=null",
                "id=",
                "name=@networks",
                "label=",
                "scope=local",
                "type=builtin",
                "type=custom",
                "dangling=true",
                "dangling=false",
            ),
            FORMAT,
            NO_TRUNC,
            QUIET,
        ),
        docker="docker network ls",
        examples=("seaway network ls", "seaway network ls -f driver=bridge --format '{{.Name}}'"),
    ),
    "inspect": Command(
        _inspect,
        "[OPTIONS] NETWORK [NETWORK...]",
        "Show everything about networks, as JSON.",
        least=1,
        options=(
            Option(
                "format f",
                "FORMAT",
                "json, or a template such as '{{json .IPAM}}'",
                known=("json",),
            ),
            switch("verbose v", "taken as docker takes it: there is no cluster here"),
        ),
        takes=("@networks",),
        docker="docker network inspect",
        examples=(
            "seaway network inspect web",
            "seaway network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' web",
        ),
    ),
    "rm": Command(
        _rm,
        "[-f] NETWORK [NETWORK...]",
        "Remove networks that no sandbox uses.",
        least=1,
        options=(switch("force f", "a network that is not there is no error"),),
        takes=("@networks",),
        docker="docker network rm",
        examples=("seaway network rm web",),
    ),
    "update": Command(
        _update,
        "[OPTIONS] NETWORK",
        "Change a network while sandboxes are on it: all of it, or nothing.",
        least=1,
        most=1,
        options=(
            switch("plan", "only say what it would mean for each sandbox"),
            Option("name", "NAME", "its new name"),
            Option("add-subnet", "CIDR", "a subnet more, of either family (repeatable)"),
            Option("gateway", "ADDRESS", "the gateway in an added subnet (repeatable)"),
            Option("ip-range", "CIDR", "give out addresses of this part only (repeatable)"),
            Option("aux-address", "NAME=ADDRESS", "never give out this address (repeatable)"),
            switch("internal", "no way outside any more; --internal=false: a way again"),
            switch("icc", "sandboxes reach one another; --icc=false: they do not"),
            Option("mtu", "BYTES", "the MTU of its links"),
            Option("dns", "ADDRESS", "asked for names outside (repeatable; '': as the host does)"),
            Option("label", "NAME=VALUE", "a label, new or changed (repeatable)"),
            Option("label-rm", "NAME", "take a label away (repeatable)"),
            Option("opt o", "NAME=VALUE", "an option of the driver (repeatable)", known=_OPTIONS),
            Option("opt-rm", "NAME", "an option back to its default (repeatable)"),
        ),
        takes=("@networks",),
        notes="""
            Says first what it means for each sandbox that is on the network, then does
            it for all of them or for none. See [Change a
            network](../how-to/live-changes.md#change-a-network).
        """,
        examples=(
            "seaway network update --mtu 1400 --plan web",
            "seaway network update --add-subnet fd05::/64 web",
            "seaway network update --internal=false --name front web",
        ),
    ),
    "prune": Command(
        _prune,
        "[-f] [--filter NAME=VALUE]",
        "Remove all networks that no sandbox uses.",
        most=0,
        options=(
            filter_option("filter", "until=", "label=", "label!="),
            switch("force f", "do not ask"),
        ),
        docker="docker network prune",
        notes="""
            Networks that only stopped sandboxes use are kept.
        """,
        examples=("seaway network prune --filter until=24h",),
    ),
    "connect": Command(
        _connect,
        "[OPTIONS] NETWORK SANDBOX",
        "Connect a sandbox to a network; it may be running.",
        least=2,
        most=2,
        options=(
            Option("ip", "ADDRESS", "the IPv4 address it gets"),
            Option("ip6", "ADDRESS", "the IPv6 address it gets"),
            Option(
                "link-local-ip", "ADDRESS", "refused: see --driver-opt seaway.allowed_addresses"
            ),
            Option("mac-address", "MAC", "the MAC address it gets"),
            Option("alias", "NAME", "a name more by which it is found (repeatable)"),
            Option("gw-priority", "NUMBER", "the highest has the default route"),
            Option("ifname", "NAME", "what the interface is called inside"),
            Option(
                "driver-opt",
                "NAME=VALUE",
                "an option, as seaway.allowed_addresses=10.5.0.100 (repeatable)",
            ),
        ),
        takes=("@networks", "@sandboxes"),
        docker="docker network connect",
        notes="""
            Endpoint options: [Network options](network-options.md#endpoint-options).
        """,
        examples=("seaway network connect --alias db --ip 10.5.0.9 web postgres",),
    ),
    "disconnect": Command(
        _disconnect,
        "[-f] NETWORK SANDBOX",
        "Take a sandbox off a network.",
        least=2,
        most=2,
        options=(switch("force f", "even if the sandbox is gone"),),
        takes=("@networks", "@sandboxes"),
        docker="docker network disconnect",
        examples=("seaway network disconnect web postgres",),
    ),
    "addresses": Command(
        _addresses,
        "[OPTIONS] NETWORK",
        "List the addresses of a network: who has each, shall have it, or had it last.",
        least=1,
        most=1,
        options=(
            switch("reserved", "only those that are reserved"),
            FORMAT,
            switch("quiet q", "addresses only"),
        ),
        notes="""IPv4 first, in the order of the addresses. Kinds: `gateway` and `auxiliary` are the
        network's own; `endpoint` and `fixed` are held by a sandbox, which asked for it if it is `fixed`;
        `kept` waits for a sandbox that asked for it and does not run; `reserved` for the one of that name,
        there or not; `remembered` is free, and goes back to who had it last while nobody else got it.
        See [Keep addresses](../how-to/keep-addresses.md).""",
        examples=(
            "seaway network addresses web",
            "seaway network addresses --format '{{.Address}} {{.Kind}} {{.Holder}}' web",
        ),
    ),
    "reserve": Command(
        _reserve,
        "--for NAME NETWORK ADDRESS",
        "Let an address go only to the sandbox called NAME, from its next start or connect on.",
        least=2,
        most=2,
        options=(
            Option(
                "for",
                "NAME",
                "the sandbox's name; there need not be one yet",
                known=("@sandboxes",),
            ),
        ),
        notes="""Whoever runs keeps what it has, and that is told. A name has one reserved address of each
        family on a network; who asks for another by `--ip` gets that.""",
        examples=("seaway network reserve web 10.5.0.9 --for postgres",),
    ),
    "unreserve": Command(
        _unreserve,
        "NETWORK ADDRESS",
        "Let a reserved address go to anybody again; whoever has it keeps it.",
        least=2,
        most=2,
        examples=("seaway network unreserve web 10.5.0.9",),
    ),
}
