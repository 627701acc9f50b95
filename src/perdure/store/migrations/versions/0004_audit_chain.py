"""The head of the audit chain, the session that an entry concerns, and what lists of entries are found by.

No program before this one wrote audit entries, so the chain begins empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_GENESIS = "0" * 64


def upgrade() -> None:
    """Add the head with its one row, and the column."""
    head = op.create_table(
        "pd_audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_audit_head")),
    )
    op.bulk_insert(head, [{"id": 1, "position": 0, "hash": _GENESIS}])
    op.add_column("pd_audit_entries", sa.Column("session_id", sa.Text(), nullable=True))
    op.create_index("ix_pd_audit_entries_session", "pd_audit_entries", ["session_id", "position"])
    op.create_index("ix_pd_audit_entries_actor", "pd_audit_entries", ["actor_id", "position"])


def downgrade() -> None:
    """Take them out again; the entries stay, and their chain cannot be verified without the column."""
    op.drop_index("ix_pd_audit_entries_actor", table_name="pd_audit_entries")
    op.drop_index("ix_pd_audit_entries_session", table_name="pd_audit_entries")
    op.drop_column("pd_audit_entries", "session_id")
    op.drop_table("pd_audit_head")
