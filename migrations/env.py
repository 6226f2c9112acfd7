"""Runs the migrations on the connection that ldtm_platform.warehouse.migrate hands over; there is no alembic.ini."""

from alembic import context

from ldtm_platform.warehouse.migrate import VERSION_TABLE

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations through ldtm_platform.warehouse.migrate (or: ldtm init-db), not through alembic")

context.configure(connection=connection, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
