"""The map as an SVG file that stands alone: no script, no font, nothing loaded.

Three columns: the host, its networks, the sandboxes with their published ports. Colours follow the
reader's light or dark scheme. Source: www.w3.org/TR/SVG11, CSS media queries 5 (prefers-color-scheme).
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.cli.width import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.cli.graph import Graph

LINE, PAD, GAP, MARGIN = 18, 10, 22, 24
"""Pixels: a line of text, round it, between boxes, round all."""
LETTER = 7.3
"""Pixels of a letter at most: 12 px of a monospaced font, where a letter is 0.6 em wide."""
COLUMN_GAP = 90
LONGEST = 60
"""Letters of a line; a longer one is cut."""

STYLE = """
text { font: 12px ui-monospace, monospace; fill: #1c2530; white-space: pre }
.name { font-weight: bold } .dim { fill: #55606c } .port { fill: #21692f }
.paper { fill: #ffffff } .host { fill: #eceae4 } .network { fill: #dce8f6 } .sandbox { fill: #f3f3f0 }
.box { stroke: #8a95a1 } .off { stroke-dasharray: 4 3 } path { fill: none; stroke: #8a95a1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ed } .dim { fill: #a3adb8 } .port { fill: #7fcf8f }
  .paper { fill: #14181d } .host { fill: #33302a } .network { fill: #1f3247 } .sandbox { fill: #262b31 }
  .box, path { stroke: #6d7883 }
}
"""
"""Rules that every reader of SVG knows; those without media queries show the light ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box with lines of text in it; the first is a name."""

    x: float
    y: float
    width: float
    kind: str
    lines: tuple[tuple[str, str], ...]
    """A class of STYLE, and the text."""

    @property
    def height(self) -> float:
        """Pixels."""
        return len(self.lines) * LINE + PAD * 2

    @property
    def middle(self) -> float:
        """Where lines meet it, from above."""
        return self.y + self.height / 2


def svg(graph: Graph) -> str:
    """*graph* as the text of an SVG file."""
    host = [("host", _lines(graph.host, graph.host_facts))]
    networks = [("network", _lines(item.name, item.facts)) for item in graph.networks]
    sandboxes = [
        ("sandbox" if item.is_running else "sandbox off", _sandbox_lines(graph, place))
        for place, item in enumerate(graph.sandboxes)
    ]
    left = _column(host, MARGIN)
    middle = _column(networks, _right(left))
    right = _column(sandboxes, _right(middle) if middle else _right(left))
    boxes = [*left, *middle, *right]
    parts = [_path(left[0], middle[i]) for i, item in enumerate(graph.networks) if item.way_out]
    parts += [_path(middle[link.network], right[link.sandbox]) for link in graph.links]
    parts += [_drawn(box) for box in boxes]
    return _document(graph.host, boxes, parts)


def _sandbox_lines(graph: Graph, place: int) -> tuple[tuple[str, str], ...]:
    item = graph.sandboxes[place]
    facts = [
        " ".join((graph.networks[link.network].name + ":", *link.facts))
        for link in graph.links
        if link.sandbox == place
    ]
    ports = [("port", _cut(port.way)) for port in graph.ports if port.sandbox == place]
    state = [] if item.is_running else [item.state]
    return (*_lines(item.name, [*state, *facts]), *ports)


def _lines(name: str, facts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return (("name", _cut(name)), *(("dim", _cut(fact)) for fact in facts))


def _cut(text: str) -> str:
    if width(text) <= LONGEST:
        return text
    while width(text) >= LONGEST:
        text = text[:-1]
    return text + "…"


def _column(items: Sequence[tuple[str, tuple[tuple[str, str], ...]]], x: float) -> list[Box]:
    """Boxes below each other, all as wide as the widest."""
    letters = max((width(text) for _, lines in items for _, text in lines), default=0)
    boxes: list[Box] = []
    y: float = MARGIN
    for kind, lines in items:
        boxes.append(Box(x=x, y=y, width=letters * LETTER + PAD * 2, kind=kind, lines=lines))
        y += boxes[-1].height + GAP
    return boxes


def _right(boxes: Sequence[Box]) -> float:
    return boxes[0].x + boxes[0].width + COLUMN_GAP


def _path(begin: Box, end: Box) -> str:
    x, bend = begin.x + begin.width, (begin.x + begin.width + end.x) / 2
    return (
        f'<path d="M{x:.1f} {begin.middle:.1f} C{bend:.1f} {begin.middle:.1f} '
        f'{bend:.1f} {end.middle:.1f} {end.x:.1f} {end.middle:.1f}"/>'
    )


def _drawn(box: Box) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    parts = [f'<rect class="box {box.kind}" {place} rx="5"/>']
    for number, (kind, text) in enumerate(box.lines):
        x, y = box.x + PAD, box.y + PAD + LINE * (number + 0.72)
        parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escaped(text)}</text>')
    return "\n".join(parts)


def _document(title: str, boxes: Sequence[Box], parts: Sequence[str]) -> str:
    wide = max(box.x + box.width for box in boxes) + MARGIN
    high = max(box.y + box.height for box in boxes) + MARGIN
    size = f'width="{wide:.0f}" height="{high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>'
    paper = '<rect class="paper" width="100%" height="100%"/>'
    named = f"<title>Networks of {escaped(title)}</title>"
    return "\n".join([head, named, f"<style>{STYLE}</style>", paper, *parts, "</svg>"]) + "\n"


def escaped(text: str) -> str:
    """*text* for XML; what XML cannot hold (control characters) becomes U+FFFD."""
    plain = "".join(char if char.isprintable() else "�" for char in text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        plain = plain.replace(char, entity)
    return plain
