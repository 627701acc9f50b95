"""Which key made a key, and what two tabs need that refresh in the same moment.

Of keys and tokens that are there already it is not known: they count on as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("pd_api_keys", sa.Column("made_by", sa.Text(), nullable=True))
    op.create_index("ix_pd_api_keys_made_by", "pd_api_keys", ["made_by"])
    op.add_column("pd_refresh_tokens", sa.Column("used_from", sa.Text(), nullable=True))
    op.add_column("pd_refresh_tokens", sa.Column("successor_salt", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them out again; keys that keys made count on."""
    op.drop_column("pd_refresh_tokens", "successor_salt")
    op.drop_column("pd_refresh_tokens", "used_from")
    op.drop_index("ix_pd_api_keys_made_by", table_name="pd_api_keys")
    op.drop_column("pd_api_keys", "made_by")
