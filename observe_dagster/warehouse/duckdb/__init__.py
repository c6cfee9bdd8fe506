"""DuckDB: one file a database, one process that writes it."""
