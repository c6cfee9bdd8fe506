"""Reads YAML into nodes that know their line and column, and refuses what YAML lets people do by accident.

Timestamps stay text, so that their zone is not lost; keys are unique and are text; aliases cannot grow without bound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 60
_MAX_ALIASED = 100_000
_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_AS_TEXT = frozenset({_MERGE, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"})
_resolver = Resolver()
_constructor = SafeConstructor()
_constructors = {
    "tag:yaml.org,2002:int": _constructor.construct_yaml_int,
    "tag:yaml.org,2002:float": _constructor.construct_yaml_float,
    "tag:yaml.org,2002:bool": _constructor.construct_yaml_bool,
    "tag:yaml.org,2002:null": _constructor.construct_yaml_null,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text, number, truth value or null; `style` is YAML's: None, `'`, `"`, `|` or `>`."""

    position: Position
    value: str | int | float | bool | None
    style: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A YAML sequence."""

    position: Position
    nodes: "tuple[Node, ...]"
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of a mapping and its position."""

    key: Position
    node: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A YAML mapping."""

    position: Position
    by_key: dict[str, Entry]
    size: int


Node = Scalar | Items | Entries
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Something wrong in the YAML itself."""

    message: str
    position: Position | None = None


class _UnusableError(Exception):
    """The rest of the file cannot be read; never leaves this module."""

    def __init__(self, message: str, position: Position | None) -> None:
        self.mistake = Mistake(message=message, position=position)
        super().__init__(message)


def read_nodes(text: str) -> tuple[list[Node], list[Mistake]]:
    """Read every document of a file; what follows a mistake that stops the reader is left out."""
    reader = _Reader()
    nodes: list[Node] = []
    try:
        reader.open(text)
        while (node := reader.document()) is not None:
            nodes.append(node)
    except _UnusableError as error:
        reader.mistakes.append(error.mistake)
    except yaml.MarkedYAMLError as error:
        reader.mistakes.append(_syntax(error))
    except yaml.reader.ReaderError as error:
        reader.mistakes.append(_unreadable(error, text))
    except (yaml.YAMLError, ValueError, OverflowError):
        reader.mistakes.append(Mistake(message="this is not YAML"))
    return nodes, reader.mistakes


def _syntax(error: yaml.MarkedYAMLError) -> Mistake:
    mark = error.problem_mark or error.context_mark
    message = ": ".join(part for part in (error.context, error.problem) if part) or "cannot be read"
    return Mistake(message=f"not YAML: {message}", position=_position(mark) if mark else None)


def _unreadable(error: yaml.reader.ReaderError, text: str) -> Mistake:
    before = text[: error.position] if isinstance(error.position, int) else ""
    position = Position(line=before.count("\n") + 1, column=len(before) - (before.rfind("\n") + 1) + 1)
    return Mistake(message="not YAML: a control character is not allowed here", position=position)


def _position(mark: Any) -> Position:
    return Position(line=mark.line + 1, column=mark.column + 1)


def _size(node: Node) -> int:
    return 1 if isinstance(node, Scalar) else node.size


@dataclass(slots=True)
class _Reader:
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    _events: Iterator[Any] = field(default_factory=lambda: iter(()))
    _anchors: dict[str, Node | None] = field(default_factory=dict[str, Node | None])
    _aliased: int = 0

    def open(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_Loader)
        next(self._events)

    def document(self) -> Node | None:
        if isinstance(next(self._events), events.StreamEndEvent):
            return None
        self._anchors.clear()
        node = self._node(next(self._events), 0)
        next(self._events)
        return node

    def _node(self, event: Any, depth: int) -> Node:
        position = _position(event.start_mark)
        if isinstance(event, events.AliasEvent):
            return self._alias(event.anchor, position)
        if depth > _MAX_DEPTH:
            raise _UnusableError(f"nested more than {_MAX_DEPTH} deep", position)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, events.ScalarEvent):
            node: Node = self._scalar(event, position)
        elif isinstance(event, events.SequenceStartEvent):
            node = self._items(event, position, depth)
        else:
            node = self._entries(event, position, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, anchor: str, position: Position) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            known = anchor in self._anchors
            raise _UnusableError(
                "an alias stands inside what it names" if known else "no anchor of this name", position
            )
        self._aliased += _size(node)
        if self._aliased > _MAX_ALIASED:
            raise _UnusableError(f"aliases grow to more than {_MAX_ALIASED} values", position)
        return node

    def _scalar(self, event: Any, position: Position) -> Scalar:
        tag = event.tag
        if tag is None or tag == "!":
            tag = _resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _STR or tag in _AS_TEXT:
            return Scalar(position=position, value=event.value, style=event.style or None)
        if tag not in _constructors:
            self.mistakes.append(Mistake(message="YAML tags such as !this are not used here", position=position))
            return Scalar(position=position, value=event.value, style=event.style or None)
        try:
            value = _constructors[tag](yaml.ScalarNode(tag, event.value))
        except (ValueError, OverflowError, KeyError, IndexError, ConstructorError):
            self.mistakes.append(Mistake(message="not a value of the type it looks like; quote it", position=position))
            value = event.value
        return Scalar(position=position, value=value, style=event.style or None)

    def _items(self, event: Any, position: Position, depth: int) -> Items:
        self._plain_tag(event, position, "tag:yaml.org,2002:seq")
        nodes: list[Node] = []
        while not isinstance(inner := next(self._events), events.SequenceEndEvent):
            nodes.append(self._node(inner, depth + 1))
        return Items(position=position, nodes=tuple(nodes), size=1 + sum(map(_size, nodes)))

    def _entries(self, event: Any, position: Position, depth: int) -> Entries:
        self._plain_tag(event, position, "tag:yaml.org,2002:map")
        by_key: dict[str, Entry] = {}
        merged: list[Node] = []
        while not isinstance(inner := next(self._events), events.MappingEndEvent):
            key = self._node(inner, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key, Scalar) and key.value == "<<" and not key.style:
                merged.append(value)
            else:
                self._add(by_key, key, value)
        self._merge(by_key, merged)
        return Entries(position=position, by_key=by_key, size=1 + sum(_size(entry.node) for entry in by_key.values()))

    def _add(self, by_key: dict[str, Entry], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar) or not isinstance(key.value, str):
            self.mistakes.append(Mistake(message="a key must be text; quote it", position=key.position))
        elif (first := by_key.get(key.value)) is not None:
            message = f"the key {key.value!r} is given twice, first in line {first.key.line}"
            self.mistakes.append(Mistake(message=message, position=key.position))
        else:
            by_key[key.value] = Entry(key=key.position, node=value)

    def _merge(self, by_key: dict[str, Entry], merged: Sequence[Node]) -> None:
        for node in merged:
            for source in node.nodes if isinstance(node, Items) else (node,):
                if not isinstance(source, Entries):
                    self.mistakes.append(Mistake(message="<< takes a mapping", position=source.position))
                    continue
                for key, entry in source.by_key.items():
                    by_key.setdefault(key, entry)

    def _plain_tag(self, event: Any, position: Position, allowed: str) -> None:
        if event.tag not in (None, "!", allowed):
            self.mistakes.append(Mistake(message="YAML tags such as !this are not used here", position=position))


def plain(node: Node) -> Any:
    """The node as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.nodes]
    return {key: plain(entry.node) for key, entry in node.by_key.items()}


def find_node(node: Node, path: Path) -> Node | None:
    """The node at `path`, if there is one."""
    for step in path:
        inner = _child(node, step)
        if inner is None:
            return None
        node = inner.node if isinstance(inner, Entry) else inner
    return node


def locate(node: Node, path: Path, *, key: bool = False) -> Position:
    """The position of `path`, or of the closest node around it; with `key` the key rather than its value."""
    position = node.position
    for number, step in enumerate(path, start=1):
        inner = _child(node, step)
        if inner is None:
            break
        node = inner.node if isinstance(inner, Entry) else inner
        position = inner.key if key and number == len(path) and isinstance(inner, Entry) else node.position
    return position


def _child(node: Node, step: str | int) -> "Entry | Node | None":
    if isinstance(node, Entries) and isinstance(step, str):
        return node.by_key.get(step)
    if isinstance(node, Items) and isinstance(step, int) and step < len(node.nodes):
        return node.nodes[step]
    return None


def inside(scalar: Scalar, lines: Sequence[str], line: int, column: int) -> Position | None:
    """Translate a line and column of a scalar's text into the file; None where YAML's folding or escapes forbid it."""
    if not isinstance(scalar.value, str):
        return None
    text = scalar.value.split("\n")[line - 1] if line <= scalar.value.count("\n") + 1 else ""
    block = scalar.style == "|"
    number = scalar.position.line + (line if block else 0)
    if number > len(lines) or (not block and "\n" in scalar.value):
        return None
    source = lines[number - 1]
    start = source.find(text, 0 if block else scalar.position.column - 1)
    if start < 0 or (block and source[:start].strip()):
        return None
    return Position(line=number, column=start + column)
