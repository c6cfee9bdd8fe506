"""DuckDB's dialect, and what DuckDB can do."""

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.capabilities import Capabilities


class DuckDBDialect(Dialect):
    """Names are compared without regard to the case of A to Z."""

    name = "duckdb"
    title = "DuckDB"
    drivers = ("duckdb",)
    ignores_case = True
    capabilities = Capabilities(
        transactional_ddl=True,
        # Tables have no primary key: DuckDB checks it too early for rows that are deleted and inserted again.
        enforced_keys=False,
        single_writer=True,
        snapshot="session",
        # While another process writes the file, it cannot be opened.
        sees_open_transactions=True,
        widest_decimal_digits=38,
    )

    def divide(self, number: str, by: int) -> str:
        """A whole number divided by another: `/` would give a fraction."""
        return f"({number}) // {by}"


DIALECT: Dialect = DuckDBDialect()
