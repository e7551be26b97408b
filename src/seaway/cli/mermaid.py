"""The map as a Mermaid flowchart. Source: mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.cli.graph import Graph

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/-_→")


def mermaid(graph: Graph) -> str:
    """*graph* as text that Mermaid draws."""
    lines = ["flowchart LR", f"  host[[{_text([graph.host, *graph.host_facts])}]]"]
    for place, network in enumerate(graph.networks):
        lines.append(f"  n{place}({_text([network.name, *network.facts])})")
        if network.way_out:
            lines.append(f"  host ---|{_text([network.way_out])}| n{place}")
    for place, sandbox in enumerate(graph.sandboxes):
        facts = [] if sandbox.is_running else [sandbox.state]
        lines.append(f"  s{place}[{_text([sandbox.name, *facts])}]")
    for link in graph.links:
        between = f"---|{_text(link.facts)}|" if link.facts else "---"
        lines.append(f"  n{link.network} {between} s{link.sandbox}")
    for place, port in enumerate(graph.ports):
        lines.append(f"  p{place}>{_text([port.way])}] --> s{port.sandbox}")
    return "\n".join(lines) + "\n"


def _text(lines: Sequence[str]) -> str:
    """*lines* as a quoted text; all but plain characters by their numbers, as ``#34;``."""
    return '"' + "<br>".join("".join(map(_escaped, line)) for line in lines) + '"'


def _escaped(char: str) -> str:
    if char in _PLAIN or (char.isprintable() and not char.isascii()):
        return char
    return f"#{ord(char)};" if char.isprintable() else "�"
