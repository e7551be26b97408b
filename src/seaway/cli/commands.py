"""Which commands there are, where each is declared, and what may stand before them."""

from __future__ import annotations

import sys

from seaway.cli.options import Option, switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from seaway.cli.options import Command

GROUPS = {
    "network": "Make, change, show and remove networks, and who is on them.",
    "pool": "See how much room is left for networks, and in them.",
    "sandbox": "Give networks to namespaces that are no process of ours.",
}
"""The modules whose commands have two words, and what they are for."""
SECTIONS = {
    "Sandboxes": {
        "run": "run",
        "ps": "listing",
        "inspect": "show",
        "exec": "execution",
        "attach": "execution",
        "start": "lifecycle",
        "stop": "lifecycle",
        "restart": "lifecycle",
        "kill": "lifecycle",
        "pause": "lifecycle",
        "unpause": "lifecycle",
        "rm": "lifecycle",
        "rename": "lifecycle",
        "wait": "lifecycle",
        "prune": "lifecycle",
        "logs": "logs",
        "top": "stats",
        "stats": "stats",
    },
    "Published ports": {"port": "ports", "publish": "ports", "unpublish": "ports"},
    "The host and the engine": {
        "map": "map",
        "events": "events",
        "status": "status",
        "version": "status",
        "config": "status",
        "purge": "daemon",
        "daemon": "daemon",
        "completion": "shells",
    },
}
"""The commands that belong to no group: the title of the help, the name, the module."""
COMMANDS = {name: module for section in SECTIONS.values() for name, module in section.items()}
OPTIONS = (
    Option(
        "host H",
        "URL",
        "the engine, unix://PATH or tcp://HOST:PORT (also SEAWAY_HOST; default "
        "unix:///run/seaway/seaway.sock)",
    ),
    switch("tlsverify", "use TLS, and know the engine by its certificate (also DOCKER_TLS_VERIFY)"),
    switch("tls", "use TLS with whatever answers"),
    Option(
        "tlscacert",
        "FILE",
        "the authority of the engine's certificate; default ca.pem in DOCKER_CERT_PATH or ~/.docker",
    ),
    Option("tlscert", "FILE", "your certificate; default cert.pem in the same folder"),
    Option("tlskey", "FILE", "its key; default key.pem in the same folder"),
    switch("version v", "the version of this command"),
    switch("help h", "this help, or that of a command"),
)
"""What may stand before the command."""


def every_command() -> dict[str, Command]:
    """All commands by their whole names, as ``network create``, in the order of the help."""
    plain = {name: commands_of(module)[name] for name, module in COMMANDS.items()}
    grouped = {
        f"{group} {name}": command
        for group in GROUPS
        for name, command in commands_of(group).items()
    }
    return {**plain, **grouped}


def commands_of(module: str) -> Mapping[str, Command]:
    """The commands of that *module* of this package; only now is it loaded."""
    full = f"seaway.cli.{module}"
    __import__(full)
    commands: Mapping[str, Command] = sys.modules[full].COMMANDS
    return commands
