"""Run the ledger's migrations on the connection that `migrate` and `downgrade` hand over."""

from alembic import context
from sqlalchemy import Connection

from observe_dagster.ledger.schema.migrate import migration_options

_connection: Connection = context.config.attributes["connection"]
context.configure(connection=_connection, **migration_options())
with context.begin_transaction():
    context.run_migrations()
