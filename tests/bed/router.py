"""The router of a LAN of the test bed, and what it tells the machines there.

It is 198.51.100.254 and 2001:db8:0:2::fe. Behind it is one machine, 203.0.113.2 and 2001:db8:0:3::2,
which knows the way back.
"""

from __future__ import annotations

import subprocess
import time

from bed.host import Host
from bed.pace import PACE
from bed.spot import Spot

_LEASES = "/run/router.leases"
_LOG = "/run/router.log"


class Router:
    """A way out of a LAN."""

    def __init__(self, host: Host, spot: Spot, internet: Spot) -> None:
        """*spot* is on the LAN already; both it and *internet* are of *host*."""
        self._host = host
        self.spot = spot
        """The router itself."""
        self.internet = internet
        """The machine behind it."""
        self._dnsmasq: subprocess.Popen[str] | None = None
        host.sh(
            "nsenter --net=/run/router ip link add out0 type veth peer name eth0 netns /run/internet"
        )
        spot.sh(
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
            "ip address add 203.0.113.1/24 dev out0;"
            "ip address add 2001:db8:0:3::1/64 dev out0 nodad; ip link set out0 up"
        )
        internet.sh(
            "ip link set lo up; ip address add 203.0.113.2/24 dev eth0;"
            "ip address add 2001:db8:0:3::2/64 dev eth0 nodad; ip link set eth0 up;"
            "ip route add default via 203.0.113.1; ip route add default via 2001:db8:0:3::1"
        )

    def lend(self, *options: str) -> None:
        """Give .64 to .95 to who asks by DHCP, and advertise itself to all by IPv6 (SLAAC), with dnsmasq.

        *options* are more of dnsmasq's, without their dashes: ``dhcp-option=6,192.0.2.2``.
        """
        log = self._host.path(_LOG)
        with log.open("w") as out:
            self._dnsmasq = self.spot.popen(
                [
                    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
                    *("--user=root", "--group=root", "--pid-file=", "--log-facility=-"),
                    *("--interface=eth0", "--dhcp-authoritative", "--no-ping", "--enable-ra"),
                    f"--dhcp-leasefile={_LEASES}",
                    "--dhcp-range=198.51.100.64,198.51.100.95,1h",
                    "--dhcp-range=2001:db8:0:2::,ra-only",
                    *(f"--{option}" for option in options),
                ],
                stdout=out.fileno(),
                stderr=out.fileno(),
            )
        deadline = time.monotonic() + 5 * PACE
        while "dnsmasq-dhcp" not in log.read_text():
            assert self._dnsmasq.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)

    def fall_silent(self) -> None:
        """Tell nobody anything any more; it goes on forwarding, and knows who has which address."""
        assert self._dnsmasq is not None, "nothing is lent"
        self._dnsmasq.kill()
        self._dnsmasq.wait(5)

    def lent(self) -> dict[str, str]:
        """Who has which address: MAC addresses by IPv4 address."""
        lines = self._host.path(_LEASES).read_text().splitlines()
        return {address: mac for _, mac, address, *_ in (line.split() for line in lines)}
