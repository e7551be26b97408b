"""``/networks``: read the wire, call one use case, write the wire."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from aiohttp import web
from msgspec import UNSET, UnsetType

from seaway.api import moments, wire
from seaway.api.call import Call, Route, answer, empty
from seaway.api.declaration import filters, flag, json, nothing, text
from seaway.api.endpoint_wishes import endpoint_wish
from seaway.api.errors import WrongFilterValue
from seaway.api.network_view import ListedNetworks, Shape, shown, shown_lease, shown_lease6
from seaway.api.network_wishes import network_wish
from seaway.api.parts import Parts
from seaway.api.query import Filters, has_label
from seaway.model.endpoint import Endpoint
from seaway.model.errors import EngineError, InvalidRequest, NotFound
from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.plan.firewall import guarded, sender

log = logging.getLogger(__name__)

_WORDS = {"type": ("builtin", "custom"), "scope": ("local", "swarm", "global")}


class NetworkRoutes:
    """What Docker's clients do with networks."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._store = parts, parts.store
        self._listed = ListedNetworks(parts.store)

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/networks",
                self.listing,
                query=(filters("driver", "id", "name", "label", "scope", "type", "dangling"),),
                answers=json(list[wire.ListedNetwork]),
            ),
            Route(
                "POST",
                "/networks/create",
                self.create,
                body=wire.NetworkCreate,
                answers=json(wire.NetworkCreated, 201),
                refusals=(404, 409),
            ),
            Route(
                "POST",
                "/networks/prune",
                self.prune,
                query=(filters("until", "label", "label!"),),
                answers=json(wire.NetworksPruned),
            ),
            Route(
                "GET",
                "/networks/{ref}",
                self.inspect,
                query=(
                    flag("verbose", "taken as docker sends it: there is no swarm here"),
                    text("scope", "where to look: local"),
                ),
                answers=json(wire.Network),
            ),
            Route("DELETE", "/networks/{ref}", self.remove, answers=nothing(204)),
            Route(
                "POST",
                "/networks/{ref}/connect",
                self.connect,
                body=wire.Connect,
                answers=nothing(),
                refusals=(409, 503),
            ),
            Route(
                "POST",
                "/networks/{ref}/disconnect",
                self.disconnect,
                body=wire.Disconnect,
                answers=nothing(),
                refusals=(409,),
            ),
        )

    async def listing(self, call: Call) -> web.Response:
        """All networks that the filters let through."""
        filters = call.query.filters()
        _refuse_filters(filters)
        found = sorted(self._store.networks(), key=lambda n: n.created)
        if filters.keys:
            found = [n for n in found if self._fits(n, filters)]
        if call.version > wire.LISTED_MEMBERS_UNTIL:
            return answer(self._listed.texts(found, call.version))
        members = [await self._members(n) for n in found]
        pairs = zip(found, members, strict=True)
        return call.answer([self._shown(wire.ListedNetwork, n, m) for n, m in pairs])

    async def inspect(self, call: Call) -> web.Response:
        """One network, with who is on it. There is no swarm that *verbose* could tell more of."""
        call.query.strict_flag("verbose")
        network = self._store.network(call.ref)
        if call.query.text("scope") not in {"", "local"}:
            raise NotFound(f"network {call.ref} not found: it is local, as all networks here")
        return call.answer(self._shown(wire.Network, network, await self._members(network)))

    async def create(self, call: Call) -> web.Response:
        """Make a network."""
        wish = network_wish(await call.body(wire.NetworkCreate))
        network, warnings = await self._parts.engine.networks.create(wish)
        return answer(wire.NetworkCreated(id=network.id, warning="\n".join(warnings)), 201)

    async def remove(self, call: Call) -> web.Response:
        """Take a network away."""
        await self._parts.engine.networks.remove(call.ref)
        return empty(204)

    async def prune(self, call: Call) -> web.Response:
        """Take away all networks that nobody is on."""
        filters = call.query.filters()
        before = _until(filters, self._parts.clock.now())
        names = await self._parts.engine.networks.prune(
            lambda network: _prunable(network, filters, before)
        )
        return answer(wire.NetworksPruned(networks_deleted=[*names] or None))

    async def connect(self, call: Call) -> web.Response:
        """Attach a sandbox to a network."""
        body = await call.body(wire.Connect)
        wish = endpoint_wish(body.endpoint_config)
        await self._parts.engine.endpoints.connect(call.ref, body.container or "", wish)
        return empty()

    async def disconnect(self, call: Call) -> web.Response:
        """Take a sandbox off a network."""
        body = await call.body(wire.Disconnect)
        if body.force:
            self._refuse_gone(call.ref, body.container or "")
        await self._parts.engine.endpoints.disconnect(call.ref, body.container or "")
        return empty()

    def _refuse_gone(self, network: str, sandbox: str) -> None:
        """By force what is left of a removed sandbox would go; here nothing is ever left of one."""
        self._store.network(network)
        try:
            self._store.sandbox(sandbox)
        except NotFound:
            raise NotFound(f"endpoint {sandbox} not found") from None

    def _shown(
        self,
        shape: type[Shape],
        network: Network,
        members: dict[str, wire.NetworkMember] | UnsetType = UNSET,
    ) -> Shape:
        source = self._store.network(network.config_from).name if network.config_from else ""
        return shown(shape, network, source, members)

    def _fits(self, network: Network, filters: Filters) -> bool:
        used = bool(self._store.endpoints_of(network.id))
        dangling = filters.flag("dangling")
        return (
            filters.fits("driver", network.driver)
            and filters.fits_start("id", network.id)
            and filters.fits_pattern("name", network.name)
            and filters.fits_labels("label", dict(network.labels))
            and filters.fits("scope", "local")
            and filters.fits("type", "builtin" if network.predefined else "custom")
            and dangling in {None, not network.predefined and not used}
        )

    async def _members(self, network: Network) -> dict[str, wire.NetworkMember]:
        live = [e for e in self._store.endpoints_of(network.id) if e.live]
        nobody: Mapping[IfName, int] = {}
        drops = await drop_counts(self._parts) if any(e.place for e in live) else nobody
        return {e.sandbox: self._member(e, drops) for e in live}

    def _member(self, endpoint: Endpoint, drops: Mapping[IfName, int]) -> wire.NetworkMember:
        place = endpoint.place
        first = {a.version: str(a) for a in reversed(place.interfaces)} if place else {}
        return wire.NetworkMember(
            name=self._store.sandbox(endpoint.sandbox).name,
            endpoint_id=endpoint.id,
            mac_address=(place.mac or "") if place else "",
            ipv4_address=first.get(4, ""),
            ipv6_address=first.get(6, ""),
            drops=drops.get(endpoint.link, 0) if place else UNSET,
            lease=shown_lease(place.lease) if place and place.lease else UNSET,
            lease6=shown_lease6(place.lease6) if place and place.lease6 else UNSET,
        )


async def drop_counts(parts: Parts) -> Mapping[IfName, int]:
    """What the source guard dropped, by the link of the endpoint; nothing when the kernel does not say."""
    try:
        found = await parts.kernel.drops()
    except EngineError as error:
        log.warning("drops could not be read", extra={"reason": str(error)})
        return dict[IfName, int]()
    return {
        endpoint.link: found[who]
        for network in parts.store.networks()
        for endpoint in parts.store.endpoints_of(network.id)
        if guarded(network, endpoint) and (who := sender(network, endpoint)) in found
    }


def _refuse_filters(filters: Filters) -> None:
    for key, known in _WORDS.items():
        for value in filters.values(key):
            if value not in known:
                raise WrongFilterValue(key, value)
    filters.flag("dangling")


def _until(filters: Filters, now: int) -> int | None:
    """Only what was made before this moment; None: all."""
    match filters.values("until"):
        case ():
            return None
        case (text,):
            return moments.moment(text, now)
        case _:
            raise InvalidRequest("more than one until filter specified")


def _prunable(network: Network, filters: Filters, before: int | None) -> bool:
    labels = dict(network.labels)
    return (
        filters.fits_labels("label", labels)
        and not any(has_label(labels, text) for text in filters.values("label!"))
        and (before is None or network.created < before)
    )
