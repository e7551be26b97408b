"""The names that completion offers now: asked of the engine, and silence when there is none."""

from __future__ import annotations

from seaway.cli.candidate import Candidate
from seaway.cli.client import Api
from seaway.cli.failure import Failure
from seaway.cli.values import listed, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.candidate import Live
    from seaway.cli.target import Target

PATIENCE = 0.5
"""Seconds to wait for the engine: a key was pressed."""
_STATES = {
    "running": ("running", "restarting", "paused"),
    "unpaused": ("running", "restarting"),
    "ended": ("created", "exited", "dead"),
    "paused": ("paused",),
}


def source_of(engine: Target) -> Live:
    """The sources of names, of *engine*; each is asked once."""
    known: dict[str, list[Candidate]] = {}

    def live(source: str) -> list[Candidate]:
        if source not in known:
            known[source] = _asked(engine, source)
        return known[source]

    return live


def _asked(engine: Target, source: str) -> list[Candidate]:
    if source == "signals":
        return _signals()
    if source == "nothing":
        return []
    try:
        api = Api(engine.host, engine.tls, patience=PATIENCE)
        return _networks(api) if source == "networks" else _sandboxes(api, source)
    except (Failure, OSError, ValueError):
        return []  # nobody to ask: the shell offers no names, as for a command it does not know


def _networks(api: Api) -> list[Candidate]:
    found = listed(api.get("/networks"))
    return _sorted([Candidate(text(each, "Name"), text(each, "Driver")) for each in found])


def _sandboxes(api: Api, source: str) -> list[Candidate]:
    states = _STATES.get(source)
    return _sorted(
        [
            Candidate(names[0].removeprefix("/"), text(each, "Status"))
            for each in listed(api.get("/containers/json", all=True))
            if (names := texts(each, "Names")) and (states is None or text(each, "State") in states)
        ]
    )


def _sorted(found: list[Candidate]) -> list[Candidate]:
    """By name; a name that a shell would take apart is left out."""
    plain = [each for each in found if each.word and each.word.isprintable()]
    return sorted((each for each in plain if " " not in each.word), key=lambda each: each.word)


def _signals() -> list[Candidate]:
    import signal  # noqa: PLC0415

    names = (each.name for each in signal.Signals)
    return [Candidate(name.removeprefix("SIG")) for name in sorted(names)]
