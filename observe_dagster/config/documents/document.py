"""One YAML document that declares things: its attributes, and the line and column of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from observe_dagster.config.yaml.nodes import (
    Entries,
    Mistake,
    Node,
    Path,
    Scalar,
    find_node,
    inside,
    locate,
    plain,
    read_nodes,
)
from observe_dagster.config.yaml.suggest import closest, did_you_mean
from observe_dagster.errors import Problem

DOCUMENT_TYPE = "observe_dagster.WarehouseSync"
_PACKAGE = DOCUMENT_TYPE.split(".", 1)[0]
_KEYS = ("type", "attributes")
_MONITORS = "monitors"
"""The only key of a document in Datafold's own form, which has no type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The `attributes` of one document, not yet rendered; `node` is None when they do not come from a file's text.

    A document that is not `templated` holds nothing to render.
    """

    file: str
    folder: FilePath
    attributes: Any
    node: Node | None = None
    lines: tuple[str, ...] = ()
    templated: bool = True

    def problem(self, path: Path, message: str, *, key: bool = False, at: Path | None = None) -> Problem:
        """Report what is wrong at `path`, at the line and column of `at` where given."""
        name = ".".join(map(str, path))
        if self.node is None:
            return Problem(file=self.file, path=name, message=message)
        position = locate(self.node, path if at is None else at, key=key)
        return Problem(file=self.file, path=name, message=message, line=position.line, column=position.column)

    def problem_inside(self, path: Path, message: str, line: int, column: int) -> Problem:
        """Report what is wrong at a line and column of the text at `path`."""
        scalar = find_node(self.node, path) if self.node is not None else None
        position = inside(scalar, self.lines, line, column) if isinstance(scalar, Scalar) else None
        if position is None:
            return self.problem(path, f"line {line}, column {column} of the SQL: {message}")
        name = ".".join(map(str, path))
        return Problem(file=self.file, path=name, message=message, line=position.line, column=position.column)

    def line(self, path: Path) -> int:
        """The line of `path`; 1 when the document does not come from a file's text."""
        return 1 if self.node is None else locate(self.node, path).line


def read_documents(file: str, folder: FilePath, text: str) -> tuple[list[Document], list[Problem]]:
    """Read the documents of one file that are ours; other packages' documents are skipped."""
    nodes, mistakes = read_nodes(text)
    problems = [_from_mistake(file, mistake) for mistake in mistakes]
    if not nodes and not mistakes:
        problems.append(Problem(file=file, message=f"is empty; write type: {DOCUMENT_TYPE} and attributes"))
    lines, templated = tuple(text.splitlines()), "{{" in text
    documents: list[Document] = []
    for node in nodes:
        document = Document(
            file=file, folder=folder, attributes=plain(node), node=node, lines=lines, templated=templated
        )
        checked = _checked(document)
        if isinstance(checked, Document):
            documents.append(checked)
        else:
            problems.extend(checked)
    return documents, problems


def _from_mistake(file: str, mistake: Mistake) -> Problem:
    position = mistake.position
    if position is None:
        return Problem(file=file, message=mistake.message)
    return Problem(file=file, message=mistake.message, line=position.line, column=position.column)


def _checked(document: Document) -> Document | Iterable[Problem]:
    content = document.attributes
    if not isinstance(content, Mapping):
        empty = f"the document is empty; write type: {DOCUMENT_TYPE} and attributes"
        return [
            document.problem(
                (), empty if content is None else "the document must be a mapping with type and attributes"
            )
        ]
    if list(content) == [_MONITORS]:
        return document
    if (wrong := _wrong_type(content)) is not None:
        return [document.problem(("type",), wrong)]
    if content["type"] != DOCUMENT_TYPE:
        return []
    problems = [
        document.problem((key,), f"unknown key{did_you_mean(key, _KEYS)}; a document has type and attributes", key=True)
        for key in content
        if key not in _KEYS
    ]
    if not isinstance(content.get("attributes"), Mapping):
        message = "must be a mapping" if "attributes" in content else "is required"
        problems.append(document.problem(("attributes",), message))
    if problems:
        return problems
    assert isinstance(document.node, Entries)
    return Document(
        file=document.file,
        folder=document.folder,
        attributes=content["attributes"],
        node=document.node.by_key["attributes"].node,
        lines=document.lines,
        templated=document.templated,
    )


def _wrong_type(content: Mapping[str, Any]) -> str | None:
    if "type" not in content:
        near = closest("type", content)
        return f"is required: {DOCUMENT_TYPE}" + (f"; is it spelt {near!r}?" if near else "")
    declared = content["type"]
    if declared == DOCUMENT_TYPE:
        return None
    if not isinstance(declared, str):
        return f"must be {DOCUMENT_TYPE}"
    near = closest(declared, [DOCUMENT_TYPE], cutoff=0.85)
    foreign = "." in declared and declared.split(".", 1)[0] != _PACKAGE and near is None
    return None if foreign else f"{declared!r} is not known; did you mean {DOCUMENT_TYPE!r}?"


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; None where there is none."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
