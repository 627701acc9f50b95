"""The second net under access: PostgreSQL itself checks who sees and writes which rows.

The rules are written by the migrations and switched on here, for a role that may not step over them.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql
from sqlalchemy import Connection, text

from perdure.errors import InvalidInput, StartupError
from perdure.store.address import Address, open_postgres, parse_address
from perdure.store.failures import DRIVER_ERRORS
from perdure.store.migrate import revisions, unusable

ENGINE_SCHEMA = "perdure_engine"
OPEN_TABLES: dict[str, str] = {
    "pd_users": "people are found by e-mail address to share with, and named to each other",
    "pd_server_leases": "servers, not people",
    "pd_price_versions": "the same for everybody",
    "pd_audit_head": "one row that everybody moves on",
    "pd_schema_version": "the same for everybody",
}
"""Tables that belong to nobody in particular, and why no rule guards them."""

_STATE = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS rules
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
AND c.relname LIKE 'pd\\_%' ORDER BY c.relname
"""
_WHO = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_ENGINE_OWNER = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = :name"
_ENGINE_PARTS = """
SELECT format('ALTER %s %s OWNER TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
  c.oid::regclass, CAST(:role AS text))
FROM pg_class c WHERE c.relnamespace = CAST(:name AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'S')
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, CAST(:role AS text))
FROM pg_proc p WHERE p.pronamespace = CAST(:name AS regnamespace)
"""


def begin_as(user_id: str) -> str:
    """Return the SQL that begins a transaction for somebody, in one round trip; it ends with the transaction."""
    return f"BEGIN; {name(user_id)}"


def name(user_id: str) -> str:
    """Return the SQL that says for whom the rest of the transaction acts."""
    return f"SELECT set_config('perdure.user', {sql.Literal(user_id).as_string(None)}, true)"


def check(connection: Connection, wanted: bool) -> None:
    """Compare what the database does with the setting.

    Raises:
        StartupError: saying what to do, when they differ or the connecting role steps over the rules.
    """
    rows = connection.execute(text(_STATE)).all()
    guarded = [row.relname for row in rows if row.relrowsecurity]
    if not wanted:
        if guarded:
            raise StartupError(
                "This database checks rows itself, and PERDURE_ROW_SECURITY is `off`: the server would see nothing. "
                "Set PERDURE_ROW_SECURITY=on, or switch it off with `perdure db row-security --off`.",
                setting="PERDURE_ROW_SECURITY",
            )
        return
    role, steps_over = connection.execute(text(_WHO)).one()
    if steps_over:
        raise StartupError(
            f"PERDURE_ROW_SECURITY is `on`, but the role {role!r} of PERDURE_DATABASE_URL is a superuser or has "
            "BYPASSRLS: no rule holds for it. Make one with `perdure db row-security --role NAME` and connect as that.",
            setting="PERDURE_DATABASE_URL",
        )
    bare = [
        row.relname
        for row in rows
        if row.relname not in OPEN_TABLES
        and not (row.relrowsecurity and row.relforcerowsecurity and row.rules)
    ]
    if bare or not rows:
        raise StartupError(
            f"PERDURE_ROW_SECURITY is `on`, but the database does not check rows of {', '.join(bare) or 'any table'}. "
            "Run `perdure db row-security --role NAME` as the owner of the tables.",
            setting="PERDURE_ROW_SECURITY",
        )


def enable(url: str, role: str, password: str | None = None) -> dict[str, Any]:
    """Switch the rules on for everybody and let `role` work with the tables; made when it is missing.

    Returns `{role, created, tables}`. A second call brings everything to the same state.

    Raises:
        InvalidInput: when the database is not PostgreSQL, or is not at this program's schema.
        StartupError: when the database cannot be used or the connecting role may not do this.
    """
    address = _postgres(url)
    engine = open_postgres(address)
    try:
        with engine.begin() as connection:
            _require_newest(connection)
            created = _make_role(connection, role, password)
            tables = [
                row.relname
                for row in connection.execute(text(_STATE)).all()
                if row.relname not in OPEN_TABLES
            ]
            for table in tables:
                _run(connection, "ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table)
                _run(connection, "ALTER TABLE {} FORCE ROW LEVEL SECURITY", table)
            _grant(connection, role)
    except DRIVER_ERRORS as error:
        raise unusable(address, error) from error
    finally:
        engine.dispose()
    return {"role": role, "created": created, "tables": len(tables)}


def disable(url: str) -> dict[str, Any]:
    """Switch the rules off; they stay written down. Returns `{tables}`, how many checked rows until now.

    Raises:
        InvalidInput: when the database is not PostgreSQL.
        StartupError: when the database cannot be used or the connecting role may not do this.
    """
    address = _postgres(url)
    engine = open_postgres(address)
    try:
        with engine.begin() as connection:
            tables = [row.relname for row in connection.execute(text(_STATE)).all() if row.relrowsecurity]
            for table in tables:
                _run(connection, "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", table)
                _run(connection, "ALTER TABLE {} DISABLE ROW LEVEL SECURITY", table)
    except DRIVER_ERRORS as error:
        raise unusable(address, error) from error
    finally:
        engine.dispose()
    return {"tables": len(tables)}


def _postgres(url: str) -> Address:
    address = parse_address(url)
    if not address.is_postgres:
        raise InvalidInput("Only PostgreSQL checks rows itself; PERDURE_DATABASE_URL names another database.")
    return address


def _require_newest(connection: Connection) -> None:
    current, head = revisions(connection)
    if current != head:
        raise InvalidInput(
            f"The database is at schema {current}, not {head}; run `perdure db upgrade` first."
        )


def _make_role(connection: Connection, role: str, password: str | None) -> bool:
    known = connection.execute(
        text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :role"), {"role": role}
    ).first()
    if known is not None and known[0]:
        raise InvalidInput(f"The role {role!r} is a superuser or has BYPASSRLS; no rule would hold for it.")
    if known is None:
        _run(connection, "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE", role)
    if password is not None:
        _execute(
            connection,
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)),
        )
    return known is None


def _grant(connection: Connection, role: str) -> None:
    schema = str(connection.execute(text("SELECT current_schema()")).scalar())
    database = str(connection.execute(text("SELECT current_database()")).scalar())
    _run(connection, "GRANT USAGE ON SCHEMA {} TO {}", schema, role)
    for row in connection.execute(text(_STATE)).all():
        _run(connection, "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}", row.relname, role)
    # The engine makes and upgrades its own tables, which name runs and hold nothing of people.
    _run(connection, "GRANT CREATE ON DATABASE {} TO {}", database, role)
    owner = connection.execute(text(_ENGINE_OWNER), {"name": ENGINE_SCHEMA}).scalar()
    if owner is None or owner == role:
        return
    if not connection.execute(text(_WHO)).one()[1]:
        _run(
            connection, "GRANT {} TO CURRENT_USER", role
        )  # nobody gives things to a role that they could not be
    _run(connection, "ALTER SCHEMA {} OWNER TO {}", ENGINE_SCHEMA, role)
    for statement in (
        connection.execute(text(_ENGINE_PARTS), {"name": ENGINE_SCHEMA, "role": role}).scalars().all()
    ):
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _run(connection: Connection, statement: Any, *names: str) -> None:
    _execute(connection, sql.SQL(statement).format(*(sql.Identifier(part) for part in names)))


def _execute(connection: Connection, statement: sql.Composable) -> None:
    connection.exec_driver_sql(statement.as_string(None).replace("%", "%%"))
