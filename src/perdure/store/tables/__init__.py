"""All tables; importing this package fills `metadata`."""

from perdure.store.tables.base import metadata
from perdure.store.tables.identity import (
    api_keys,
    audit_entries,
    audit_head,
    identities,
    refresh_tokens,
    secrets,
    share_links,
    shares,
    sign_ins,
    socket_tickets,
    users,
)
from perdure.store.tables.missions import assets, hops, missions, tool_steps
from perdure.store.tables.operations import (
    connections,
    idempotency_keys,
    price_versions,
    queue_items,
    server_leases,
)
from perdure.store.tables.runs import approvals, cost_records, effects, runs, steps
from perdure.store.tables.sessions import events, messages, session_logs, sessions, templates

__all__ = [
    "api_keys",
    "approvals",
    "assets",
    "audit_entries",
    "audit_head",
    "connections",
    "cost_records",
    "effects",
    "events",
    "hops",
    "idempotency_keys",
    "identities",
    "messages",
    "metadata",
    "missions",
    "price_versions",
    "queue_items",
    "refresh_tokens",
    "runs",
    "secrets",
    "server_leases",
    "session_logs",
    "sessions",
    "share_links",
    "shares",
    "sign_ins",
    "socket_tickets",
    "steps",
    "templates",
    "tool_steps",
    "users",
]
