"""Runs remember how long they executed, so that time can be limited.

Adds two columns; one has a default and the other is empty, so no row is rewritten.
"""

import sqlalchemy as sa
from alembic import op

from perdure.store import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pd_runs", sa.Column("active_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("pd_runs", sa.Column("active_since", columns.UtcTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("pd_runs") as table:
        table.drop_column("active_since")
        table.drop_column("active_ms")
