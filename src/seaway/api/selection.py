"""Which sandboxes ``docker ps`` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seaway.api import declaration
from seaway.api.declaration import flag, whole
from seaway.api.inspection import hanging
from seaway.api.query import Filters, Query
from seaway.contracts import Store
from seaway.model.errors import InvalidRequest
from seaway.model.port import ExposedPort, PublishedPort
from seaway.model.sandbox import Sandbox, State
from seaway.plan.portspec import exposed_ports

LISTED = (
    flag("all", "those that do not run as well"),
    whole("limit", "the newest so many, running or not"),
    declaration.filters(
        *("id", "name", "label", "status", "ancestor", "network", "before", "since"),
        *("exited", "publish", "expose", "health", "is-task", "volume"),
    ),
)
"""What says which are listed."""
STATES = frozenset({"created", "running", "paused", "restarting", "removing", "exited", "dead"})


def selected(store: Store, state: Callable[[Sandbox], str], query: Query) -> list[Sandbox]:
    """The sandboxes that *query* asks for, newest first, by the *state* of each; raises InvalidRequest."""
    filters = query.filters()
    _refuse_states(filters)
    limit = query.whole("limit") or 0
    everything = query.flag("all") or limit > 0 or bool(filters.values("status"))
    fits = _test(store, state, filters)
    found = [s for s in newest_first(store) if (everything or s.running) and fits(s)]
    return found[:limit] if limit > 0 else found


def newest_first(store: Store) -> list[Sandbox]:
    """All sandboxes."""
    return sorted(store.sandboxes(), key=lambda s: s.created, reverse=True)


def _test(
    store: Store, state: Callable[[Sandbox], str], filters: Filters
) -> Callable[[Sandbox], bool]:
    between = _between(store, filters)

    def fits(sandbox: Sandbox) -> bool:
        return (
            filters.fits_start("id", sandbox.id)
            and filters.fits_pattern("name", sandbox.name, f"/{sandbox.name}")
            and filters.fits_labels("label", dict(sandbox.labels))
            and (not filters.values("status") or filters.fits("status", state(sandbox)))
            and filters.fits("ancestor", sandbox.image)
            and filters.fits("health", "none")
            and filters.fits("is-task", "false", "0")
            and between(sandbox)
            and _fits_exit(filters, sandbox)
            and _fits_networks(store, filters, sandbox)
            and _fits_ports(filters.values("publish"), sandbox.status.published or sandbox.ports)
            and _fits_ports(filters.values("expose"), (*sandbox.exposed, *sandbox.ports))
            and _fits_volumes(filters, sandbox)
        )

    return fits


def _refuse_states(filters: Filters) -> None:
    for state in filters.values("status"):
        if state not in STATES:
            raise InvalidRequest(f"invalid filter 'status={state}'")


def _between(store: Store, filters: Filters) -> Callable[[Sandbox], bool]:
    before = [store.sandbox(ref).created for ref in filters.values("before")]
    since = [store.sandbox(ref).created for ref in filters.values("since")]
    return lambda s: all(s.created < b for b in before) and all(s.created > x for x in since)


def _fits_exit(filters: Filters, sandbox: Sandbox) -> bool:
    codes = filters.values("exited")
    ended = sandbox.status.state is State.EXITED
    return not codes or (ended and str(sandbox.status.exit_code) in codes)


def _fits_networks(store: Store, filters: Filters, sandbox: Sandbox) -> bool:
    if not filters.values("network"):
        return True
    ends = hanging(store, sandbox).ends
    return any(filters.fits("network", network.name, network.id) for network, _ in ends)


def _fits_ports(wanted: Sequence[str], ports: Sequence[PublishedPort | ExposedPort]) -> bool:
    return not wanted or any(
        asked.proto is port.proto
        and asked.port < port.port + port.count
        and port.port < asked.port + asked.count
        for asked in exposed_ports(wanted)
        for port in ports
    )


def _fits_volumes(filters: Filters, sandbox: Sandbox) -> bool:
    mounts = sandbox.process.mounts if sandbox.process else ()
    wanted = filters.values("volume")
    return not wanted or any(filters.fits("volume", m.source, m.target) for m in mounts)
