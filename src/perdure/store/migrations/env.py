"""Alembic's entry: run the migrations on the connection that the store hands over."""

from alembic import context

from perdure.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    version_table="pd_schema_version",
    transaction_per_migration=False,
    include_object=lambda _object, name, type_, _reflected, _compare: (
        type_ != "table" or str(name).startswith("pd_")
    ),
)
with context.begin_transaction():
    context.run_migrations()
