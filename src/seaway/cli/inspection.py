"""``inspect``: objects as the API shows them, as a JSON array or through a template."""

from __future__ import annotations

import sys

from seaway.cli.failure import DaemonError
from seaway.cli.text import compact, pretty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seaway.cli.options import Args

NOT_FOUND = 404


def inspect(args: Args, getters: Sequence[Callable[[str], object]], nobody: str = "") -> int:
    """Print each of the references, found by the first of *getters* that knows it.

    *nobody* is what to say when none does, instead of the engine's words.

    Goes on after one that is not there; the exit code is then 1.
    """
    found: list[object] = []
    errors: list[str] = []
    for ref in args.rest:
        try:
            found.append(_first(ref, getters))
        except DaemonError as error:
            unknown = nobody and error.status == NOT_FOUND
            errors.append(f"Error: {nobody.format(ref)}" if unknown else error.message)
    _write(args.text("format"), found)
    sys.stdout.flush()
    sys.stderr.write("".join(f"{line}\n" for line in errors))
    return 1 if errors else 0


def formatted(args: Args, value: object) -> bool:
    """Print *value* as ``--format`` says; False when it says nothing."""
    wish = args.text("format")
    if wish == "json":
        sys.stdout.write(compact(value) + "\n")
    elif wish:
        _write(wish, [value])
    return wish != ""


def _first(ref: str, getters: Sequence[Callable[[str], object]]) -> object:
    for getter in getters[:-1]:
        try:
            return getter(ref)
        except DaemonError as error:
            if error.status != NOT_FOUND:
                raise
    return getters[-1](ref)


def _write(wish: str, found: list[object]) -> None:
    if wish == "":
        sys.stdout.write(pretty(found) + "\n")
        return
    if wish == "json":
        sys.stdout.write(compact(found) + "\n")
        return
    from seaway.cli.template import Template  # noqa: PLC0415

    template = Template(wish)
    for item in found:
        sys.stdout.write(template.filled(item) + "\n")
