"""Who answered a question, and who last wrote the text of an input that waits, by id beside their name.

Answers that were given before have the name alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("pd_approvals", sa.Column("responded_by_id", sa.Text(), nullable=True))
    op.add_column("pd_queue_items", sa.Column("edited_by", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them out again; names stay."""
    op.drop_column("pd_queue_items", "edited_by")
    op.drop_column("pd_approvals", "responded_by_id")
