"""Runs migrations on the connection that `upgrade` gives, inside its transaction."""

from alembic import context

from scanward.adapters.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
