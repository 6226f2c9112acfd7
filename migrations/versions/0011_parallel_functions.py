"""The functions of the views may run in parallel: without that word no query that uses one may use two processors."""

from alembic import op

revision = "0011"
down_revision = "0010"

_AGGREGATE = """
CREATE OR REPLACE AGGREGATE ldtm_product(double precision) (
    SFUNC = float8mul, STYPE = double precision, INITCOND = '1', PARALLEL = {parallel})"""


def upgrade() -> None:
    op.execute("ALTER FUNCTION ldtm_basis_change(double precision, double precision) PARALLEL SAFE")
    op.execute(_AGGREGATE.format(parallel="SAFE"))


def downgrade() -> None:
    op.execute(_AGGREGATE.format(parallel="UNSAFE"))
    op.execute("ALTER FUNCTION ldtm_basis_change(double precision, double precision) PARALLEL UNSAFE")
