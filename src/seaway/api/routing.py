"""From a method and a path to a handler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from seaway.api.call import Route
from seaway.api.errors import PageNotFound
from seaway.api.system import API_VERSION, MIN_API_VERSION, version_text
from seaway.model.errors import InvalidRequest

_VERSION = re.compile(r"/v((\d{1,9})(?:\.(\d{1,9}))?(?:\.\d+)*)(?=/|$)", re.ASCII)


class Moved(Exception):
    """The path is not in its shortest form, which is *path*, percent-encoded."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Found(NamedTuple):
    """The route of a request, the API version it speaks, and the path's words by the pattern's names."""

    route: Route
    version: tuple[int, int]
    words: Mapping[str, str]


class Routing:
    """All routes. A part of a path without braces goes before one with them.

    What stands for braces may have slashes, as names of networks do; clients send them as they are.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        ordered = sorted(routes, key=lambda r: (r.path.count("{"), -r.path.count("/")))
        self._routes: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        for route in ordered:
            self._routes.setdefault(route.method, []).append((_pattern(route.path), route))

    def find(self, method: str, path: str) -> Found:
        """The route for *path*, percent-encoded, with or without a version and a slash at its end.

        Raises Moved for paths with empty parts or dots; NotFound for unknown paths and for wrong
        methods; InvalidRequest for versions that we do not speak.
        """
        plain = unquote(path)
        if (clean := cleaned(plain)) != plain:
            raise Moved(quote(clean))
        version = API_VERSION
        if said := _VERSION.match(plain):
            version = int(said[2]), int(said[3] or 0)
            _refuse_version(version, said[1])
            plain = plain[said.end() :]
        for pattern, route in self._routes.get(method, ()):
            if (match := pattern.fullmatch(plain)) is not None:
                return Found(route, version, match.groupdict())
        raise PageNotFound


def cleaned(path: str) -> str:
    """*path* without empty parts, ``.`` and ``..``; a slash at its end stays."""
    words: list[str] = []
    for word in path.split("/"):
        if word == "..":
            words[-1:] = []
        elif word not in {"", "."}:
            words.append(word)
    return "/" + "/".join(words) + ("/" if words and path.endswith("/") else "")


def _pattern(path: str) -> re.Pattern[str]:
    """The pattern of ``/networks/{ref}/connect``."""
    text = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(path))
    return re.compile(f"{text}/?", re.DOTALL)


def _refuse_version(version: tuple[int, int], text: str) -> None:
    if version > API_VERSION:
        raise InvalidRequest(
            f"client version {text} is too new. "
            f"Maximum supported API version is {version_text(API_VERSION)}"
        )
    if version < MIN_API_VERSION:
        raise InvalidRequest(
            f"client version {text} is too old. Minimum supported API version is "
            f"{version_text(MIN_API_VERSION)}, please upgrade your client to a newer version"
        )
