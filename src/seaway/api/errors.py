"""From what went wrong to an HTTP status: one table."""

from __future__ import annotations

from seaway.model.errors import (
    AddressClash,
    CannotRun,
    Conflict,
    EngineError,
    Exhausted,
    Forbidden,
    InvalidRequest,
    NotConnected,
    NotFound,
    NotModified,
    NotPaused,
    PoolsExhausted,
    Unavailable,
    leaves,
)


class PageNotFound(NotFound):
    """No such path, or not with that method."""

    def __init__(self) -> None:
        super().__init__("page not found")


class NotHere(EngineError):
    """Docker does that; Seaway does not."""


class NoSwarm(EngineError):
    """Only a node of a swarm does that."""


NO_IMAGES = (
    'Seaway has no images: it runs commands on the host\'s file system (image "host") or in a '
    "directory with a root file system (its absolute path)"
)


class NoSuchImage(NotFound):
    """An image was asked for; the sentence has the words that clients look for, and what there is instead."""

    def __init__(self, image: str) -> None:
        named = ":" in image.rpartition("/")[2] or "@" in image
        super().__init__(f"No such image: {image if named else f'{image}:latest'}\n{NO_IMAGES}")


class WrongFilterValue(InvalidRequest):
    """A value of a filter that there is not; Docker answers that as an error of its own."""

    def __init__(self, key: str, value: str) -> None:
        super().__init__(f"invalid filter: '{key}'='{value}'")


LONGEST = 2000
"""Characters of a message."""

STATUS: dict[type[EngineError], int] = {
    InvalidRequest: 400,
    WrongFilterValue: 500,
    CannotRun: 400,
    PoolsExhausted: 400,  # Docker answers it as it answers wrong requests
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    NotModified: 304,
    NotConnected: 500,
    NotPaused: 500,
    AddressClash: 500,
    Unavailable: 500,
    Exhausted: 503,
    NoSwarm: 503,
    NotHere: 501,
}


def status(error: EngineError) -> int:
    """The HTTP status for *error*, by the nearest class in the table."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def summary(error: BaseException) -> tuple[int, str] | None:
    """Status and sentence for *error*; None when it is none of ours, which is a bug."""
    found = list(leaves(error))
    known = [e for e in found if isinstance(e, EngineError)]
    if len(known) < len(found):
        return None
    return max(map(status, known)), _cut("; ".join(map(str, known)))


def _cut(sentence: str) -> str:
    """*sentence* without the middle, where somebody's own text made it longer than anybody reads."""
    if len(sentence) <= LONGEST:
        return sentence
    return f"{sentence[: LONGEST // 2]} … {sentence[-LONGEST // 4 :]}"
