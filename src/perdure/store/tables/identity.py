"""People, what they may do, and the record of what was done."""

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint

from perdure.store.columns import JsonText
from perdure.store.tables.base import identity, metadata, moment, reference, text

users = Table(
    "pd_users",
    metadata,
    identity(),
    text("email"),
    text("name", nullable=False),
    text("password_hash"),
    text("role", nullable=False),
    moment("disabled_at"),
    text("current_session_id"),
    moment("created_at", nullable=False),
    UniqueConstraint("email"),
)

api_keys = Table(
    "pd_api_keys",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    text("name", nullable=False),
    text("prefix", nullable=False),
    text("hash", nullable=False),
    Column("scopes", JsonText, nullable=False),
    moment("last_used_at"),
    moment("expires_at"),
    moment("revoked_at"),
    moment("created_at", nullable=False),
    UniqueConstraint("hash"),
)

refresh_tokens = Table(
    "pd_refresh_tokens",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    text("family_id", nullable=False),
    text("hash", nullable=False),
    moment("used_at"),
    moment("revoked_at"),
    moment("expires_at", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("hash"),
)

socket_tickets = Table(
    "pd_socket_tickets",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    text("hash", nullable=False),
    moment("used_at"),
    moment("expires_at", nullable=False),
    UniqueConstraint("hash"),
)

shares = Table(
    "pd_shares",
    metadata,
    identity(),
    reference("session_id", "pd_sessions"),
    reference("user_id", "pd_users"),
    text("role", nullable=False),
    moment("expires_at"),
    text("created_by", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("session_id", "user_id"),
)

share_links = Table(
    "pd_share_links",
    metadata,
    identity(),
    reference("session_id", "pd_sessions"),
    text("token_hash", nullable=False),
    text("role", nullable=False),
    moment("expires_at"),
    moment("revoked_at"),
    text("created_by", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("token_hash"),
)

audit_entries = Table(
    "pd_audit_entries",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    text("actor_id", nullable=False),
    text("action", nullable=False),
    text("object_type", nullable=False),
    text("object_id"),
    text("session_id"),
    text("source"),
    text("result", nullable=False),
    Column("details", JsonText),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    moment("created_at", nullable=False),
    Index("ix_pd_audit_entries_object", "object_type", "object_id"),
    Index("ix_pd_audit_entries_session", "session_id", "position"),
    Index("ix_pd_audit_entries_actor", "actor_id", "position"),
)
"""No entry refers to what it names: it stays when that is gone."""

audit_head = Table(
    "pd_audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    text("hash", nullable=False),
)
"""One row: the last entry of the chain, and the lock of those who append to it."""
