"""Missions, hops, tool steps and assets."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, UniqueConstraint

from perdure.store.columns import JsonText
from perdure.store.tables.base import identity, metadata, moment, reference, text

missions = Table(
    "pd_missions",
    metadata,
    identity(),
    reference("owner_id", "pd_users"),
    reference("session_id", "pd_sessions", nullable=True),
    text("run_id"),
    text("name", nullable=False),
    text("goal", nullable=False),
    Column("success_criteria", JsonText, nullable=False),
    text("scope", nullable=False),
    text("status", nullable=False),
    Column("revision", Integer, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    Index("ix_pd_missions_session", "session_id", "created_at"),
    Index("ix_pd_missions_run", "run_id"),
)

hops = Table(
    "pd_hops",
    metadata,
    identity(),
    reference("mission_id", "pd_missions"),
    Column("position", Integer, nullable=False),
    text("name", nullable=False),
    text("description", nullable=False),
    text("goal", nullable=False),
    Column("success_criteria", JsonText, nullable=False),
    text("rationale", nullable=False),
    text("agent"),
    Column("is_final", Boolean, nullable=False),
    text("status", nullable=False),
    Column("error", JsonText),
    UniqueConstraint("mission_id", "position"),
)

tool_steps = Table(
    "pd_tool_steps",
    metadata,
    identity(),
    reference("hop_id", "pd_hops"),
    Column("position", Integer, nullable=False),
    text("tool", nullable=False),
    Column("parameters", JsonText, nullable=False),
    Column("result_mapping", JsonText, nullable=False),
    text("status", nullable=False),
    Column("result", JsonText),
    Column("error", JsonText),
    moment("started_at"),
    moment("completed_at"),
    UniqueConstraint("hop_id", "position"),
)

assets = Table(
    "pd_assets",
    metadata,
    identity(),
    reference("session_id", "pd_sessions", nullable=True),
    reference("mission_id", "pd_missions", nullable=True),
    reference("hop_id", "pd_hops", nullable=True),
    text("name", nullable=False),
    text("description", nullable=False),
    text("kind", nullable=False),
    text("role", nullable=False),
    text("status", nullable=False),
    text("media_type"),
    Column("size_bytes", BigInteger),
    text("sha256"),
    text("path"),
    Column("value", JsonText),
    Column("version", Integer, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    Index("ix_pd_assets_mission", "mission_id"),
    Index("ix_pd_assets_session", "session_id"),
)
