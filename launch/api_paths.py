"""The paths of the API with what each does: the routes, and the first sentence of their handlers.

This is the one place where the reference meets the API's declarations.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple, cast

from seaway.api.call import Route
from seaway.api.parts import Parts
from seaway.api.server import routes


class Path(NamedTuple):
    """One path, as the reference shows it."""

    method: str
    path: str
    meaning: str


class _Nothing:
    """Stands for the engine where routes are listed and none is called."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return self


def api_routes() -> list[Route]:
    """All routes, to be looked at: none of their handlers can be called."""
    return routes(cast(Parts, _Nothing()))


def listed() -> list[Path]:
    """All paths, in the order of their words; those that are only refused are left out."""
    found = [_shown(route) for route in api_routes()]
    return sorted(
        (path for path in found if path.meaning), key=lambda path: (path.path, path.method)
    )


def _shown(route: Route) -> Path:
    said = (inspect.getdoc(cast(Any, route).handler) or "").partition("\n")[0]
    return Path(route.method, route.path.replace("{ref}", "REF"), said.replace("``", "`"))
