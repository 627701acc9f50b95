"""PostgreSQL can check by itself who sees which rows: the rules, which do nothing until they are switched on.

`perdure db row-security` switches them on. A transaction names in `perdure.user` for whom it acts: a user's
id, or `*` for the server itself. Without a name no row is seen.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ME = "(SELECT current_setting('perdure.user', true))"
_ALL = f"{_ME} = '*'"
_NOW = "(SELECT extract(epoch FROM now()) * 1000000)"
_WRITERS = "('edit', 'admin')"
_ROLE = "pd_session_role"

_FUNCTION = f"""
CREATE FUNCTION {_ROLE}(wanted text, who text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET "perdure.user" = '*' SET search_path = "{{schema}}", pg_temp
AS $$
SELECT CASE WHEN session.owner_id = who THEN 'owner' ELSE (
  SELECT share.role FROM pd_shares share WHERE share.session_id = session.id AND share.user_id = who
  AND (share.expires_at IS NULL OR share.expires_at > extract(epoch FROM now()) * 1000000)) END
FROM pd_sessions session WHERE session.id = wanted
$$
"""
"""Rules of shares ask it about sessions, whose own rules ask about shares."""


def _shared(session_id: str, roles: str | None = None) -> str:
    return (
        f"EXISTS (SELECT 1 FROM pd_shares share WHERE share.session_id = {session_id} AND share.user_id = {_ME}"
        f" AND (share.expires_at IS NULL OR share.expires_at > {_NOW})"
        + (f" AND share.role IN {roles})" if roles else ")")
    )


def _seen(session_id: str) -> str:
    return f"EXISTS (SELECT 1 FROM pd_sessions seen WHERE seen.id = {session_id})"


def _written(session_id: str, roles: str = _WRITERS) -> str:
    return (
        f"EXISTS (SELECT 1 FROM pd_sessions written WHERE written.id = {session_id}"
        f" AND (written.owner_id = {_ME} OR {_shared('written.id', roles)}))"
    )


def _mission_written(mission: str) -> str:
    return f"({mission}.owner_id = {_ME} OR {_written(f'{mission}.session_id')})"


def _hop(hop_id: str, *, write: bool) -> str:
    found = f"EXISTS (SELECT 1 FROM pd_hops hop JOIN pd_missions plan ON plan.id = hop.mission_id WHERE hop.id = {hop_id}"
    return f"{found} AND {_mission_written('plan')})" if write else f"{found})"


def _mission(mission_id: str, *, write: bool) -> str:
    found = f"EXISTS (SELECT 1 FROM pd_missions plan WHERE plan.id = {mission_id}"
    return f"{found} AND {_mission_written('plan')})" if write else f"{found})"


def _own(table: str, column: str = "user_id") -> tuple[str, str, str]:
    mine = f"{table}.{column} = {_ME}"
    return mine, mine, mine


def _of_session(table: str) -> tuple[str, str, str]:
    column = f"{table}.session_id"
    return _seen(column), _written(column), _written(column)


def _any(*conditions: str) -> str:
    return f"({' OR '.join(conditions)})"


_OF_SESSION = (
    *(
        "pd_session_logs",
        "pd_events",
        "pd_messages",
        "pd_runs",
        "pd_steps",
        "pd_approvals",
        "pd_cost_records",
    ),
    "pd_queue_items",
)
_MINE = f"pd_missions.owner_id = {_ME}"
_MY_SHARE = f"pd_shares.user_id = {_ME}"
_RIGHTS: dict[str, tuple[str, ...]] = {
    "pd_sessions": (
        _any(f"pd_sessions.owner_id = {_ME}", _shared("pd_sessions.id")),
        _any(f"pd_sessions.owner_id = {_ME}", _shared("pd_sessions.id", _WRITERS)),
        f"pd_sessions.owner_id = {_ME}",
    ),
    **{table: _of_session(table) for table in _OF_SESSION},
    "pd_effects": (
        "EXISTS (SELECT 1 FROM pd_runs run WHERE run.id = pd_effects.run_id)",
        *(
            f"EXISTS (SELECT 1 FROM pd_runs run WHERE run.id = pd_effects.run_id AND {_written('run.session_id')})",
        )
        * 2,
    ),
    "pd_missions": (
        _any(_MINE, _seen("pd_missions.session_id")),
        *(_any(_MINE, _written("pd_missions.session_id")),) * 2,
    ),
    "pd_hops": (
        _mission("pd_hops.mission_id", write=False),
        *(_mission("pd_hops.mission_id", write=True),) * 2,
    ),
    "pd_tool_steps": (
        _hop("pd_tool_steps.hop_id", write=False),
        *(_hop("pd_tool_steps.hop_id", write=True),) * 2,
    ),
    "pd_assets": (
        _any(
            _seen("pd_assets.session_id"),
            _mission("pd_assets.mission_id", write=False),
            _hop("pd_assets.hop_id", write=False),
        ),
        *(
            _any(
                _written("pd_assets.session_id"),
                _mission("pd_assets.mission_id", write=True),
                _hop("pd_assets.hop_id", write=True),
            ),
        )
        * 2,
    ),
    "pd_shares": (
        _any(_MY_SHARE, f"{_ROLE}(pd_shares.session_id, {_ME}) IS NOT NULL"),
        f"{_ROLE}(pd_shares.session_id, {_ME}) IN ('owner', 'admin')",
        _any(_MY_SHARE, f"{_ROLE}(pd_shares.session_id, {_ME}) IN ('owner', 'admin')"),
    ),
    "pd_share_links": (_written("pd_share_links.session_id", "('admin')"),) * 3,
    "pd_secrets": (_any(f"pd_secrets.owner_id = {_ME}", _written("pd_secrets.session_id")),) * 3,
    "pd_connections": (
        _any(f"pd_connections.user_id = {_ME}", _seen("pd_connections.session_id")),
        *(f"pd_connections.user_id = {_ME}",) * 2,
    ),
    "pd_templates": _own("pd_templates", "owner_id"),
    "pd_idempotency_keys": _own("pd_idempotency_keys"),
    "pd_sign_ins": _own("pd_sign_ins"),
    "pd_api_keys": _own("pd_api_keys"),
    "pd_identities": _own("pd_identities"),
    "pd_socket_tickets": _own("pd_socket_tickets"),
    "pd_refresh_tokens": (
        f"EXISTS (SELECT 1 FROM pd_sign_ins own WHERE own.id = pd_refresh_tokens.sign_in_id AND own.user_id = {_ME})",
    )
    * 3,
    "pd_audit_entries": (
        _any(f"pd_audit_entries.actor_id = {_ME}", _seen("pd_audit_entries.session_id")),
        f"{_ME} <> ''",
        "false",
    ),
}
"""Of each table: who sees a row, who writes one as it then is, and who deletes one."""


def _policies(table: str) -> list[str]:
    seen, written, deleted = (f"({_ALL} OR {condition})" for condition in _RIGHTS[table])
    changed = f"({_ALL})" if table == "pd_audit_entries" else seen
    return [
        f"CREATE POLICY pd_see ON {table} FOR SELECT USING ({seen})",
        f"CREATE POLICY pd_add ON {table} FOR INSERT WITH CHECK ({written})",
        f"CREATE POLICY pd_change ON {table} FOR UPDATE USING ({changed}) WITH CHECK ({written})",
        f"CREATE POLICY pd_remove ON {table} FOR DELETE USING ({deleted})",
    ]


def upgrade() -> None:
    """Write the rules down."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
    op.execute(_FUNCTION.format(schema=str(schema).replace('"', '""')))
    for table in _RIGHTS:
        for statement in _policies(table):
            op.execute(statement)


def downgrade() -> None:
    """Take the rules away; a database that checked rows does not any more."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _RIGHTS:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        for name in ("pd_see", "pd_add", "pd_change", "pd_remove"):
            op.execute(f"DROP POLICY {name} ON {table}")
    op.execute(f"DROP FUNCTION {_ROLE}(text, text)")
