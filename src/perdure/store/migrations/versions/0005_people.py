"""Sign-ins that can be ended, accounts at identity providers, and secrets that configs refer to.

No program before this one let anybody sign in, so the tables of tokens are empty and are made anew.
"""

import sqlalchemy as sa
from alembic import op

from perdure.store.columns import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and say of each token which sign-in or key it belongs to."""
    op.create_table(
        "pd_sign_ins",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_sign_ins")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["pd_users.id"], name=op.f("fk_pd_sign_ins_user_id"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_pd_sign_ins_user", "pd_sign_ins", ["user_id", "created_at"])
    op.create_table(
        "pd_identities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_identities")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["pd_users.id"], name=op.f("fk_pd_identities_user_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_pd_identities_issuer_subject")),
    )
    op.create_table(
        "pd_secrets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_secrets")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["pd_users.id"], name=op.f("fk_pd_secrets_owner_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["pd_sessions.id"], name=op.f("fk_pd_secrets_session_id"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_pd_secrets_owner", "pd_secrets", ["owner_id", "name"])
    op.create_index("ix_pd_secrets_session", "pd_secrets", ["session_id"])
    op.drop_table("pd_refresh_tokens")
    op.create_table(
        "pd_refresh_tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sign_in_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_refresh_tokens")),
        sa.ForeignKeyConstraint(
            ["sign_in_id"],
            ["pd_sign_ins.id"],
            name=op.f("fk_pd_refresh_tokens_sign_in_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_pd_refresh_tokens_hash")),
    )
    op.create_index("ix_pd_refresh_tokens_sign_in", "pd_refresh_tokens", ["sign_in_id"])
    op.drop_table("pd_socket_tickets")
    op.create_table(
        "pd_socket_tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("sign_in_id", sa.Text(), nullable=True),
        sa.Column("api_key_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_socket_tickets")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["pd_users.id"], name=op.f("fk_pd_socket_tickets_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"],
            ["pd_sign_ins.id"],
            name=op.f("fk_pd_socket_tickets_sign_in_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["api_key_id"],
            ["pd_api_keys.id"],
            name=op.f("fk_pd_socket_tickets_api_key_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_pd_socket_tickets_hash")),
    )
    op.create_index("ix_pd_shares_user", "pd_shares", ["user_id", "session_id"])
    op.create_index("ix_pd_connections_session", "pd_connections", ["session_id", "user_id"])


def downgrade() -> None:
    """Take them out again; everybody has to sign in anew."""
    op.drop_index("ix_pd_connections_session", table_name="pd_connections")
    op.drop_index("ix_pd_shares_user", table_name="pd_shares")
    op.drop_table("pd_socket_tickets")
    op.create_table(
        "pd_socket_tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_socket_tickets")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["pd_users.id"], name=op.f("fk_pd_socket_tickets_user_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_pd_socket_tickets_hash")),
    )
    op.drop_table("pd_refresh_tokens")
    op.create_table(
        "pd_refresh_tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("family_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_refresh_tokens")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["pd_users.id"], name=op.f("fk_pd_refresh_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("hash", name=op.f("uq_pd_refresh_tokens_hash")),
    )
    op.drop_table("pd_secrets")
    op.drop_table("pd_identities")
    op.drop_table("pd_sign_ins")
