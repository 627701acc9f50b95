"""Queries of sessions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    delete,
    select,
    update,
)

from perdure.core.session_groups import SessionGroup
from perdure.core.sessions import Session, SessionHead, SessionStatus
from perdure.errors import InvalidInput, NotFound, StaleVersion
from perdure.store import shares
from perdure.store.columns import dumps, from_micros, loads, to_micros
from perdure.store.crypto import SESSION_METADATA
from perdure.store.rows import locked
from perdure.store.session_groups import GROUP, in_groups
from perdure.store.shapes import Shape
from perdure.store.tables import session_logs, sessions
from perdure.store.transaction import Tx

S = TypeVar("S", bound=SessionHead)
_IDS_AT_ONCE = 500
_SORTS = ("last_active_at", "created_at", "updated_at", "name")
_LOG_FIELDS = {"last_seq": "last_seq", "message_count": "message_count", "epoch": "log_epoch"}


def _shape(model: type[S]) -> Shape[S]:
    own = [column for column in sessions.c if column.name in model.model_fields]
    names = [column.name for column in own] + list(_LOG_FIELDS.values())
    return Shape(model, own + [session_logs.c[name] for name in _LOG_FIELDS], names)


_HEAD = _shape(SessionHead)
_FULL = _shape(Session)
_ROW = Shape(Session, list(sessions.c))
_WITH_LOG = "JOIN pd_session_logs ON pd_session_logs.session_id = pd_sessions.id"
_JOINED = f"pd_sessions {_WITH_LOG}"
_SHARES = "pd_shares JOIN pd_sessions ON pd_sessions.id = pd_shares.session_id"
_SHARED_WITH = (
    "pd_shares.user_id = ? AND (pd_shares.expires_at IS NULL OR pd_shares.expires_at > ?)"
    " AND pd_sessions.owner_id <> pd_shares.user_id"
    f" AND (pd_sessions.status <> '{SessionStatus.DELETED}' OR pd_shares.role = 'admin') AND "
)
"""What was deleted shows only to those who can restore it."""
_BY_ID = f"SELECT {_FULL.sql} FROM {_JOINED} WHERE pd_sessions.id = "
_WHOLE = select(*_FULL.columns()).join(session_logs, session_logs.c.session_id == sessions.c.id)


@dataclass(frozen=True)
class SessionQuery:
    """What to list. Without `status` and `groups`, everything but deleted sessions."""

    status: tuple[str, ...] = ()
    groups: tuple[SessionGroup, ...] = ()
    """Narrower than statuses: by the newest run and open questions too."""
    mode: str | None = None
    q: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    tag: str | None = None
    user_id: str | None = None
    shared: bool | None = None
    """True: only what is shared with the person; False: only what they own; None: both."""
    sort: str = "-last_active_at"
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Source:
    """Tables and the beginning of a condition, up to its last AND."""

    tables: str
    where: str
    values: list[Any]
    working: str = ""
    """More of the condition: only where the person may do more than watch."""


def insert_session(tx: Tx, session: Session) -> None:
    """Insert a session with an empty log."""
    fields = {**session.__dict__, "metadata": tx.cipher.seal(session.metadata, SESSION_METADATA, session.id)}
    cursor = tx.cursor
    cursor.execute(_ROW.insertion(tx.postgres), _ROW.row(fields))
    mark = "%s" if tx.postgres else "?"
    cursor.execute(
        "INSERT INTO pd_session_logs (session_id, last_seq, message_count, history_from, epoch)"
        f" VALUES ({mark}, 0, 0, 0, {mark})",
        (session.id, session.log_epoch),
    )


def get_session(tx: Tx, session_id: str, *, lock: bool = False) -> Session:
    """Return a session, deleted ones included.

    Raises:
        NotFound: when there is none.
    """
    if lock:
        lock_session(tx, session_id)
    row = tx.cursor.execute(_BY_ID + ("%s" if tx.postgres else "?"), (session_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such session.", session_id=session_id)
    return _to_session(tx, row)


def change_session(tx: Tx, session: Session, **changes: Any) -> Session:
    """Write changes and raise the version by one, if the version is still the one that was read.

    Raises:
        StaleVersion: when somebody else changed the session in between.
    """
    values: dict[str, Any] = {"updated_at": tx.now, **changes, "version": session.version + 1}
    stored = dict(values)
    if "metadata" in stored:
        stored["metadata"] = tx.cipher.seal(stored["metadata"], SESSION_METADATA, session.id)
    result = tx.db.execute(
        update(sessions)
        .where(sessions.c.id == session.id, sessions.c.version == session.version)
        .values(stored)
    )
    if result.rowcount != 1:
        current = tx.db.execute(select(sessions.c.version).where(sessions.c.id == session.id)).scalar()
        raise StaleVersion(
            "The session was changed in another place; read it again.", current_version=current
        )
    tx.hint(session.owner_id, "session:updated", session.id)
    return session.model_copy(update=values)


def touch_session(tx: Tx, session_id: str, expires_at: datetime | None, **unversioned: Any) -> None:
    """Note activity; the version stays."""
    tx.db.execute(
        update(sessions)
        .where(sessions.c.id == session_id)
        .values(last_active_at=tx.now, expires_at=expires_at, warned_at=None, **unversioned)
    )


def set_fields(tx: Tx, session_id: str, **unversioned: Any) -> None:
    """Write fields that are not part of the version (current run, warning time)."""
    tx.db.execute(update(sessions).where(sessions.c.id == session_id).values(**unversioned))


def list_sessions(
    tx: Tx, person_id: str | None, query: SessionQuery
) -> tuple[list[SessionHead], int, str | None]:
    """Return one page, the true total, and the cursor of the next page (None on the last).

    It is what the person owns and what is shared with them (see `SessionQuery.shared`), or everybody's.

    Raises:
        InvalidInput: on an unknown sort key or a cursor that is not one of ours.
    """
    descending = query.sort.startswith("-")
    key = query.sort.lstrip("-+")
    if key not in _SORTS:
        raise InvalidInput(f"Cannot sort by {key!r}; use one of {', '.join(_SORTS)}.", field="sort")
    conditions, values = _conditions(query)
    asked, held = conditions, list(values)
    way, beyond = ("DESC", "<") if descending else ("ASC", ">")
    if query.cursor:
        value, last_id = _read_cursor(query.cursor, key)
        asked += (
            f" AND (pd_sessions.{key} {beyond} ? OR (pd_sessions.{key} = ? AND pd_sessions.id {beyond} ?))"
        )
        held += [value, value, last_id]
    sources = _sources(tx, person_id, query.shared)
    counting = " + ".join(f"(SELECT count(*) FROM {s.tables} WHERE {s.where}{conditions})" for s in sources)
    counted = [each for s in sources for each in (*s.values, *values)]
    order = f"ORDER BY pd_sessions.{key} {way}, pd_sessions.id {way}"
    if len(sources) == 1:
        (source,) = sources
        tables, given = f"{source.tables} {_WITH_LOG} WHERE {source.where}{asked}", [*source.values, *held]
    else:
        # Each part is read along its own index, no further than this page.
        part = f"SELECT id FROM (SELECT pd_sessions.id FROM {{}} WHERE {{}}{asked} {order} LIMIT ?) AS part"
        parts = " UNION ALL ".join(part.format(s.tables, s.where) for s in sources)
        tables = f"({parts}) AS page JOIN pd_sessions ON pd_sessions.id = page.id {_WITH_LOG}"
        last = query.offset + query.limit + 1
        given = [each for s in sources for each in (*s.values, *held, last)]
    rows = _run(
        tx,
        f"SELECT {_HEAD.sql}, {counting} FROM {tables} {order} LIMIT ? OFFSET ?",
        [*counted, *given, query.limit + 1, query.offset],
    )
    total = int(rows[0][-1] if rows else _run(tx, f"SELECT {counting}", counted)[0][0])
    found = [_HEAD.value(row[:-1]) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return found, total, _write_cursor(found[-1], key) if more and found else None


def count_by_status(tx: Tx, person_id: str | None, shared: bool | None = None) -> dict[str, int]:
    """Return how many of the sessions of `list_sessions` there are in each status, every status named."""
    counts = {str(s): 0 for s in SessionStatus}
    for source in _sources(tx, person_id, shared):
        counting = f"SELECT pd_sessions.status, count(*) FROM {source.tables} WHERE {source.where}1 = 1"
        for status, number in _run(tx, f"{counting} GROUP BY pd_sessions.status", source.values):
            counts[status] += int(number)
    return counts


def count_by_group(tx: Tx, person_id: str | None, query: SessionQuery) -> dict[str, int]:
    """Return how many sessions of the query each group has, every group named, whatever status or group it asks for."""
    counts = {str(group): 0 for group in SessionGroup}
    conditions, values = _conditions(query, any_status=True)
    for source in _sources(tx, person_id, query.shared):
        counting = (
            f"SELECT {GROUP}, count(*) FROM {source.tables} WHERE {source.where}{conditions} GROUP BY 1"
        )
        for group, number in _run(tx, counting, [*source.values, *values]):
            counts[group] += int(number)
    return counts


def find_latest_active(tx: Tx, person_id: str) -> Session | None:
    """Return the most recently active session that is active and in which the person may work, or None."""
    found: list[Session] = []
    for source in _sources(tx, person_id, None):
        row = _run(
            tx,
            f"SELECT {_FULL.sql} FROM {source.tables} {_WITH_LOG} WHERE {source.where}{source.working}"
            f"pd_sessions.status = '{SessionStatus.ACTIVE}'"
            " ORDER BY pd_sessions.last_active_at DESC, pd_sessions.id DESC LIMIT 1",
            source.values,
        )
        found += [_to_session(tx, each) for each in row]
    return max(found, key=lambda session: (session.last_active_at, session.id), default=None)


def list_where(tx: Tx, *conditions: ColumnElement[bool], limit: int = 500) -> list[Session]:
    """Return sessions that a sweep looks for, locked."""
    query = _WHOLE.where(*conditions).order_by(sessions.c.id).limit(limit)
    rows = tx.db.execute(
        query.with_for_update(of=sessions, skip_locked=True, key_share=True) if tx.postgres else query
    )
    return [_to_session(tx, row) for row in rows]


def purge_session(tx: Tx, session_id: str) -> None:
    """Remove a session and everything under it for good."""
    tx.db.execute(delete(sessions).where(sessions.c.id == session_id))


def log_head(tx: Tx, session_id: str) -> tuple[int, int]:
    """Return the last sequence number and the log's epoch.

    Raises:
        NotFound: when there is no such session.
    """
    row = tx.db.execute(
        select(session_logs.c.last_seq, session_logs.c.epoch).where(session_logs.c.session_id == session_id)
    ).first()
    if row is None:
        raise NotFound("There is no such session.", session_id=session_id)
    return row[0], row[1]


def lock_session(tx: Tx, session_id: str) -> None:
    """Let one transaction at a time change this session and what is under it, until it commits.

    Where several writers exist, the session is locked before its run and its log, by everybody: two
    that took them in different order would wait for each other for ever. Appends are not held up.
    """
    tx.db.execute(locked(tx, select(sessions.c.id).where(sessions.c.id == session_id)))


def lock_log(tx: Tx, session_id: str) -> None:
    """Let nobody append to the session's log until this transaction ends; SQLite has one writer anyway."""
    if tx.postgres:
        query = select(session_logs.c.session_id).where(session_logs.c.session_id == session_id)
        tx.db.execute(query.with_for_update())


def known_ids(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that are sessions, deleted ones included."""
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        found.update(row[0] for row in tx.db.execute(select(sessions.c.id).where(sessions.c.id.in_(part))))
    return found


def _run(tx: Tx, statement: str, values: Sequence[Any]) -> list[Any]:
    return tx.cursor.execute(statement.replace("?", "%s") if tx.postgres else statement, values).fetchall()


def _sources(tx: Tx, person_id: str | None, shared: bool | None) -> list[_Source]:
    """Return where a person's sessions are found: their own, what is shared with them, or both."""
    if person_id is None:
        return [_Source("pd_sessions", "", [])]
    own = _Source("pd_sessions", "pd_sessions.owner_id = ? AND ", [person_id])
    given = _Source(_SHARES, _SHARED_WITH, [person_id, to_micros(tx.now)], "pd_shares.role <> 'view' AND ")
    if shared is not None:
        return [given] if shared else [own]
    # Nearly nobody's list pays for shares: whoever has none gets the plain query.
    return [own, given] if shares.has_any(tx, person_id) else [own]


def _conditions(query: SessionQuery, *, any_status: bool = False) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []

    def add(condition: str, *held: Any) -> None:
        parts.append(condition)
        values.extend(held)

    if any_status:
        add("1 = 1")
    elif not query.status and not query.groups:
        add("pd_sessions.status <> ?", str(SessionStatus.DELETED))
    else:
        if query.status:
            add(f"pd_sessions.status IN ({', '.join('?' * len(query.status))})", *query.status)
        if query.groups:
            add(in_groups(query.groups))
    if query.mode:
        add("pd_sessions.mode = ?", query.mode)
    if query.created_after:
        add("pd_sessions.created_at >= ?", to_micros(query.created_after))
    if query.created_before:
        add("pd_sessions.created_at < ?", to_micros(query.created_before))
    if query.tag:
        add("pd_sessions.tags LIKE ? ESCAPE '/'", f"%{_escaped(dumps(query.tag))}%")
    if query.q:
        words = f"%{_escaped(query.q)}%"
        add(_MATCHES, words, query.q, words, f'%"content":"%{_escaped(dumps(query.q)[1:-1])}%","parts":[%')
    return " AND ".join(parts), values


_MATCHES = """(lower(pd_sessions.name) LIKE lower(?) ESCAPE '/' OR pd_sessions.id = ?
  OR lower(pd_sessions.mode) LIKE lower(?) ESCAPE '/'
  OR EXISTS (SELECT 1 FROM pd_messages JOIN pd_events
    ON pd_events.session_id = pd_messages.session_id AND pd_events.seq = pd_messages.seq
    WHERE pd_messages.session_id = pd_sessions.id AND lower(pd_events.payload) LIKE lower(?) ESCAPE '/'))"""
"""In the name, the mode, or what was said, as it stands in the JSON of a message between its neighbours."""


def _escaped(words: str) -> str:
    return words.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _to_session(tx: Tx, row: Any) -> Session:
    fields = _FULL.fields(row)
    fields["metadata"] = tx.cipher.open(bytes(fields["metadata"]), SESSION_METADATA, fields["id"])
    return Session.model_validate(fields)


def _write_cursor(session: SessionHead, key: str) -> str:
    value = getattr(session, key)
    plain = to_micros(value) if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(dumps([key, plain, session.id]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, key: str) -> tuple[Any, str]:
    try:
        named, value, last_id = loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if named != key or not isinstance(last_id, str):
            raise ValueError(named)
        if key.endswith("_at"):
            return to_micros(from_micros(value)), last_id  # as a time, or it is not one of ours
        return str(value), last_id
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput("The cursor is not one of this list; start without it.", field="cursor") from None
