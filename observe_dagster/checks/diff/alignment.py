"""Which column of a is compared with which of b, and how the two schemas differ."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from observe_dagster.checks.diff.summary import SchemaDifferences
from observe_dagster.config.models.diff import DataDiffConfig
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column

ColumnPair = tuple[Column, Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The keys and the compared columns as pairs of a's and b's, and how the schemas differ."""

    keys: tuple[ColumnPair, ...]
    columns: tuple[ColumnPair, ...]
    schema: SchemaDifferences


def align(config: DataDiffConfig, a: Sequence[Column], b: Sequence[Column], *, folded: bool) -> Alignment:
    """Pair the columns of two datasets by name; `folded` where an engine takes A to Z as a to z.

    Raises WarehouseError when a key, a remapped column or a column to compare is not there.
    """
    side_a, side_b = (
        _Names(config.dataset_a.connection_id, "dataset_a", a, folded=folded),
        _Names(config.dataset_b.connection_id, "dataset_b", b, folded=folded),
    )
    remapped = {
        side_a.required(name).name: side_b.required(target).name for name, target in config.column_remapping.items()
    }
    keys = [side_a.required(name) for name in config.primary_key]
    paired = {key.name: side_b.required(remapped.get(key.name, key.name)) for key in keys}
    remapped_names = set(remapped.values())
    for column in a:
        target = remapped.get(column.name, column.name)
        partner = side_b.find(target)
        if partner is not None and (column.name in remapped or partner.name not in remapped_names):
            paired.setdefault(column.name, partner)
    compared = _compared_names(config, side_a, paired, [key.name for key in keys])
    columns = [(column, paired[column.name]) for column in a if column.name in compared]
    return Alignment(
        keys=tuple((key, paired[key.name]) for key in keys),
        columns=tuple(columns),
        schema=_schema(config, a, b, paired),
    )


class _Names:
    """One dataset's columns by name."""

    def __init__(self, connection_id: str, dataset: str, columns: Sequence[Column], *, folded: bool) -> None:
        self._connection_id, self._dataset, self._columns = connection_id, dataset, columns
        self._by_name = {column.name: column for column in columns}
        self._by_folded = {column.name.lower(): column for column in columns} if folded else {}

    def find(self, name: str) -> Column | None:
        return self._by_name.get(name) or self._by_folded.get(name.lower())

    def required(self, name: str) -> Column:
        column = self.find(name)
        if column is None:
            names = ", ".join(column.name for column in self._columns[:20])
            raise WarehouseError(self._connection_id, f"{self._dataset} has no column {name!r}; it has {names}.")
        return column


def _compared_names(config: DataDiffConfig, a: _Names, paired: Mapping[str, Column], keys: Sequence[str]) -> set[str]:
    names = set(paired)
    if config.include_columns is not None:
        for name in config.include_columns:
            if not _is_pattern(name) and a.required(name).name not in paired:
                raise WarehouseError(config.dataset_b.connection_id, f"dataset_b has no column for {name!r}.")
        names = _matching(paired, config.include_columns, a)
    for name in config.exclude_columns:
        if not _is_pattern(name) and a.find(name) is None:
            a.required(name)
    return names - _matching(paired, config.exclude_columns, a) - set(keys)


def _matching(names: Iterable[str], patterns: Sequence[str], a: _Names) -> set[str]:
    exact = {column.name for pattern in patterns if (column := a.find(pattern)) is not None}
    return {
        name
        for name in names
        if name in exact or any(_is_pattern(pattern) and fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _schema(
    config: DataDiffConfig, a: Sequence[Column], b: Sequence[Column], paired: Mapping[str, Column]
) -> SchemaDifferences:
    everything = config.include_columns is None
    left_out = {name.lower() for name in config.exclude_columns}
    in_b = {column.name for column in paired.values()}
    only_a = tuple(c.name for c in a if everything and c.name not in paired and c.name.lower() not in left_out)
    only_b = tuple(c.name for c in b if everything and c.name not in in_b and c.name.lower() not in left_out)
    order_b = [column.name for column in b if column.name in in_b]
    order_a = [paired[column.name].name for column in a if column.name in paired]
    differing = tuple(c.name for c in a if c.name in paired and not _same_type(c, paired[c.name]))
    return SchemaDifferences(
        column_counts=(len(a), len(b)),
        exclusive_columns=(only_a, only_b),
        column_type_differs=differing,
        column_reorders=sum(x != y for x, y in zip(order_a, order_b, strict=False)),
    )


def _same_type(a: Column, b: Column) -> bool:
    return a.native == b.native or (a.data_type is not None and a.data_type == b.data_type)
