"""Missions that people write, what hops take and make, and tool calls under their run's own key.

Only adds columns, with defaults that are constants: no table is rewritten, and readers of the old columns
are held up for an instant only.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from perdure.store import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every mission of a session so far became its mission when it was written."""
    for table, added in _added().items():
        for column in added:
            op.add_column(table, column)
    op.execute("UPDATE pd_missions SET linked_at = created_at WHERE session_id IS NOT NULL")
    op.create_index("ix_pd_missions_owner", "pd_missions", ["owner_id", "created_at"], unique=False)
    op.create_index("uq_pd_tool_steps_hop_key", "pd_tool_steps", ["hop_id", "key"], unique=True)
    op.create_index("ix_pd_assets_hop", "pd_assets", ["hop_id"], unique=False)


def downgrade() -> None:
    """Take the columns out again, with what they hold."""
    op.drop_index("ix_pd_assets_hop", table_name="pd_assets")
    op.drop_index("uq_pd_tool_steps_hop_key", table_name="pd_tool_steps")
    op.drop_index("ix_pd_missions_owner", table_name="pd_missions")
    for table, added in _added().items():
        for column in reversed(added):
            op.drop_column(table, column.name)


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {
        "pd_missions": [
            sa.Column("origin", sa.Text(), nullable=False, server_default="run"),
            sa.Column("feedback", sa.Text(), nullable=True),
            sa.Column("error", columns.JsonText(), nullable=True),
            sa.Column("metadata", columns.JsonText(), nullable=False, server_default="{}"),
            sa.Column("linked_at", columns.UtcTime(), nullable=True),
            sa.Column("archived_at", columns.UtcTime(), nullable=True),
        ],
        "pd_hops": [
            sa.Column("inputs", columns.JsonText(), nullable=False, server_default="[]"),
            sa.Column("outputs", columns.JsonText(), nullable=False, server_default="[]"),
        ],
        "pd_tool_steps": [
            sa.Column("key", sa.Text(), nullable=True),
            sa.Column("run_id", sa.Text(), nullable=True),
            sa.Column("step_id", sa.Text(), nullable=True),
            sa.Column("call_id", sa.Text(), nullable=True),
        ],
    }
