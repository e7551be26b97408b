"""The map in other languages: the same facts, and no name that gets out of its quotes."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from seaway.cli.dot import dot
from seaway.cli.graph import graph
from seaway.cli.mermaid import mermaid
from seaway.cli.svg import svg
from unit.cli.conftest import Run
from unit.cli.engine import Engine
from unit.cli.test_map import MAP

HOSTILE = '"]; x -->|<b>&amp;\\N\\"\x1b[31m\u202e\n#35;</title><script>x</script>箱'
EVIL = {
    "Host": {"Name": HOSTILE, "Addresses": [HOSTILE], "Uplink": HOSTILE},
    "Networks": [
        {
            "Name": HOSTILE,
            "Driver": HOSTILE,
            "Subnets": [{"Subnet": HOSTILE}],
            "Endpoints": [{"SandboxId": "1", "Ifname": HOSTILE, "Addresses": [HOSTILE]}],
        }
    ],
    "Sandboxes": [
        {"Id": "1", "Name": HOSTILE, "State": HOSTILE, "Published": [{"Proto": HOSTILE}]}
    ],
}
SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - it is our own


def texts(picture: str) -> list[str]:
    """The lines of text in an SVG picture."""
    return [text.text or "" for text in parsed(picture).iter(f"{SVG}text")]


def test_svg_shows_host_networks_sandboxes_addresses_and_ports() -> None:
    shown = texts(svg(graph(MAP)))

    assert shown[:4] == ["vm1", "192.0.2.7", "2001:db8::7", "way out: eth0"]
    assert "bridge sw-0a1b2c3d4e5f" in shown
    assert "web: eth0 10.5.0.2 fd00:5::2" in shown
    assert "0.0.0.0:8080 → 80/tcp from 10.0.0.0/8, 192.168.0.0/16" in shown
    assert "host" not in shown


def test_svg_draws_a_line_for_each_way_out_and_each_endpoint() -> None:
    assert svg(graph(MAP)).count("<path ") == 2 + 3


def test_no_box_of_the_svg_lies_on_another_or_outside() -> None:
    root = parsed(svg(graph(MAP)))
    boxes = [
        tuple(float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if "box" in rect.attrib["class"]
    ]

    assert len(boxes) == 1 + 3 + 4
    for place, (x, y, wide, high) in enumerate(boxes):
        assert x + wide < float(root.attrib["width"])
        assert y + high < float(root.attrib["height"])
        for ox, oy, owide, ohigh in boxes[:place]:
            assert x >= ox + owide or ox >= x + wide or y >= oy + ohigh or oy >= y + high


def test_svg_stands_alone_and_knows_light_and_dark() -> None:
    picture = svg(graph(MAP))

    assert "prefers-color-scheme: dark" in picture
    assert re.findall(r"(?:href|src|url|@import|<script)", picture) == []
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]


def test_svg_holds_hostile_names_as_text() -> None:
    root = parsed(svg(graph(EVIL)))

    assert {child.tag.removeprefix(SVG) for child in root.iter()} == {
        *("svg", "title", "style", "rect", "text", "path")
    }
    assert root.findtext(f"{SVG}title", "").startswith('Networks of "]; x -->|<b>&amp;\\N')


def test_dot_names_networks_sandboxes_and_ports() -> None:
    lines = dot(graph(MAP)).splitlines()

    assert '  host -> n0 [label="masquerade"]' in lines
    assert '  n0 -> s0 [label="eth0\\n10.5.0.2\\nfd00:5::2"]' in lines
    assert '  n2 -> s0 [label="eth1\\n192.168.1.50"]' in lines
    assert "  p1 -> s0 [dir=forward]" in lines


STRING = r'"(?:[^"\\]|\\.)*"'
STATEMENT = re.compile(
    rf"  (?:\w+(?: -> \w+)?(?: \[(?:\w+=(?:{STRING}|\w+) ?)+\])?|\w+=(?:{STRING}|\w+))"
)


@pytest.mark.parametrize("found", [MAP, EVIL, {}])
def test_dot_is_of_statements_and_strings_only(found: object) -> None:
    first, *lines, last = dot(graph(found)).splitlines()

    assert (first, last) == ("digraph seaway {", "}")
    assert [line for line in lines if not STATEMENT.fullmatch(line)] == []


@pytest.mark.skipif(shutil.which("dot") is None, reason="there is no dot (package graphviz)")
@pytest.mark.parametrize("found", [MAP, EVIL, {}])
def test_graphviz_draws_the_dot(found: object) -> None:
    done = subprocess.run(
        ["dot", "-Tsvg"], input=dot(graph(found)), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "<svg" in done.stdout


TEXT = r'"(?:[^"#`\\&;]|#\d+;|<br>)*"'
NODE = rf"(?:\w+(?:\[\[{TEXT}\]\]|\[{TEXT}\]|\({TEXT}\)|>{TEXT}\])?)"
FLOW = re.compile(rf"  {NODE}(?: (?:---|-->)(?:\|{TEXT}\|)? {NODE})?")


@pytest.mark.parametrize("found", [MAP, EVIL, {}])
def test_mermaid_is_of_nodes_links_and_quoted_texts_only(found: object) -> None:
    first, *lines = mermaid(graph(found)).splitlines()

    assert first == "flowchart LR"
    assert [line for line in lines if not FLOW.fullmatch(line)] == []
    assert [line for line in lines if "<b>" in line or "<script" in line] == []


def test_mermaid_shows_who_is_where() -> None:
    lines = mermaid(graph(MAP)).splitlines()

    assert '  n0("web<br>bridge sw-0a1b2c3d4e5f<br>10.5.0.0/24<br>fd00:5::/64")' in lines
    assert '  n0 ---|"eth0<br>10.5.0.3"| s1' in lines
    assert '  s1["database<br>exited"]' in lines


@pytest.mark.parametrize(
    ("form", "begin"), [("svg", "<svg "), ("dot", "digraph "), ("mermaid", "flowchart ")]
)
def test_map_prints_what_format_names(engine: Engine, seaway: Run, form: str, begin: str) -> None:
    engine.answers["GET /seaway/map"] = (200, MAP)

    code, out, err = seaway("map", "--format", form)

    assert (code, out[: len(begin)], err) == (0, begin, "")


def test_a_format_that_is_neither_known_nor_a_template_is_refused_before_anything_is_asked(
    engine: Engine, seaway: Run
) -> None:
    code, out, err = seaway("map", "--format", "png")

    assert (code, out) == (125, "")
    assert err.startswith("--format: json, dot, mermaid, svg, or a template with {{…}}, not 'png'")
    assert engine.seen == []
