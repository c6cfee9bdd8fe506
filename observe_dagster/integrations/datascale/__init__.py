"""Datascale's ingestion of SQL. Its webhooks are left out: their format is not published."""
