"""Kernel settings of one interface in a sandbox, as Docker's clients ask for them."""

from __future__ import annotations

import re

from seaway.model.endpoint import LinkSysctl
from seaway.model.errors import InvalidRequest
from seaway.model.ids import shown

OPTION = "com.docker.network.endpoint.sysctls"
_ASKED = re.compile(r"net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.([a-z0-9_]+)=([ -~]+)")


def link_sysctls(text: str) -> tuple[LinkSysctl, ...]:
    """*text*, ``net.ipv4.conf.IFNAME.log_martians=1,…``, as settings; raises InvalidRequest.

    Those of one interface alone: any other setting of a sandbox is no business of its network.
    """
    return tuple(_one(part.strip()) for part in text.split(",") if part.strip())


def _one(part: str) -> LinkSysctl:
    found = _ASKED.fullmatch(part)
    if found is None:
        raise InvalidRequest(
            f"invalid endpoint settings:\noption {OPTION}: {shown(part)!r} should be like "
            "net.ipv4.conf.IFNAME.log_martians=1, with the word IFNAME as it stands (ipv4, ipv6 or mpls; "
            "conf or neigh), and commas between several"
        )
    family, tree, name, value = found.groups()
    return LinkSysctl(family=family, tree=tree, name=name, value=value)
