"""The map in Graphviz' language. Source: graphviz.org/doc/info/lang.html."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.cli.graph import Graph

_HEAD = """\
digraph seaway {
  rankdir=LR
  bgcolor="transparent"
  node [shape=box fontname="sans-serif" fontsize=11 style=filled fillcolor="#f4f4f0" color="#707070"]
  edge [fontname="sans-serif" fontsize=9 color="#707070" fontcolor="#707070" dir=none]
"""


def dot(graph: Graph) -> str:
    """*graph* as text that ``dot -Tsvg`` draws."""
    lines = [f"  host [{_label(graph.host, graph.host_facts)} shape=box3d]"]
    for place, network in enumerate(graph.networks):
        lines.append(f'  n{place} [{_label(network.name, network.facts)} fillcolor="#dde8f5"]')
        if network.way_out:
            lines.append(f"  host -> n{place} [label={quoted([network.way_out])}]")
    for place, sandbox in enumerate(graph.sandboxes):
        style = "" if sandbox.is_running else ' style="filled,dashed"'
        facts = [] if sandbox.is_running else [sandbox.state]
        lines.append(f"  s{place} [{_label(sandbox.name, facts)}{style}]")
    lines += [
        f"  n{link.network} -> s{link.sandbox} [label={quoted(link.facts)}]" for link in graph.links
    ]
    for place, port in enumerate(graph.ports):
        lines.append(f'  p{place} [label={quoted([port.way])} shape=cds fillcolor="#e2f2dd"]')
        lines.append(f"  p{place} -> s{port.sandbox} [dir=forward]")
    return _HEAD + "\n".join([*lines, "}"]) + "\n"


def _label(name: str, facts: Sequence[str]) -> str:
    return f"label={quoted([name, *facts])}"


def quoted(lines: Sequence[str]) -> str:
    """*lines* as a quoted string; a backslash would begin an escape of Graphviz."""
    safe = (
        "".join(char if char.isprintable() else "�" for char in line)
        .replace("\\", "\\\\")
        .replace('"', '\\"')
        for line in lines
    )
    return '"' + "\\n".join(safe) + '"'
