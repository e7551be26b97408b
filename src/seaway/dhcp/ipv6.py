"""DHCPv6 on a link: what is heard and said there.

A link-local address is all that it needs. Each client's socket is bound to its interface, so that
several in one namespace have the port of clients together.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from errno import EADDRNOTAVAIL

from seaway.codec.dhcp6 import CLIENT_PORT, SERVER_PORT, decode_message, encode_message
from seaway.codec.udp import Malformed
from seaway.contracts import Kernel
from seaway.dhcp.family import Dispose, readable
from seaway.model.dhcp6 import Message6
from seaway.model.errors import Unavailable
from seaway.model.lease import LeaseClient
from seaway.plan.dhcp6 import Machine6, Timing6
from seaway.plan.leasing import Send

log = logging.getLogger(__name__)

_SERVERS = "ff02::1:2"
"""All servers and relays on the link (RFC 8415 section 7.1)."""
_LARGEST = 4096
"""Bytes of a message that is read."""
_READY, _LOOK = 3.0, 0.1
"""Seconds: for Linux to see that nobody else has the link-local address, and from one look to the next."""


class Ipv6:
    """DHCPv6 in the namespaces of *kernel*: ``dhcp.family.Family``."""

    def __init__(self, kernel: Kernel, timing: Timing6 | None = None) -> None:
        self._kernel, self._timing = kernel, timing or Timing6()

    def machine(self, client: LeaseClient) -> Machine6:
        """Who decides for *client*."""
        return Machine6(client=client, timing=self._timing)

    async def open(
        self,
        client: LeaseClient,
        dispose: Dispose,  # noqa: ARG002 - a UDP socket closes at once
    ) -> Wire6:
        """Listen on the link of *client*; raises Unavailable.

        On a link that has just come up it waits until Linux trusts the link-local address.
        """
        with await self._socket(client) as probe:
            await _until_trusted(client, probe)
        sock = await self._socket(client)
        try:
            sock.bind(("::", CLIENT_PORT))
        except OSError as error:
            sock.close()
            raise _unusable(client, error) from error
        return Wire6(client, sock)

    async def _socket(self, client: LeaseClient) -> socket.socket:
        sock = await self._kernel.open_socket(client.netns, socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, client.ifname.encode())
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        except OSError as error:
            sock.close()
            raise _unusable(client, error) from error
        return sock


async def _until_trusted(client: LeaseClient, probe: socket.socket) -> None:
    """Wait until there is an address by which servers can be reached; raises Unavailable."""
    for _ in range(round(_READY / _LOOK)):
        if probe.connect_ex((_SERVERS, SERVER_PORT)) != EADDRNOTAVAIL:
            return
        await asyncio.sleep(_LOOK)
    raise Unavailable(f"{client.said} has no IPv6 link-local address: is IPv6 off there?")


def _unusable(client: LeaseClient, error: OSError) -> Unavailable:
    return Unavailable(f"{client.said} cannot be used for DHCPv6: {error.strerror}")


class Wire6:
    """The link of one client: ``dhcp.family.Wire``."""

    def __init__(self, client: LeaseClient, sock: socket.socket) -> None:
        self._client, self._sock = client, sock

    async def send(self, send: Send[Message6]) -> None:
        """Send a message to all servers; one that cannot go out is only logged, like one that was lost."""
        try:
            self._sock.sendto(encode_message(send.message), (_SERVERS, SERVER_PORT))
        except OSError as error:
            facts = {"network": self._client.network, "reason": error.strerror}
            log.warning("a message to DHCPv6 servers was not sent", extra=facts)

    async def flush(self) -> None:
        """A multicast waits for nobody's address: it has left."""

    async def hear(self) -> Message6:
        """The next message that can be read; what is none is passed over."""
        while True:
            await readable(self._sock)
            try:
                return decode_message(self._sock.recv(_LARGEST))
            except OSError:  # an ICMP error that an earlier message met
                continue
            except Malformed as error:
                facts = {"network": self._client.network, "reason": str(error)}
                log.debug("a message to a DHCPv6 client was passed over", extra=facts)

    def close(self) -> None:
        """Listen no more."""
        self._sock.close()
