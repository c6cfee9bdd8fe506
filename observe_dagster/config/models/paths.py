"""Paths of tables and columns as text: `db.schema.table.column`, case sensitive, odd parts in double quotes."""

import re
from collections.abc import Sequence

from observe_dagster.config.sql.quoting import quoted

_PLAIN = re.compile(r"[^\s.\"]+")
_SIMPLE = re.compile(r"[^\s.\"]+(?:\.[^\s.\"]+)*")
_PART = re.compile(r'"((?:[^"]|"")*)"|([^."\s][^."]*)')


def path_text(parts: Sequence[str]) -> str:
    """The path as text; a part with a dot, a space or a quote is put in double quotes."""
    return ".".join(part if _PLAIN.fullmatch(part) else quoted(part) for part in parts)


def parse_path(text: str) -> tuple[str, ...]:
    """The parts of a path; raises ValueError for what is none."""
    if _SIMPLE.fullmatch(text):
        return tuple(text.split("."))
    parts: list[str] = []
    offset = 0
    while (match := _PART.match(text, offset)) is not None:
        quoted_part, plain = match.groups()
        parts.append(plain.rstrip() if quoted_part is None else quoted_part.replace('""', '"'))
        offset = match.end() + 1
        if match.end() == len(text):
            return tuple(parts)
        if text[match.end()] != ".":
            break
    raise ValueError(f'{text!r} is no path; write db.schema.table, with odd parts quoted: db."my.schema".table')
