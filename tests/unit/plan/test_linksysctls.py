"""Settings of one interface, as they are asked for."""

from __future__ import annotations

import pytest

from seaway.model.endpoint import LinkSysctl
from seaway.model.errors import InvalidRequest
from seaway.plan.linksysctls import link_sysctls


def test_settings_are_read_in_dockers_spelling() -> None:
    text = "net.ipv4.conf.IFNAME.log_martians=1, net.ipv6.neigh.IFNAME.ucast_solicit=2,"

    found = link_sysctls(text)

    assert found == (
        LinkSysctl(family="ipv4", tree="conf", name="log_martians", value="1"),
        LinkSysctl(family="ipv6", tree="neigh", name="ucast_solicit", value="2"),
    )
    assert found[0].path("a.b") == "net/ipv4/conf/a.b/log_martians"
    assert link_sysctls("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "net.ipv4.ip_forward=1",
        "net.ipv4.conf.eth0.log_martians=1",
        "net.ipv4.conf.all.log_martians=1",
        "net.ipv4.conf.IFNAME.log_martians",
        "net.ipv4.conf.IFNAME.log_martians=",
        "net.ipv4.conf.IFNAME...=1",
        "net.ipv4.conf.IFNAME.a/../b=1",
        "net.core.conf.IFNAME.log_martians=1",
        "net.ipv4.conf.IFNAME.log_martians=1\n2",
        "kernel.hostname=x",
    ],
)
def test_what_is_no_setting_of_one_interface_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        link_sysctls(text)

    assert "net.ipv4.conf.IFNAME.log_martians=1, with the word IFNAME as it stands" in str(
        refused.value
    )
