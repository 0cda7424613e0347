"""Alembic's entry: runs on the connection that db/migrate.py hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=context.config.attributes.get("metadata"), compare_type=True)
with context.begin_transaction():
    context.run_migrations()
