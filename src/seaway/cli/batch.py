"""One deed for several names, and the question before a deed that cannot be undone."""

from __future__ import annotations

import sys

from seaway.cli.failure import DaemonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seaway.cli.options import Args

NOT_FOUND = 404


def each(refs: list[str], act: Callable[[str], object], *, force: bool = False) -> int:
    """Call *act* for each of *refs* and print it; after an error go on, and give 1 at the end.

    *force*: what is not there is no error.
    """
    code = 0
    for ref in refs:
        try:
            act(ref)
        except DaemonError as error:
            if force and error.status == NOT_FOUND:
                continue
            sys.stderr.write(f"{error.message}\n")
            code = 1
        else:
            sys.stdout.write(f"{ref}\n")
            sys.stdout.flush()
    return code


def confirmed(args: Args, question: str) -> bool:
    """Whether ``--force`` is there, or the user says yes."""
    if args.flag("force"):
        return True
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stdout.write("\n")
    return answer.strip().lower() in ("y", "yes")
