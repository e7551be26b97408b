"""From a method and a path to a handler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from seaway.api.call import Route
from seaway.api.errors import PageNotFound
from seaway.api.system import API_VERSION, MIN_API_VERSION, version_text
from seaway.model.errors import InvalidRequest

_VERSION = re.compile(r"v(\d{1,3})\.(\d{1,3})", re.ASCII)


class Found(NamedTuple):
    """The route of a request, the API version it speaks, and the path's words by the pattern's names."""

    route: Route
    version: tuple[int, int]
    words: Mapping[str, str]


class Routing:
    """All routes. A part of a path without braces goes before one with them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        split = [(_pattern(route.path), route) for route in routes]
        self._routes = sorted(split, key=lambda item: sum(p.startswith("{") for p in item[0]))

    def find(self, method: str, path: str) -> Found:
        """The route for *path*, percent-encoded, with or without a version and a slash at its end.

        Raises NotFound for unknown paths and for wrong methods; InvalidRequest for versions that we
        do not speak.
        """
        words = [unquote(word) for word in path.split("/") if word]
        version = API_VERSION
        if words and (said := _VERSION.fullmatch(words[0])):
            version = int(said[1]), int(said[2])
            _refuse_version(version)
            del words[0]
        for pattern, route in self._routes:
            if route.method == method and len(pattern) == len(words):
                named = _match(pattern, words)
                if named is not None:
                    return Found(route, version, named)
        raise PageNotFound


def _pattern(path: str) -> list[str]:
    return path.strip("/").split("/")


def _match(pattern: list[str], words: list[str]) -> dict[str, str] | None:
    named: dict[str, str] = {}
    for wanted, word in zip(pattern, words, strict=True):
        if wanted.startswith("{"):
            named[wanted[1:-1]] = word
        elif wanted != word:
            return None
    return named


def _refuse_version(version: tuple[int, int]) -> None:
    if version > API_VERSION:
        raise InvalidRequest(
            f"client version {version_text(version)} is too new. "
            f"Maximum supported API version is {version_text(API_VERSION)}"
        )
    if version < MIN_API_VERSION:
        raise InvalidRequest(
            f"client version {version_text(version)} is too old. Minimum supported API version is "
            f"{version_text(MIN_API_VERSION)}, please upgrade your client to a newer version"
        )
