"""The API as an OpenAPI document, made from what its routes declare.

Source: the OpenAPI specification 3.1, https://spec.openapis.org/oas/v3.1.0; schemas are JSON Schema
2020-12. It tells the latest version of the API: ``wire.versions`` has what older ones lack.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec.json import schema_components
from msgspec.structs import fields

from seaway.api import wire
from seaway.api.call import Route
from seaway.api.declaration import ALWAYS, JSON, Answer, Kind, Parameter

Document = dict[str, object]
"""A part of the document: JSON."""

_WORD = re.compile(r"\{(\w+)\}")
_REFUSALS = {
    304: "nothing to do: it is so already",
    400: "the request can never succeed as it stands",
    403: "not allowed on this object as it is, or asked from inside a sandbox",
    404: "something that the request names is not there",
    409: "it clashes with something that is there",
    413: "the body is too large",
    500: "Linux, or another program, is in the way",
    501: "Docker does that; Seaway does not",
    503: "nothing is left to give, or only a node of a swarm does that",
}
_WORDS = {
    "ref": "a full id, a name, or the unambiguous beginning of an id",
    "address": "an IPv4 or IPv6 address",
}
_SCHEMAS: Mapping[Kind, Document] = {
    Kind.TEXT: {"type": "string"},
    Kind.FLAG: {"type": "boolean"},
    Kind.WHOLE: {"type": "integer", "format": "int64"},
    Kind.MOMENT: {"type": "string", "examples": ["1795500575.5", "2026-11-24T06:04:59Z", "10m"]},
}
_EMPTY = (304,)
"""Refusals without a sentence."""


def document(routes: Sequence[Route], version: str) -> Document:
    """All *routes* that do something, of the program's *version*."""
    served = [route for route in routes if route.answers]
    names, components = _schemas(served)
    paths: dict[str, Document] = {}
    for route in sorted(served, key=lambda r: (r.path, r.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Seaway",
            "version": version,
            "summary": "The network under every container on a Linux host.",
            "description": "In the shape of the Docker Engine API where there is such a path, "
            "and our own verbs under /seaway/.",
        },
        "servers": [{"url": "/"}, {"url": "/v" + ".".join(map(str, wire.LATEST))}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _schemas(routes: Iterable[Route]) -> tuple[dict[object, Document], Document]:
    """A schema for each type that is read or answered, and those that they refer to by name."""
    kinds: dict[object, None] = {wire.Message: None}
    for route in routes:
        bodies = (route.body, *(answer.body for answer in route.answers))
        kinds.update(dict.fromkeys(body for body in bodies if body is not None))
    found, components = schema_components(
        [*kinds], schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    for member in wire.MEMBERS:
        if member.until < wire.LATEST:
            _forget(components.get(member.shape.__name__, {}), member)
    return dict(zip(kinds, found, strict=True)), cast(Document, components)


def _forget(shape: dict[str, Any], member: wire.Member) -> None:
    """Take a *member* that the latest version lacks out of its *shape*."""
    spelled = next(f.encode_name for f in fields(member.shape) if f.name == member.name)
    shape.get("properties", {}).pop(spelled, None)
    if spelled in shape.get("required", []):
        shape["required"].remove(spelled)


def _anything(kind: type) -> Document:
    """JSON of whatever shape."""
    if kind is object:
        return {"description": "anything"}
    raise NotImplementedError(kind)


def _operation(route: Route, names: Mapping[object, Document]) -> Document:
    words = _WORD.findall(route.path)
    found: Document = {
        "operationId": _identity(route),
        "summary": summary(route),
        "tags": [route.path.split("/")[1]],
        "parameters": [*map(_of_path, words), *map(_of_query, route.query)],
        "responses": dict(_responses(route, words, names)),
    }
    if route.body is not None:
        found["requestBody"] = {"content": {JSON: {"schema": names[route.body]}}}
    return found


def _identity(route: Route) -> str:
    """``post_networks_ref_connect``."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.path)])


def summary(route: Route) -> str:
    """What a route does, in one sentence: the first of its handler's."""
    return (inspect.getdoc(route.handler) or "").partition("\n")[0].replace("``", "`")


def _of_path(word: str) -> Document:
    return {
        "name": word,
        "in": "path",
        "required": True,
        "description": _WORDS[word],
        "schema": {"type": "string", "minLength": 1},
    }


def _of_query(parameter: Parameter) -> Document:
    found: Document = {"name": parameter.name, "in": "query", "description": parameter.meaning}
    if parameter.kind is Kind.FILTERS:
        keys = sorted(parameter.keys)
        return {**found, "content": {JSON: {"schema": _filters_schema(keys)}}}
    return {**found, "schema": _SCHEMAS[parameter.kind]}


def _filters_schema(keys: Sequence[str]) -> Document:
    values = {"type": "array", "items": {"type": "string"}}
    as_map = {"type": "object", "additionalProperties": {"type": "boolean"}}
    either = {"anyOf": [values, as_map]}
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, either),
        "additionalProperties": False,
    }


def _responses(
    route: Route, words: Sequence[str], names: Mapping[object, Document]
) -> Iterator[tuple[str, Document]]:
    for answer in route.answers:
        yield str(answer.status), _answered(answer, names)
    message: Document = {JSON: {"schema": names[wire.Message]}}
    missing = (404,) if words else ()
    for status in sorted({*ALWAYS, *missing, *route.refusals}):
        refusal: Document = {"description": _REFUSALS[status]}
        yield str(status), refusal if status in _EMPTY else {**refusal, "content": message}


def _answered(answer: Answer, names: Mapping[object, Document]) -> Document:
    found: Document = {"description": answer.meaning}
    schema = names[answer.body] if answer.body is not None else {"type": "string"}
    if answer.types:
        found["content"] = {media: {"schema": schema} for media in answer.types}
    return found
