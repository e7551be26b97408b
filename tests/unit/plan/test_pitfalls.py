"""What is told of an interface before anybody wonders why nothing passes."""

from __future__ import annotations

import pytest

from seaway.model.ids import IfName
from seaway.model.observed import Surroundings
from seaway.model.parent import Ipvlan, LinkKind, Macvlan, MacvlanMode
from seaway.plan.pitfalls import pitfalls

LAPTOP = Surroundings(name=IfName("wlp2s0"), wireless=True, driver="iwlwifi", maker="LENOVO")
HOME_SERVER = Surroundings(name=IfName("enp3s0"), driver="e1000e", maker="ASUS")
KVM = Surroundings(name=IfName("ens3"), driver="virtio_net", maker="QEMU")
EC2 = Surroundings(name=IfName("ens5"), driver="ena", maker="Amazon EC2")
AZURE = Surroundings(
    name=IfName("eth0"),
    driver="hv_netvsc",
    maker="Microsoft Corporation",
    asset_tag="7783-7084-3265-9085-8269-3286-77",
)
ESX = Surroundings(name=IfName("ens192"), driver="vmxnet3", maker="VMware, Inc.")
HYPER_V = Surroundings(name=IfName("eth0"), driver="hv_netvsc", maker="Microsoft Corporation")
VIRTUALBOX = Surroundings(name=IfName("enp0s3"), driver="e1000", maker="innotek GmbH")
MACVLAN, IPVLAN = Macvlan(), Ipvlan()


def told(link: LinkKind, around: Surroundings) -> list[str]:
    return [*pitfalls(link, around)]


@pytest.mark.parametrize("around", [HOME_SERVER, KVM])
@pytest.mark.parametrize("link", [MACVLAN, IPVLAN])
def test_where_all_is_heard_nothing_is_told(link: LinkKind, around: Surroundings) -> None:
    assert told(link, around) == []


def test_wifi_hears_no_macvlan() -> None:
    (sentence,) = told(MACVLAN, LAPTOP)
    assert sentence == (
        "wlp2s0 is Wi-Fi, where an access point hears the host's own MAC address alone: sandboxes on "
        "macvlan are not heard; use -d ipvlan"
    )
    assert told(IPVLAN, LAPTOP) == []
    assert told(Macvlan(mode=MacvlanMode.PASSTHRU), LAPTOP) == []


@pytest.mark.parametrize(("around", "whose"), [(EC2, "Amazon EC2"), (AZURE, "Azure")])
@pytest.mark.parametrize("link", [MACVLAN, IPVLAN])
def test_a_cloud_lets_known_addresses_through(
    link: LinkKind, around: Surroundings, whose: str
) -> None:
    (sentence,) = told(link, around)

    assert sentence == (
        f"{around.name} is in {whose}, which lets through only the addresses that it gave to this host "
        f"itself: sandboxes are heard if you assign their addresses to {around.name} there, and use "
        "ipvlan"
    )


@pytest.mark.parametrize(
    ("around", "what"),
    [
        (ESX, "promiscuous mode, MAC address changes and forged transmits"),
        (HYPER_V, "MAC address spoofing enabled"),
        (VIRTUALBOX, "promiscuous mode is Allow All"),
    ],
)
def test_a_virtual_switch_must_be_told(around: Surroundings, what: str) -> None:
    (sentence,) = told(MACVLAN, around)

    assert sentence.startswith(f"{around.name} is on a virtual switch of ")
    assert sentence.endswith(f"{what}; or use -d ipvlan")
    assert told(IPVLAN, around) == []
