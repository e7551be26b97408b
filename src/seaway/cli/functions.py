"""The functions that a ``--format`` template may call, and how it prints values."""

from __future__ import annotations

from seaway.cli.failure import Failure
from seaway.cli.text import compact
from seaway.cli.values import is_list, is_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def refused(reason: str) -> Failure:
    """The failure that says why a template cannot be filled in."""
    return Failure(f"--format: {reason}")


def shown(value: object) -> str:
    """*value* as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_object(value):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    if is_list(value):
        return f"[{' '.join(map(shown, value))}]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _json(*values: object) -> object:
    _counted("json", values, 1, 1)
    return compact(values[0])


def _len(*values: object) -> object:
    _counted("len", values, 1, 1)
    if isinstance(values[0], (str, dict, list)):
        return len(values[0])  # pyright: ignore[reportUnknownArgumentType]
    raise refused(f"len cannot count {shown(values[0])!r}")


def _index(*values: object) -> object:
    _counted("index", values, 1, 9)
    found = values[0]
    for key in values[1:]:
        if is_object(found):
            found = found.get(str(key))
        elif is_list(found) and isinstance(key, int) and 0 <= key < len(found):
            found = found[key]
        else:
            raise refused(f"index cannot look up {shown(key)!r} there")
    return found


def _join(*values: object) -> object:
    _counted("join", values, 2, 2)
    first, sign = values
    if not is_list(first):
        raise refused(f"join takes a list, not {shown(first)!r}")
    return shown(sign).join(map(shown, first))


def _println(*values: object) -> object:
    return " ".join(map(shown, values)) + "\n"


def _counted(name: str, values: Sequence[object], least: int, most: int) -> None:
    if not least <= len(values) <= most:
        raise refused(f"{name} takes {least}{f' to {most}' if most > least else ''} values")


FUNCTIONS: dict[str, Callable[..., object]] = {
    "json": _json,
    "len": _len,
    "index": _index,
    "join": _join,
    "println": _println,
}
