"""Alembic's entry: the connection is handed in by `bot.store.migrate`."""

from alembic import context

from bot.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.IncidentRow.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
