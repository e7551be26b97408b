"""Where an interface of the host is plugged in, by what the kernel and the firmware say of it."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from pathlib import Path

from seaway.model.ids import IfName
from seaway.model.observed import Surroundings

_SIOCETHTOOL = 0x8946
_ETHTOOL_GDRVINFO = 3
_DRVINFO = 196
"""Bytes of struct ethtool_drvinfo, whose driver's name begins behind the command (linux/ethtool.h)."""
_IFREQ = struct.Struct("@16sP")
_NET, _DMI = Path("/sys/class/net"), Path("/sys/class/dmi/id")


def surroundings(link: IfName) -> Surroundings:
    """What is known of *link*, in the namespace of the calling thread."""
    return Surroundings(
        name=link,
        wireless=(_NET / link / "wireless").exists() or (_NET / link / "phy80211").exists(),
        driver=_driver(link),
        maker=_firmware("sys_vendor"),
        asset_tag=_firmware("chassis_asset_tag"),
    )


def _driver(link: IfName) -> str:
    """The driver of *link*; empty where the kernel does not say (ethtool(8), ``-i``)."""
    answer = array.array("B", struct.pack("=I", _ETHTOOL_GDRVINFO) + bytes(_DRVINFO - 4))
    address, _ = answer.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, _SIOCETHTOOL, _IFREQ.pack(link.encode(), address))
        except OSError:
            return ""
    return answer.tobytes()[4:36].rstrip(b"\0").decode("ascii", "replace")


def _firmware(name: str) -> str:
    try:
        return (_DMI / name).read_text(errors="replace").strip()
    except OSError:  # not every machine has such firmware
        return ""
