"""Holds replies to the OpenAPI document: their status, their content type, and the shape of their JSON."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator
from launch.api_paths import api_routes

from seaway.api import wire
from seaway.api.errors import PageNotFound
from seaway.api.openapi import document
from seaway.api.routing import Moved, Routing
from seaway.model.errors import InvalidRequest

Json = Any


class Told:
    """What the document says of each answer."""

    def __init__(self) -> None:
        found = api_routes()
        self.streams = {(r.method, r.path) for r in found if r.streams}
        """Methods and paths of replies that may have no end."""
        self._routing = Routing(found)
        self.document: Json = document(found, "0.1.0")
        self._validators = cache(self._validator)

    def check(self, method: str, path: str, status: int, media: str, body: bytes) -> None:
        """Raise AssertionError where a reply of the latest version is not as the document says."""
        try:
            route, version, _ = self._routing.find(method, path.partition("?")[0])
        except (PageNotFound, InvalidRequest, Moved):
            return
        if version != wire.LATEST or not route.answers:
            return
        responses = self.document["paths"][route.path][method.lower()]["responses"]
        where = f"{method} {route.path}: {status}"
        assert str(status) in responses, f"{where} is not told: {body[:500]!r}"
        content = responses[str(status)].get("content", {})
        kind = media.partition(";")[0]
        is_empty = not body and not kind and "application/json" not in content
        assert kind in content or is_empty, f"{where}: {kind} is not told"
        if kind == "application/json" and method != "HEAD":
            validator = self._validators(method.lower(), route.path, str(status))
            for line in _documents(body):
                error = next(iter(validator.iter_errors(line)), None)
                assert error is None, f"{where}: {error.message} at {error.instance_path}"

    def _validator(self, method: str, path: str, status: str) -> Draft202012Validator:
        answer = self.document["paths"][path][method]["responses"][status]
        schema = answer["content"]["application/json"]["schema"]
        return Draft202012Validator({**schema, "components": self.document["components"]})


def _documents(body: bytes) -> list[Json]:
    """One JSON document, or one on each line."""
    try:
        return [json.loads(body)] if body else []
    except ValueError:
        return [json.loads(line) for line in body.splitlines() if line]


TOLD = Told()
