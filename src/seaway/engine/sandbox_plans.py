"""From what was asked for to a sandbox and its endpoints, before anything is made in Linux."""

from __future__ import annotations

from dataclasses import replace

from seaway.contracts import Clock, Store
from seaway.engine.endpoints import Endpoints, refuse_configuration
from seaway.model.endpoint import Endpoint, EndpointWish
from seaway.model.errors import InvalidRequest
from seaway.model.ids import SHORT_ID, DnsName, SandboxId, new_id
from seaway.model.network import Network
from seaway.model.sandbox import Netns, Sandbox, SandboxWish
from seaway.plan.names import made_up_name


class SandboxPlans:
    """Checks wishes against what there is, and makes records of them."""

    def __init__(self, *, store: Store, endpoints: Endpoints, clock: Clock) -> None:
        self._store, self._endpoints, self._clock = store, endpoints, clock

    def sandbox(self, wish: SandboxWish) -> Sandbox:
        """A new sandbox as *wish* says; raises InvalidRequest, NotFound (whose namespace it shares)."""
        sandbox_id = SandboxId(new_id())
        netns, shares = self._netns(wish)
        if netns is Netns.SHARED and (wish.ports or wish.publish_all):
            raise InvalidRequest(
                "conflicting options: port publishing and the container type network mode"
            )
        if netns is Netns.SHARED and wish.hostname:
            raise InvalidRequest("conflicting options: hostname and the network mode")
        return Sandbox(
            id=sandbox_id,
            name=wish.name or made_up_name(s.name for s in self._store.sandboxes()),
            created=self._clock.now(),
            hostname=wish.hostname or DnsName(sandbox_id[:SHORT_ID]),
            netns=netns,
            shares=shares,
            adopted_from=wish.adopt,
            labels=wish.labels,
            dns=wish.dns,
            extra_hosts=wish.extra_hosts,
            ports=wish.ports,
            exposed=wish.exposed,
            publish_all=wish.publish_all,
            process=wish.process,
            auto_remove=wish.auto_remove,
            network_mode=wish.network_mode,
        )

    def _netns(self, wish: SandboxWish) -> tuple[Netns, SandboxId | None]:
        if wish.adopt is not None:
            return Netns.ADOPTED, None
        mode = wish.network_mode
        if mode.startswith("container:"):
            return Netns.SHARED, self._store.sandbox(mode.removeprefix("container:")).id
        if mode in {"none", "host"}:
            return Netns(mode), None
        return Netns.OWN, None

    def _networks(self, sandbox: Sandbox, wish: SandboxWish) -> list[tuple[Network, EndpointWish]]:
        found = [(self._store.network(ref), wanted) for ref, wanted in wish.endpoints]
        ids = [network.id for network, _ in found]
        if len(set(ids)) != len(ids):
            raise InvalidRequest(
                "a container can be on each network once; a network is given twice"
            )
        mode = wish.network_mode if wish.network_mode != "default" or wish.process else ""
        for network, _ in found:
            refuse_configuration(network)
            fits = network.places == sandbox.has_networks
            if not fits or sandbox.netns is Netns.SHARED:
                raise InvalidRequest(
                    f"conflicting options: network {network.name} and "
                    + (f"network mode {mode}" if mode else "a namespace of its own")
                )
        return found

    def ends(self, sandbox: Sandbox, wish: SandboxWish) -> list[Endpoint]:
        """Its endpoints, not live yet; raises InvalidRequest, NotFound (network)."""
        return [
            replace(self._wished(network, sandbox, wanted), order=n)
            for n, (network, wanted) in enumerate(self._networks(sandbox, wish), 1)
        ]

    def _wished(self, network: Network, sandbox: Sandbox, wish: EndpointWish) -> Endpoint:
        try:
            return self._endpoints.wished(network, sandbox, wish)
        except InvalidRequest as error:
            raise InvalidRequest(f"invalid config for network {network.name}: {error}") from None
