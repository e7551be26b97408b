"""Which engine is meant, and what it is shown: flags before the environment, called as docker's.

Plain classes: ``dataclasses`` would cost 5 ms to import.
"""

from __future__ import annotations

import os

from seaway.cli.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FLAG_ERROR = 125
_VALUES = {"-H": "URL", "--host": "URL"}
_FILES = {"--tlscacert": "ca.pem", "--tlscert": "cert.pem", "--tlskey": "key.pem"}
_SWITCHES = ("--tls", "--tlsverify")


class Tls:
    """Whether TLS is wanted, and the files for it."""

    __slots__ = ("ca", "cert", "cert_given", "folder", "key", "verify", "wanted")

    def __init__(self, flags: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """*flags* by their names; raises Failure for a switch that is neither true nor false."""
        home = environment.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")  # noqa: PTH111
        self.folder = environment.get("DOCKER_CERT_PATH") or home
        self.verify = _switched(flags, "--tlsverify", bool(environment.get("DOCKER_TLS_VERIFY")))
        self.wanted = self.verify or "--tlsverify" in flags or _switched(flags, "--tls", False)
        self.cert_given = "--tlscert" in flags or "--tlskey" in flags
        self.ca, self.cert, self.key = (
            flags.get(flag) or f"{self.folder}/{usual}" for flag, usual in _FILES.items()
        )


def _switched(flags: Mapping[str, str], name: str, usual: bool) -> bool:
    said = flags.get(name)
    if said is None:
        return usual
    if said.lower() not in ("true", "false", "1", "0"):
        raise Failure(f"{name}={said}: it should be true or false", FLAG_ERROR)
    return said.lower() in ("true", "1")


class Target:
    """The engine behind *host* (empty: the default socket)."""

    __slots__ = ("flags", "host", "tls")

    def __init__(self, host: str, flags: Mapping[str, str], tls: Tls) -> None:
        self.host, self.flags, self.tls = host, flags, tls


def target(words: list[str], environment: Mapping[str, str]) -> tuple[Target, list[str]]:
    """The engine that the options at the beginning of *words* name, and the words after them.

    DOCKER_HOST is not heeded: it names a Docker engine, and its networks are not ours. Raises Failure
    for a flag that cannot be understood.
    """
    flags: dict[str, str] = {}
    while words and (found := _flag(words)):
        name, value, words = found
        flags["-H" if name == "--host" else name] = value
    usual = environment.get("SEAWAY_HOST", "")
    return Target(flags.get("-H", usual), flags, Tls(flags, environment)), words


def _flag(words: list[str]) -> tuple[str, str, list[str]] | None:
    """The option that *words* begin with, its value, and the words after it."""
    first, *rest = words
    if first.startswith("-H") and first != "-H":
        return "-H", first.removeprefix("-H").removeprefix("="), rest
    name, said, value = first.partition("=")
    if name in _SWITCHES:
        return name, value if said else "true", rest
    if name not in _VALUES and name not in _FILES:
        return None
    if said:
        return name, value, rest
    if not rest:
        raise Failure(f"flag needs an argument: {name} {_VALUES.get(name, 'FILE')}", FLAG_ERROR)
    return name, rest[0], rest[1:]


def daemon_words(wanted: Target) -> list[str]:
    """What of the options before ``daemon`` is for it."""
    return [word for name, value in wanted.flags.items() for word in _said(name, value)]


def _said(name: str, value: str) -> tuple[str, ...]:
    return (f"{name}={value}",) if name in _SWITCHES else (name, value)
