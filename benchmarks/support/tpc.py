"""The 99 TPC-DS and 22 TPC-H queries with their tables, from the source archive that sqlglot releases.

The archive of the installed version is downloaded with pip once and kept in the temporary folder; nothing of it is part
of this project.
"""

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TpcQuery:
    """One query, the columns of the tables it may read, and the same query as sqlglot writes it out in full."""

    benchmark: str
    number: int
    sql: str
    full_sql: str
    schema: Mapping[tuple[str, ...], tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.benchmark}-{self.number}"


DIALECT = "snowflake"
"""The dialect the archive's queries are written in."""


def tpc_queries() -> Iterator[TpcQuery]:
    """Every query, TPC-DS first; raises RuntimeError where the archive cannot be downloaded."""
    helpers = _helpers(_archive())
    for benchmark, schema in (("tpc-ds", helpers.TPCDS_SCHEMA), ("tpc-h", helpers.TPCH_SCHEMA)):
        columns = {(table,): tuple(named) for table, named in schema.items()}
        pairs = helpers.load_sql_fixture_pairs(f"optimizer/{benchmark}/{benchmark}.sql")
        for number, (_, sql, full) in enumerate(pairs, start=1):
            yield TpcQuery(benchmark=benchmark, number=number, sql=sql, full_sql=full, schema=columns)


def _archive() -> Path:
    name = f"sqlglot-{version('sqlglot')}"
    kept = Path(tempfile.gettempdir()) / f"observe-{name}-source"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            wanted = name.replace("-", "==")
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-binary",
                "sqlglot",
                "-d",
                folder,
                wanted,
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"pip did not download the source archive of {wanted} in a minute") from None
            if done.returncode:
                raise RuntimeError(f"pip cannot download the source archive of {wanted}:\n{done.stderr[-2000:]}")
            with tarfile.open(Path(folder) / f"{name}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
            _keep(Path(folder) / name, kept)
    return kept


def _keep(fresh: Path, kept: Path) -> None:
    try:
        fresh.rename(kept)
    except OSError:
        if not kept.exists():
            raise


def _helpers(archive: Path):  # noqa: ANN202 (a module that only the archive knows)
    spec = importlib.util.spec_from_file_location("sqlglot_test_helpers", archive / "tests" / "helpers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
