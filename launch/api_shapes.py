"""The API's paths and shapes as a page, made from its OpenAPI document (``seaway.api.openapi``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from launch.api_paths import api_routes

from seaway.api.openapi import document

Json = Any
INTRODUCTION = """\
What each path reads and answers, in the newest version; `GET /seaway/openapi.json` has the same for
programs, as an OpenAPI document. What it means is told in [API](api.md). Any path may answer 400, 403,
413 and 500."""
_REFUSED = 300
"""Statuses from here on are refusals."""


def page(mark: str) -> str:
    """The whole page, with *mark* under its title."""
    told: Json = document(api_routes(), "")
    shapes: Mapping[str, Json] = told["components"]["schemas"]
    parts = [
        "# Paths and shapes of the API",
        mark,
        INTRODUCTION,
        "## Paths",
        *(
            part
            for path, methods in sorted(told["paths"].items())
            for method, operation in methods.items()
            for part in _path(f"{method.upper()} {path}", operation)
        ),
        "## Shapes",
        *(part for name, shape in sorted(shapes.items()) for part in _shape(name, shape)),
    ]
    return "\n\n".join(parts) + "\n"


def _path(title: str, operation: Json) -> Iterator[str]:
    yield f"### {title}"
    yield operation["summary"]
    query = [p for p in operation["parameters"] if p["in"] == "query"]
    if query:
        rows = [(f"`{p['name']}`", _kind(p), p["description"]) for p in query]
        yield _table(("parameter", "", ""), rows)
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        yield f"Reads {_name(content['schema'])}."
    yield " ".join(_answers(operation["responses"]))


def _kind(parameter: Json) -> str:
    if "content" in parameter:
        (content,) = parameter["content"].values()
        return "JSON: " + " ".join(f"`{key}`" for key in content["schema"]["properties"])
    return str(parameter["schema"]["type"])


def _answers(responses: Mapping[str, Json]) -> Iterator[str]:
    good = [status for status in responses if int(status) < _REFUSED]
    for status in good:
        content = responses[status].get("content", {})
        shapes = {_name(each["schema"]) for each in content.values()}
        kinds = ", ".join(f"`{kind}`" for kind in content if kind != "application/json")
        said = kinds or " ".join(sorted(shapes))
        yield f"Answers {status}{': ' + said if said else ''}."
    own = [s for s in responses if s not in {*good, "400", "403", "413", "500"}]
    if own:
        yield f"Refuses with {', '.join(own)}."


def _shape(name: str, shape: Json) -> Iterator[str]:
    yield f"### {name}"
    yield shape.get("description", "")
    rows = [(f"`{member}`", _name(s)) for member, s in shape.get("properties", {}).items()]
    if rows:
        yield _table(("member", ""), rows)


def _name(schema: Json) -> str:
    """The kind of a value, with a link where it is a shape."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_name(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"list of {_name(items)}" if items else "list"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties", {})
        return f"object of {_name(values)}" if isinstance(values, dict) and values else "object"
    return str(schema.get("type") or schema.get("description") or "anything")


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  ", "| ") for line in lines)
