"""Sessions, their log counters, the event log and the messages in it."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from perdure.store.columns import JsonText
from perdure.store.tables.base import identity, metadata, moment, reference, text

sessions = Table(
    "pd_sessions",
    metadata,
    identity(),
    reference("owner_id", "pd_users"),
    text("name", nullable=False),
    text("mode", nullable=False),
    text("status", nullable=False),
    text("status_reason"),
    text("status_before"),
    Column("config", JsonText, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
    Column("tags", JsonText, nullable=False),
    Column("resource_limits", JsonText, nullable=False),
    text("current_phase"),
    Column("current_step", Integer),
    Column("context_variables", JsonText, nullable=False),
    Column("plan_data", JsonText),
    Column("version", Integer, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    moment("last_active_at", nullable=False),
    moment("expires_at"),
    moment("warned_at"),
    moment("archived_at"),
    moment("deleted_at"),
    text("forked_from_session"),
    Column("forked_from_seq", BigInteger),
    text("template_id"),
    text("current_run_id"),
    Index("ix_pd_sessions_owner_active", "owner_id", "last_active_at", "id"),
    Index("ix_pd_sessions_owner_status_active", "owner_id", "status", "last_active_at", "id"),
    Index("ix_pd_sessions_status_expires", "status", "expires_at"),
)

session_logs = Table(
    "pd_session_logs",
    metadata,
    Column(
        "session_id", Text, ForeignKey("pd_sessions.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    Column("last_seq", BigInteger, nullable=False),
    Column("message_count", BigInteger, nullable=False),
    Column("history_from", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    postgresql_with={"fillfactor": 50},
)
"""One narrow row per session, changed by every append: kept apart so that the session row is not."""

events = Table(
    "pd_events",
    metadata,
    Column("session_id", Text, ForeignKey("pd_sessions.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("payload", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("dedupe", Text),
    PrimaryKeyConstraint("session_id", "seq"),
    sqlite_with_rowid=False,
)
Index(
    "uq_pd_events_dedupe",
    events.c.session_id,
    events.c.dedupe,
    unique=True,
    sqlite_where=events.c.dedupe.is_not(None),
    postgresql_where=events.c.dedupe.is_not(None),
)

messages = Table(
    "pd_messages",
    metadata,
    Column("session_id", Text, ForeignKey("pd_sessions.id", ondelete="CASCADE"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("session_id", "position"),
    sqlite_with_rowid=False,
)
"""Positions of the conversation; what was said stands once, in the `agent_message` event at `seq`."""

templates = Table(
    "pd_templates",
    metadata,
    identity(),
    reference("owner_id", "pd_users"),
    text("name", nullable=False),
    text("description"),
    text("mode", nullable=False),
    Column("config", JsonText, nullable=False),
    text("task"),
    Column("variables", JsonText, nullable=False),
    text("visibility", nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    UniqueConstraint("owner_id", "name"),
)
