"""The name servers inside the sandboxes: ``contracts.Names``."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from seaway.contracts import Kernel, Steps
from seaway.dns.hostfile import HostFile
from seaway.dns.limits import Budget, Limits
from seaway.dns.responder import Board, Responder
from seaway.dns.server import MayAsk, Server
from seaway.dns.upstream import Forwarder
from seaway.model.errors import Unavailable
from seaway.model.ids import Address, EndpointId, NetworkId, SandboxId
from seaway.plan.zone import LISTEN_PORT, NAMES_ADDRESS, Holder, NetworkZone, Upstream, View

RESOLV_CONF = Path("/etc/resolv.conf")
_PORT = 53
_IP_FREEBIND = 15  # linux/in.h; loopback of an adopted namespace may not be up yet
_IPV6_FREEBIND = 78  # linux/in6.h
_BACKLOG = 128


class NameServers:
    """One name server for each open sandbox, all on the loop that enters the context.

    Nothing runs while nobody asks.
    """

    def __init__(
        self,
        kernel: Kernel,
        steps: Steps,
        *,
        resolv_conf: Path = RESOLV_CONF,
        limits: Limits | None = None,
    ) -> None:
        self._kernel, self._steps = kernel, steps
        self._limits = limits or Limits()
        self._board = Board()
        self._host = HostFile(resolv_conf)
        self._forwarder = Forwarder(kernel, self._limits)
        self._budget = Budget(self._limits.in_flight)
        self._servers: dict[SandboxId, Server] = {}
        self._gateways: dict[tuple[NetworkId, Address], Server] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        servers = (*self._servers.values(), *self._gateways.values())
        self._servers.clear()
        self._gateways.clear()
        for server in servers:
            await server.close()
        await self._tasks.__aexit__(None, None, None)

    def name_network(self, network: NetworkId, name: str) -> None:
        """Let ``name.<name>`` lead to the holders of *network* too."""
        self._swap(network, self._board.zones.zone(network).named(name))

    def forget_network(self, network: NetworkId) -> None:
        """No name of *network* leads anywhere from now on."""
        self._board.zones = self._board.zones.without_zone(network)

    def join(self, network: NetworkId, holder: Holder) -> None:
        """Names of *holder* lead to it on *network* from now on; in place of its former ones."""
        self._swap(network, self._board.zones.zone(network).with_holder(holder))

    def leave(self, network: NetworkId, endpoint: EndpointId) -> None:
        """No name on *network* leads to *endpoint* from now on; not there is fine."""
        self._swap(network, self._board.zones.zone(network).without_holder(endpoint))

    def _swap(self, network: NetworkId, zone: NetworkZone) -> None:
        if zone is not self._board.zones.zone(network):
            self._board.zones = self._board.zones.with_zone(network, zone)

    async def open(self, sandbox: SandboxId, netns: Path, view: View) -> None:
        """Answer at 127.0.0.11 inside *netns* (behind RedirectNames); raises Unavailable."""
        self._steps.reach("names.open")
        await self._shut(sandbox)
        self._servers[sandbox] = await self._serve(netns, NAMES_ADDRESS, LISTEN_PORT, view)

    async def _serve(
        self,
        netns: Path | None,
        address: Address,
        port: int,
        view: View,
        may_ask: MayAsk | None = None,
    ) -> Server:
        async with AsyncExitStack() as undo:
            udp = undo.enter_context(await self._bound(netns, address, port, socket.SOCK_DGRAM))
            tcp = undo.enter_context(await self._bound(netns, address, port, socket.SOCK_STREAM))
            server = Server(
                udp=udp,
                tcp=tcp,
                netns=netns,
                responder=Responder(self._board, view, self._limits),
                forwarder=self._forwarder,
                host=self._host,
                budget=self._budget,
                limits=self._limits,
                spawn=self._tasks.create_task,
                may_ask=may_ask,
            )
            undo.pop_all()
        return server

    async def _bound(
        self, netns: Path | None, address: Address, port: int, kind: socket.SocketKind
    ) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = await self._kernel.open_socket(netns, family, kind)
        try:
            _bind(sock, address, port, kind)
        except OSError as error:
            sock.close()
            raise Unavailable(
                f"no names can be answered in {netns or 'the host'} "
                f"at {address} port {port}: {error.strerror}"
            ) from error
        return sock

    async def answer_at(self, network: NetworkId, address: Address) -> None:
        """Answer names of *network* at its gateway *address*, port 53, too; raises Unavailable.

        For the host itself (which asks from that very address) and for holders on the network;
        strangers get nothing. Nothing is forwarded.
        """
        self._steps.reach("names.answer_at")
        if (network, address) not in self._gateways:
            view = View(networks=(network,), forwards=False)
            self._gateways[network, address] = await self._serve(
                None, address, _PORT, view, self._is_near(network, address)
            )

    def _is_near(self, network: NetworkId, gateway: Address) -> MayAsk:
        def is_near(source: str) -> bool:
            address = ip_address(source)
            return address == gateway or address in self._board.zones.zone(network).by_address

        return is_near

    async def stop_at(self, network: NetworkId) -> None:
        """Answer at no gateway address of *network* any more; none is fine."""
        self._steps.reach("names.stop_at")
        for key in [k for k in self._gateways if k[0] == network]:
            await self._gateways.pop(key).close()

    def show(self, sandbox: SandboxId, view: View) -> None:
        """From now on answer *sandbox* by *view*; unknown sandboxes are ignored."""
        if (server := self._servers.get(sandbox)) is not None:
            server.responder.show(view)

    def host_servers(self) -> tuple[Upstream, ...]:
        """The host's own name servers, as they are now."""
        return self._host.servers()

    def host_search(self) -> tuple[str, ...]:
        """The host's own search domains, as they are now."""
        return self._host.search()

    async def close(self, sandbox: SandboxId) -> None:
        """Stop answering *sandbox*; not open is fine."""
        self._steps.reach("names.close")
        await self._shut(sandbox)

    async def _shut(self, sandbox: SandboxId) -> None:
        if (server := self._servers.pop(sandbox, None)) is not None:
            await server.close()


def _bind(sock: socket.socket, address: Address, port: int, kind: socket.SocketKind) -> None:
    if address.version == 4:
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    if kind == socket.SOCK_STREAM:  # connections of a former daemon may linger at the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((str(address), port))
    if kind == socket.SOCK_STREAM:
        sock.listen(_BACKLOG)
