"""The text of /etc/hosts and /etc/resolv.conf in a sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seaway.model.ids import Address
from seaway.model.sandbox import DnsSettings, ExtraHost
from seaway.plan.zone import NAMES_ADDRESS

LOCAL_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def hosts(
    hostname: str,
    addresses: Iterable[Address],
    extra: Iterable[ExtraHost],
    gateways: Sequence[Address],
) -> str:
    """/etc/hosts of a sandbox: itself by its *addresses*, and *extra* lines.

    *gateways* are what ``host-gateway`` stands for; without any such a line is left out.
    """
    lines = [f"{address}\t{hostname}" for address in addresses]
    for entry in extra:
        at = (entry.address,) if entry.address is not None else gateways
        lines += [f"{address}\t{entry.name}" for address in at]
    return LOCAL_HOSTS + "".join(f"{line}\n" for line in lines)


def resolv_conf(dns: DnsSettings, host_search: Sequence[str]) -> str:
    """/etc/resolv.conf of a sandbox that asks our name server.

    ``ndots:0`` lets a single word be asked as it is, which is how sandboxes are called; the host's
    search domains are kept unless the sandbox has its own.
    """
    search = tuple(d for d in dns.search if d != ".") if dns.search else tuple(host_search)
    options = (
        dns.options
        if any(o.startswith("ndots:") for o in dns.options)
        else (*dns.options, "ndots:0")
    )
    return (
        f"nameserver {NAMES_ADDRESS}\n"
        + (f"search {' '.join(search)}\n" if search else "")
        + f"options {' '.join(options)}\n"
    )


def host_resolv_conf(
    dns: DnsSettings, host_servers: Sequence[str], host_search: Sequence[str]
) -> str:
    """/etc/resolv.conf of a sandbox in the host's own namespace: the host's, but for its wishes."""
    servers = [str(s) for s in dns.servers] or list(host_servers)
    search = tuple(d for d in dns.search if d != ".") if dns.search else tuple(host_search)
    return (
        "".join(f"nameserver {server}\n" for server in servers)
        + (f"search {' '.join(search)}\n" if search else "")
        + (f"options {' '.join(dns.options)}\n" if dns.options else "")
    )
