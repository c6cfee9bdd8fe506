"""Reads each data model's SQL and judges it in the dialects of the connections it runs on."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from observe_dagster.config.documents.files import read_beside
from observe_dagster.config.documents.items import Item
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.sql.reading import Reading, reading
from observe_dagster.config.sql.select import SelectFault, line_and_column, same_name
from observe_dagster.config.yaml.templates import has_template
from observe_dagster.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A data model whose SQL is one read-only SELECT, read in each dialect it runs in."""

    data_model: DataModel
    readings: dict[str, Reading]
    sql_file: Path | None = None

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The output columns on which all dialects agree; None when any is not known."""
        first, *others = (one.column_names for one in self.readings.values())
        return first if all(other == first for other in others) else None


def dialects_used(
    connections: Iterable[Item[Connection]], pipelines: Iterable[Item[Pipeline]]
) -> dict[str, tuple[str, ...]]:
    """The dialects of each data model by id; under `""` those of all connections, for a model that nothing uses."""
    providers = {item.declared.id: item.declared.service_provider for item in connections if item.declared is not None}
    used: dict[str, dict[str, None]] = {"": dict.fromkeys(providers.values())}
    for item in pipelines:
        if item.declared is not None and (provider := providers.get(item.declared.connection_id)):
            used.setdefault(item.declared.data_model_id, {})[provider] = None
    return {model_id: tuple(providers) for model_id, providers in used.items()}


def read_query(item: Item[DataModel], used: dict[str, tuple[str, ...]], problems: list[Problem]) -> Query | None:
    """Read one data model's SQL; what is wrong with it goes to `problems`."""
    declared = item.declared
    if declared is None:
        return None
    sql, file = declared.config.sql_query or "", None
    if declared.config.sql_file is not None:
        file_content = read_beside(item.document.folder, declared.config.sql_file)
        if isinstance(file_content, str):
            problems.append(item.problem(("config", "sql_file"), f"{declared.config.sql_file!r}: {file_content}"))
            return None
        file, sql = file_content
    read = {dialect: _read(sql, dialect) for dialect in used.get(declared.id) or used[""] or ("",)}
    readings = {dialect: query for dialect, query in read.items() if isinstance(query, Reading)}
    if declared.id in used or not readings:
        faults = ((dialect, fault) for dialect, fault in read.items() if isinstance(fault, SelectFault))
        for dialect, fault in itertools.islice(faults, 1):
            problems.append(_fault(item, file, fault, f" (in {dialect})" if len(read) > 1 else ""))
            return None
    text = next(iter(readings.values())).text
    config = declared.config.model_copy(update={"sql_query": text, "sql_file": None})
    return Query(data_model=declared.model_copy(update={"config": config}), readings=readings, sql_file=file)


def _read(sql: str, dialect: str) -> Reading | SelectFault:
    read = reading(sql, dialect)
    return read if isinstance(read, SelectFault) else _repeated_column(read) or read


def _repeated_column(read: Reading) -> SelectFault | None:
    names: set[str] = set()
    for column in read.columns or ():
        if column.name is None:
            continue
        name = same_name(read.dialect, column.name)
        if name in names:
            line, column_number = line_and_column(read.text, column.offset or 0)
            message = f"two columns are named {column.name!r}; give one of them another name with AS"
            return SelectFault(message=message, line=line, column=column_number)
        names.add(name)
    return None


def _fault(item: Item[DataModel], file: Path | None, fault: SelectFault, dialect_note: str) -> Problem:
    path, message = (*item.path, "config", "sql_query"), f"{fault.message}{dialect_note}"
    if file is not None:
        message = f"data model {item.key!r}: {message}"
        return Problem(file=str(file), message=message, line=fault.line, column=fault.column)
    written = item.raw["config"]["sql_query"]
    if has_template(written):
        return item.document.problem(path, "this is not one read-only SELECT once its templates are filled in")
    return item.document.problem_inside(path, message, fault.line, fault.column)
