"""Reading JSON that nobody has checked yet: what is missing or of another kind reads as empty."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether *value* is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether *value* is a JSON array."""
    return isinstance(value, list)


def field(value: object, *path: str) -> object:
    """What stands in *value* under the names of *path*, or None."""
    for name in path:
        value = value.get(name) if is_object(value) else None
    return value


def fields(value: object, *path: str) -> dict[str, object]:
    """The object at *path*, or an empty one."""
    found = field(value, *path)
    return found if is_object(found) else {}


def rows(value: object, *path: str) -> list[object]:
    """The array at *path*, or an empty one."""
    found = field(value, *path)
    return found if is_list(found) else []


def listed(value: object) -> list[object]:
    """*value* itself when it is an array; else an empty one."""
    return value if is_list(value) else []


def text(value: object, *path: str) -> str:
    """The string at *path*, or an empty one."""
    found = field(value, *path)
    return found if isinstance(found, str) else ""


def texts(value: object, *path: str) -> list[str]:
    """The strings of the array at *path*."""
    return [item for item in rows(value, *path) if isinstance(item, str)]


def number(value: object, *path: str) -> int:
    """The whole number at *path*, or 0."""
    found = field(value, *path)
    if isinstance(found, float):
        return int(found) if found.is_integer() else 0
    return found if isinstance(found, int) else 0


def flag(value: object, *path: str) -> bool:
    """Whether true stands at *path*."""
    return field(value, *path) is True


def pairs(items: list[str]) -> dict[str, object]:
    """``["a=1", "b"]`` as ``{"a": "1", "b": ""}``; a later one wins."""
    return {name: content for name, _, content in (item.partition("=") for item in items)}
