"""What a running server needs to remember: leases, connections, queues, keys, price lists."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from perdure.store.columns import JsonText
from perdure.store.tables.base import identity, metadata, moment, reference, text

server_leases = Table(
    "pd_server_leases",
    metadata,
    identity(),
    text("host", nullable=False),
    Column("pid", Integer, nullable=False),
    moment("started_at", nullable=False),
    moment("renewed_at", nullable=False),
)

connections = Table(
    "pd_connections",
    metadata,
    identity(),
    text("task_id"),
    text("session_id"),
    text("user_id", nullable=False),
    text("server_id", nullable=False),
    moment("connected_at", nullable=False),
    moment("last_heartbeat_at", nullable=False),
    Index("ix_pd_connections_heartbeat", "last_heartbeat_at"),
    Index("ix_pd_connections_session", "session_id", "user_id"),
)

idempotency_keys = Table(
    "pd_idempotency_keys",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    text("fingerprint", nullable=False),
    Column("status_code", Integer),
    Column("response", JsonText),
    moment("created_at", nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
)

queue_items = Table(
    "pd_queue_items",
    metadata,
    identity(),
    reference("session_id", "pd_sessions"),
    Column("position", Integer, nullable=False),
    text("content", nullable=False),
    Column("config", JsonText, nullable=False),
    text("task_id"),
    text("created_by", nullable=False),
    text("edited_by"),
    moment("created_at", nullable=False),
    Index("ix_pd_queue_items_session", "session_id", "position"),
)

price_versions = Table(
    "pd_price_versions",
    metadata,
    identity(),
    text("version", nullable=False),
    text("source", nullable=False),
    Column("prices", JsonText),
    moment("created_at", nullable=False),
)
