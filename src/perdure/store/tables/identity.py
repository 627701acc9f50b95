"""People, what they may do, and the record of what was done."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

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
    text("made_by"),
    text("hash", nullable=False),
    Column("scopes", JsonText, nullable=False),
    moment("last_used_at"),
    moment("expires_at"),
    moment("revoked_at"),
    moment("created_at", nullable=False),
    UniqueConstraint("hash"),
    Index("ix_pd_api_keys_made_by", "made_by"),
)
"""`made_by` is the key that made this one, if a key did: revoked, it takes this one with it."""

sign_ins = Table(
    "pd_sign_ins",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    text("method", nullable=False),
    text("source"),
    moment("last_used_at", nullable=False),
    moment("expires_at", nullable=False),
    moment("ended_at"),
    text("ended_reason"),
    moment("created_at", nullable=False),
    Index("ix_pd_sign_ins_user", "user_id", "created_at"),
)
"""One row per sign-in with all its refresh tokens: what ends when somebody logs out or a token is used twice."""

identities = Table(
    "pd_identities",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    text("issuer", nullable=False),
    text("subject", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("issuer", "subject"),
)
"""Accounts at identity providers that belong to a user."""

refresh_tokens = Table(
    "pd_refresh_tokens",
    metadata,
    identity(),
    reference("sign_in_id", "pd_sign_ins"),
    text("hash", nullable=False),
    moment("used_at"),
    text("used_from"),
    text("successor_salt"),
    moment("expires_at", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("hash"),
    Index("ix_pd_refresh_tokens_sign_in", "sign_in_id"),
)
"""`successor_salt` and the token itself, which is not stored, make the token that followed."""

socket_tickets = Table(
    "pd_socket_tickets",
    metadata,
    identity(),
    reference("user_id", "pd_users"),
    reference("sign_in_id", "pd_sign_ins", nullable=True),
    reference("api_key_id", "pd_api_keys", nullable=True),
    text("session_id"),
    text("origin"),
    text("hash", nullable=False),
    moment("used_at"),
    moment("expires_at", nullable=False),
    UniqueConstraint("hash"),
)
"""Good for one socket or stream, of one session where `session_id` is set, opened from `origin` where that is."""

secrets = Table(
    "pd_secrets",
    metadata,
    identity(),
    reference("owner_id", "pd_users"),
    reference("session_id", "pd_sessions", nullable=True),
    text("name", nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    Index("ix_pd_secrets_owner", "owner_id", "name"),
    Index("ix_pd_secrets_session", "session_id"),
)
"""Values that configs refer to by id: of one session, or of a user for all of theirs."""

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
    Index("ix_pd_shares_user", "user_id", "session_id"),
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
