"""JSON text to values and back, without the 8 ms that importing ``json`` costs.

``_json`` is the C half of the standard ``json``; where a Python lacks it, ``json`` itself is used.
"""

from __future__ import annotations

from seaway.cli.values import is_list, is_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 200
"""Nothing the engine says is nested deeper."""


class _Rules:
    """What the C scanner asks its context for: plain Python values, strict strings."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def _scanner() -> Callable[[str, int], tuple[object, int]]:
    try:
        import _json  # noqa: PLC0415
    except ImportError:
        from json.decoder import JSONDecoder  # noqa: PLC0415

        return JSONDecoder().raw_decode
    make: Callable[[object], Callable[[str, int], tuple[object, int]]] = vars(_json)["make_scanner"]
    return make(_Rules())


def parsed(text: str) -> object:
    """The value in *text*. Raises ValueError when it is not one JSON value."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, end = _scanner()(text, start)
    except (StopIteration, RecursionError) as error:
        raise ValueError("not a JSON value") from error
    if text[end:].strip(" \t\r\n"):
        raise ValueError("more than one JSON value")
    return value


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_NEEDS = {code: f"\\u{code:04x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)} | {
    ord(char): escape for char, escape in _ESCAPES.items()
}


def printable(value: str) -> str:
    """*value* for people: what would speak to their terminal becomes U+FFFD."""
    if value.isprintable():
        return value
    return "".join(char if char.isprintable() else "\ufffd" for char in value)


def quoted(value: str) -> str:
    """*value* as a JSON string; what is no Unicode (bytes of the command line) becomes U+FFFD."""
    if not value.isascii():
        value = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return f'"{value.translate(_NEEDS)}"'


def compact(value: object) -> str:
    """*value* as JSON on one line, without blanks."""
    return _written(value, "", "", 0)


def pretty(value: object, indent: str = "    ") -> str:
    """*value* as JSON for people, as ``docker inspect`` lays it out."""
    return _written(value, indent, "\n", 0)


def _written(value: object, indent: str, newline: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if is_object(value):
        colon = ": " if newline else ":"
        parts = [
            f"{quoted(key)}{colon}{_written(item, indent, newline, depth + 1)}"
            for key, item in value.items()
        ]
        return _bracketed("{}", parts, indent, newline, depth)
    if is_list(value):
        parts = [_written(item, indent, newline, depth + 1) for item in value]
        return _bracketed("[]", parts, indent, newline, depth)
    return _scalar(value)


def _bracketed(pair: str, parts: list[str], indent: str, newline: str, depth: int) -> str:
    if not parts:
        return pair
    inner = newline + indent * (depth + 1)
    return pair[0] + inner + ("," + inner).join(parts) + newline + indent * depth + pair[1]


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return quoted(str(value))
