"""The part of Go's templates that ``--format`` knows, and how it refuses the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.cli.failure import Failure
from seaway.cli.template import Template

NETWORK: dict[str, object] = {
    "Name": "web",
    "Internal": False,
    "IPAM": {"Config": [{"Subnet": "10.5.0.0/24"}, {"Subnet": "fd00::/64"}]},
    "Labels": {"b": "2", "a": "1", "with.dot": "x"},
    "Tags": ["one", "two"],
    "Nothing": None,
    "Count": 3,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}}", "web"),
        ("{{ .IPAM.Config }}", "[map[Subnet:10.5.0.0/24] map[Subnet:fd00::/64]]"),
        ("{{.Internal}} {{.Count}} {{.Nothing}}", "false 3 <no value>"),
        ("{{json .Tags}}", '["one","two"]'),
        ("{{.Labels | json}}", '{"b":"2","a":"1","with.dot":"x"}'),
        ("{{range .IPAM.Config}}{{.Subnet}} {{end}}", "10.5.0.0/24 fd00::/64 "),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;with.dot=x;"),
        ("{{range $i, $t := .Tags}}{{$i}}{{$t}}{{end}}", "0one1two"),
        ("{{range .Tags}}{{.}}-{{$.Name}} {{end}}", "one-web two-web "),
        ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
        ('{{index .Labels "with.dot"}}', "x"),
        ("{{(index .IPAM.Config 1).Subnet}}", "fd00::/64"),
        ("{{len .Tags}}", "2"),
        ('{{join .Tags ", "}}', "one, two"),
        ("{{println .Name .Count}}", "web 3\n"),
        ("{{if .Internal}}in{{else}}out{{end}}", "out"),
        ("{{if .Internal}}a{{else if .Name}}b{{else}}c{{end}}", "b"),
        ("{{with .IPAM}}{{len .Config}}{{end}}", "2"),
        ("{{$x := .Name}}{{$x}}{{$x}}", "webweb"),
        ("a {{- .Name -}} b", "awebb"),
        ("{{/* nothing */}}{{.Name}}", "web"),
        (r"{{.Name}}\t{{.Count}}\n", "web\t3\n"),
        ('{{"}}"}}', "}}"),
        ("plain", "plain"),
    ],
)
def test_a_template_gives_what_go_gives(template: str, text: str) -> None:
    assert Template(template).filled(NETWORK) == text


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        (
            "{{printf .Name}}",
            "'printf' is not known here; it knows json, len, index, join, println",
        ),
        ("{{template .X}}", "'template' is not known here"),
        ("{{.Bogus}}", "there is no field 'Bogus' in .Bogus"),
        ("{{.Name", "an action that begins with {{ does not end with }}"),
        ("{{range .Tags}}", "a block is not closed by {{end}}"),
        ("{{end}}", "{{end}} closes nothing"),
        ("{{}}", "an action is empty"),
        ("{{range .Name}}{{end}}", "range cannot go through 'web'"),
        ("{{len .Count}}", "len cannot count '3'"),
        ("{{$nope}}", "the variable $nope is not set"),
        ("{{json}}", "json takes 1 values"),
        ("{{.Name .Name}}", "'web' is no function"),
        ("{{(.Name}}", "a ( is not closed"),
        ("{{.Name | }}", "a value is missing"),
        ("{{if .Name}}a{{else}}b{{else}}c{{end}}", "a block has two {{else}}"),
        ("{{if .Name}}" * 40, "blocks stand inside each other more than 32 deep"),
        ("x" * 70000, "a template has at most 65536 characters"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(template: str, sentence: str) -> None:
    with pytest.raises(Failure) as caught:
        Template(template).filled(NETWORK)

    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{{end}}",
        "{{else}}",
        "{{range",
        ".",
        "$",
        ":=",
        '"x"',
        "`",
        "(",
        ")",
        "|",
        ".Name",
        ".Tags",
        "json",
        "index",
        "1",
        "-",
        "/*",
        ",",
        "$k",
        "if",
    ]
)


@given(st.lists(PIECES, max_size=12))
def test_no_template_does_anything_but_fill_in_or_refuse(pieces: list[str]) -> None:
    try:
        filled = Template(" ".join(pieces)).filled(NETWORK)
    except Failure:
        return
    assert len(filled) < 100_000
