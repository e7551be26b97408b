"""How the documentation's pages are read, and when an answer is what a page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.page import Skipped, Step, agree, steps

PAGE = """\
# A page

```text
no command
```

<!-- before:
make it
-->
```
$ ask \\
    twice
yes
$ say 'a
b'
```

<!-- not run: it needs a printer -->
```
print
```

<!-- except b: it is slow -->
```
a   # says nothing
b
```
"""
STEP = Step(line=1, command="ask", shown=())


def test_a_page_is_read_as_its_reader_types_it(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)

    assert steps(tmp_path / "page.md") == [
        Step(line=11, command="make it", shown=None),
        Step(line=11, command="ask \\\n    twice", shown=("yes",)),
        Step(line=14, command="say 'a\nb'", shown=()),
        Skipped(line=20, reason="it needs a printer"),
        Skipped(line=25, reason="it is slow"),
        Step(line=25, command="a   # says nothing", shown=None),
    ]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("front 172.18.0.2", "front 172.18.0.2"),
        ("a" * 64, "b" * 64),
        ("sw-0123456789ab  up", "sw-ba9876543210      up"),
        ("fdb5:cb91:8a4::2", "fd4e:104e:7e17::2"),
        ("one\n…\nlast", "one\ntwo\nthree\nlast"),
        ("0.0.0.0:35359", "0.0.0.0:50764"),
        ("Up 2 seconds", "Up Less than a second"),
        ("rtt 1/2/3 ms", "rtt 4/5/6 ms"),
        ("begins …", "begins and goes on"),
    ],
)
def test_what_differs_each_time_does_not_count(shown: str, said: str) -> None:
    assert agree(STEP, shown.splitlines(), said.splitlines())


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("front 172.18.0.2", "front 172.18.0.3"),
        ("fd05::2", "fd05::3"),
        ("fdb5:cb91:8a4::2", "fdb5:cb91:8a4::3"),
        ("", "anything"),
        ("one", ""),
        ("one\n…\nlast", "one\ntwo"),
        ("0.0.0.0:8080", "0.0.0.0:8081"),
        ("a\nb", "b\na"),
    ],
)
def test_everything_else_counts(shown: str, said: str) -> None:
    assert not agree(STEP, shown.splitlines(), said.splitlines())


def test_a_block_may_say_what_does_not_count_in_it() -> None:
    free = Step(line=1, command="", shown=(), any_order=True)
    drawn = Step(line=1, command="", shown=(), any_number=True)
    folded = Step(line=1, command="", shown=(), folded=True)

    assert agree(free, ["b", "a"], ["a", "b"])
    assert not agree(free, ["b", "a"], ["a", "c"])
    assert agree(drawn, ["2 drops"], ["31 drops"])
    assert agree(folded, ['{"a": 1,', ' "b": 2}'], ['{"a":1,"b":2}'])
    assert not agree(folded, ['{"a": 1}'], ['{"a":2}'])
