"""``--format``: the part of Go's templates that people use with docker.

``{{.A.B}} {{json .X}} {{range}} {{if}} {{else}} {{with}} {{end}} {{index}} {{len}} {{join}}
{{println}}``, pipelines and ``$variables``; anything else is refused by its name.
Source: pkg.go.dev/text/template.
"""

from __future__ import annotations

from seaway.cli.functions import FUNCTIONS, refused, shown
from seaway.cli.values import is_list, is_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Scope = dict[str, object]
    Expression = Callable[[object, Scope], object]
    Node = Callable[[object, Scope], str]

MAX_TEXT, MAX_DEPTH = 65536, 32
"""Characters of a template, and blocks inside each other."""
_SPACE = " \t\r\n"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}


class Template:
    """A template, ready to be filled in. Raises Failure for what it cannot do."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise refused(f"a template has at most {MAX_TEXT} characters")
        self._nodes = _Reader(_unescaped(text)).block(0)[0]

    def filled(self, data: object) -> str:
        """The template with *data* for its dot."""
        return _joined(self._nodes, data, {"$": data})


def _unescaped(text: str) -> str:
    r"""``\t`` and ``\n`` as typed in a shell, as docker reads them."""
    return text.replace("\\t", "\t").replace("\\n", "\n")


def _joined(nodes: Sequence[Node], dot: object, scope: Scope) -> str:
    return "".join(node(dot, scope) for node in nodes)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The text between actions, and the actions, with ``{{-`` and ``-}}`` done."""
    at, trim = 0, False
    while True:
        start = text.find("{{", at)
        plain = text[at:] if start < 0 else text[at:start]
        plain = plain.lstrip(_SPACE) if trim else plain
        if start < 0:
            yield False, plain
            return
        end = _action_end(text, start + 2)
        action = text[start + 2 : end]
        if action[:1] == "-" and action[1:2] in tuple(_SPACE):
            plain, action = plain.rstrip(_SPACE), action[1:]
        trim = action[-1:] == "-" and action[-2:-1] in tuple(_SPACE)
        yield False, plain
        yield True, action.removesuffix("-") if trim else action
        at = end + 2


def _action_end(text: str, at: int) -> int:
    """Where the ``}}`` of the action stands that begins at *at*; strings are skipped."""
    quote = ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char in '"`':
            quote = char
        elif text.startswith("}}", at):
            return at
        at += 1
    raise refused("an action that begins with {{ does not end with }}")


def _tokens(action: str) -> list[str]:
    """The words of an action: names, strings (with their quote), numbers, signs."""
    found: list[str] = []
    at = 0
    while at < len(action):
        char = action[at]
        end = at + 1
        if char in _SPACE:
            at = end
            continue
        if char in '"`':
            while action[end] != char:
                end += 2 if action[end] == "\\" and char == '"' else 1
            end += 1
        elif char in ".$" or char in _NAME:
            while end < len(action) and (action[end] in _NAME or action[end] == "."):
                end += 1
        elif action.startswith(":=", at):
            end += 1
        found.append(action[at:end])
        at = end
    return found


class _Reader:
    """Reads a template into nodes, block by block."""

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)

    def block(self, depth: int) -> tuple[list[Node], list[str]]:
        """The nodes up to ``{{end}}`` or ``{{else}}``, and the words of that action."""
        if depth > MAX_DEPTH:
            raise refused(f"blocks stand inside each other more than {MAX_DEPTH} deep")
        nodes: list[Node] = []
        for is_action, piece in self._pieces:
            if not is_action:
                if piece:
                    nodes.append(_plain(piece))
                continue
            words = _tokens(piece)
            if words[:1] in (["end"], ["else"]):
                if depth == 0:
                    raise refused(f"{{{{{words[0]}}}}} closes nothing")
                return nodes, words
            nodes += self._action(words, piece, depth)
        if depth > 0:
            raise refused("a block is not closed by {{end}}")
        return nodes, []

    def _action(self, words: list[str], piece: str, depth: int) -> list[Node]:
        if not words:
            raise refused("an action is empty: {{}}")
        if piece.lstrip(_SPACE).startswith("/*"):
            return []
        if words[0] in ("if", "with", "range"):
            return [self._chosen(words, depth)]
        names, rest = _assigned(words)
        if len(names) > 1:
            raise refused("only {{range}} sets two variables")
        value = _pipeline(rest)
        return [_assignment(names[0], value) if names else _printed(value)]

    def _chosen(self, words: list[str], depth: int) -> Node:
        names, rest = _assigned(words[1:])
        value = _pipeline(rest)
        inner, end = self.block(depth + 1)
        other: list[Node] = []
        if end[0] == "else" and len(end) > 1:
            if end[1] != "if":
                raise refused(f"{{{{else {end[1]}}}}} is not known here")
            other = [self._chosen(end[1:], depth + 1)]
        elif end[0] == "else":
            other, end = self.block(depth + 1)
            if end[0] != "end":
                raise refused("a block has two {{else}}")
        if words[0] == "range":
            return _ranged(names, value, inner, other)
        return _conditional(words[0] == "with", names, value, inner, other)


def _assigned(words: list[str]) -> tuple[list[str], list[str]]:
    """The variables before ``:=``, and the words after it."""
    if ":=" not in words:
        return [], words
    at = words.index(":=")
    names = [word for word in words[:at] if word != ","]
    if not 1 <= len(names) <= 2 or not all(name[0] == "$" and name[1:] for name in names):
        raise refused(f"{' '.join(words[:at])!r} is no variable")
    return names, words[at + 1 :]


def _plain(piece: str) -> Node:
    return lambda _dot, _scope: piece


def _printed(value: Expression) -> Node:
    return lambda dot, scope: shown(value(dot, scope))


def _assignment(name: str, value: Expression) -> Node:
    def assign(dot: object, scope: Scope) -> str:
        scope[name] = value(dot, scope)
        return ""

    return assign


def _conditional(
    rebinds: bool,
    names: list[str],
    value: Expression,
    inner: list[Node],
    other: list[Node],
) -> Node:
    def choose(dot: object, scope: Scope) -> str:
        found, scope = value(dot, scope), dict(scope)
        scope.update(dict.fromkeys(names, found))
        if not found:
            return _joined(other, dot, scope)
        return _joined(inner, found if rebinds else dot, scope)

    return choose


def _ranged(names: list[str], value: Expression, inner: list[Node], other: list[Node]) -> Node:
    def each(dot: object, scope: Scope) -> str:
        entries = _entries(value(dot, scope))
        if not entries:
            return _joined(other, dot, dict(scope))
        filled: list[str] = []
        for key, item in entries:
            bound = (key, item) if len(names) == 2 else (item,)
            filled.append(_joined(inner, item, {**scope, **dict(zip(names, bound, strict=False))}))
        return "".join(filled)

    return each


def _entries(value: object) -> list[tuple[object, object]]:
    """What ``range`` goes through: maps by key, in the order of keys."""
    if is_object(value):
        return [(key, value[key]) for key in sorted(value)]
    if is_list(value):
        return list(enumerate(value))
    if value is None:
        return []
    raise refused(f"range cannot go through {shown(value)!r}")


def _pipeline(words: list[str]) -> Expression:
    """``a | b x`` is ``b x (value of a)``."""
    stages: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "|" and depth == 0:
            stages.append([])
        else:
            stages[-1].append(word)
    value: Expression | None = None
    for stage in stages:
        value = _call(stage, value)
    assert value is not None
    return value


def _call(words: list[str], piped: Expression | None) -> Expression:
    """One stage of a pipeline: a function and its operands, or a single operand."""
    if not words:
        raise refused("a value is missing")
    function = FUNCTIONS.get(words[0])
    operands = [*_operands(words[1:] if function else words), *([piped] if piped else [])]
    if function is not None:
        return lambda dot, scope: function(*[operand(dot, scope) for operand in operands])
    first, *more = operands
    return lambda dot, scope: _called(first(dot, scope), [each(dot, scope) for each in more])


def _called(value: object, operands: list[object]) -> object:
    """*value*, or what it gives for *operands* when it is a method such as ``.Label``."""
    if callable(value):
        if len(operands) != 1:
            raise refused("a method such as .Label takes one name")
        result: object = value(operands[0])
        return result
    if operands:
        raise refused(f"{shown(value)!r} is no function")
    return value


def _operands(words: list[str]) -> Iterator[Expression]:
    at = 0
    while at < len(words):
        if words[at] == "(":
            end = _closing(words, at)
            inner = _pipeline(words[at + 1 : end])
            at = end + 1
            tail = words[at] if at < len(words) and words[at][0] == "." else ""
            if tail:
                inner, at = _member(inner, tail), at + 1
            yield inner
        else:
            yield _operand(words[at])
            at += 1


def _closing(words: list[str], at: int) -> int:
    depth = 0
    for place in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if depth == 0:
            return place
    raise refused("a ( is not closed")


def _operand(word: str) -> Expression:
    constants: dict[str, object] = {"true": True, "false": False, "nil": None}
    if word in constants:
        return lambda _dot, _scope: constants[word]
    if word[0] == ".":
        return _member(lambda dot, _scope: dot, word)
    if word[0] == "$":
        name, dot_sign, names = word.partition(".")
        return _member(_variable(name), dot_sign + names)
    if word[0] in '"`':
        literal = _literal(word)
        return lambda _dot, _scope: literal
    if word.isdecimal():
        return lambda _dot, _scope: int(word)
    if word in FUNCTIONS:
        return _call([word], None)
    raise refused(f"{word!r} is not known here; it knows {', '.join(FUNCTIONS)}, range, if, with")


def _literal(word: str) -> str:
    if word[0] == "`":
        return word[1:-1]
    parts = word[1:-1].split("\\\\")
    for sign, meaning in _ESCAPES.items():
        parts = [part.replace("\\" + sign, meaning) if sign != "\\" else part for part in parts]
    return "\\".join(parts)


def _variable(name: str) -> Expression:
    def read(_dot: object, scope: Scope) -> object:
        if name not in scope:
            raise refused(f"the variable {name} is not set")
        return scope[name]

    return read


def _member(value: Expression, names: str) -> Expression:
    """What stands under the dotted *names* in *value*."""
    path = [name for name in names.split(".") if name]

    def read(dot: object, scope: Scope) -> object:
        found = value(dot, scope)
        for name in path:
            if not is_object(found) or name not in found:
                raise refused(f"there is no field {name!r} in {names}")
            found = found[name]
        return found

    return read
