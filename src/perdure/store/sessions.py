"""Queries of sessions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from perdure.core.sessions import Session, SessionHead, SessionStatus
from perdure.errors import InvalidInput, NotFound, StaleVersion
from perdure.store.columns import dumps, from_micros, loads, to_micros
from perdure.store.rows import locked
from perdure.store.shapes import Shape
from perdure.store.tables import events, messages, session_logs, sessions
from perdure.store.transaction import Tx

S = TypeVar("S", bound=SessionHead)
_IDS_AT_ONCE = 500
_SORTS: dict[str, Any] = {
    "last_active_at": sessions.c.last_active_at,
    "created_at": sessions.c.created_at,
    "updated_at": sessions.c.updated_at,
    "name": sessions.c.name,
}
_LOG_FIELDS = {"last_seq": "last_seq", "message_count": "message_count", "epoch": "log_epoch"}


def _shape(model: type[S]) -> Shape[S]:
    own = [column for column in sessions.c if column.name in model.model_fields]
    names = [column.name for column in own] + list(_LOG_FIELDS.values())
    return Shape(model, own + [session_logs.c[name] for name in _LOG_FIELDS], names)


_HEAD = _shape(SessionHead)
_FULL = _shape(Session)
_JOINED = "pd_sessions JOIN pd_session_logs ON pd_session_logs.session_id = pd_sessions.id"
_BY_ID = f"SELECT {_FULL.sql} FROM {_JOINED} WHERE pd_sessions.id = "
_HEADS = select(*_HEAD.columns()).join(session_logs, session_logs.c.session_id == sessions.c.id)
_WHOLE = select(*_FULL.columns()).join(session_logs, session_logs.c.session_id == sessions.c.id)


@dataclass(frozen=True)
class SessionQuery:
    """What to list. Without `status`, everything but deleted sessions."""

    status: tuple[str, ...] = ()
    mode: str | None = None
    q: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    tag: str | None = None
    user_id: str | None = None
    sort: str = "-last_active_at"
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


def insert_session(tx: Tx, session: Session) -> None:
    """Insert a session with an empty log."""
    values = session.model_dump(exclude={"message_count", "last_seq", "log_epoch"})
    values["metadata"] = tx.cipher.seal(session.metadata, session.id)
    tx.db.execute(insert(sessions).values(values))
    tx.db.execute(
        insert(session_logs).values(
            session_id=session.id, last_seq=0, message_count=0, history_from=0, epoch=session.log_epoch
        )
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
        stored["metadata"] = tx.cipher.seal(stored["metadata"], session.id)
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
    tx: Tx, owner_id: str | None, query: SessionQuery
) -> tuple[list[SessionHead], int, str | None]:
    """Return one page, the true total, and the cursor of the next page (None on the last).

    Raises:
        InvalidInput: on an unknown sort key or a cursor that is not one of ours.
    """
    descending = query.sort.startswith("-")
    key = query.sort.lstrip("-+")
    if key not in _SORTS:
        raise InvalidInput(f"Cannot sort by {key!r}; use one of {', '.join(_SORTS)}.", field="sort")
    column = _SORTS[key]
    conditions = _conditions(owner_id, query)
    counting = select(func.count()).select_from(sessions).where(*conditions).correlate(None)
    page: Select[Any] = _HEADS.add_columns(counting.scalar_subquery()).where(*conditions)
    if query.cursor:
        value, last_id = _read_cursor(query.cursor, key)
        after = column < value if descending else column > value
        tie = sessions.c.id < last_id if descending else sessions.c.id > last_id
        page = page.where(or_(after, and_(column == value, tie)))
    order = (column.desc(), sessions.c.id.desc()) if descending else (column.asc(), sessions.c.id.asc())
    rows = tx.db.execute(page.order_by(*order).limit(query.limit + 1).offset(query.offset)).all()
    total = int(rows[0][-1] if rows else tx.db.execute(counting).scalar_one())
    found = [_HEAD.value(row[:-1]) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return found, total, _write_cursor(found[-1], key) if more and found else None


def count_by_status(tx: Tx, owner_id: str | None) -> dict[str, int]:
    """Return how many sessions there are in each status, every status named."""
    query = select(sessions.c.status, func.count()).group_by(sessions.c.status)
    if owner_id is not None:
        query = query.where(sessions.c.owner_id == owner_id)
    counts = {str(s): 0 for s in SessionStatus}
    counts.update({row[0]: row[1] for row in tx.db.execute(query)})
    return counts


def find_latest_active(tx: Tx, owner_id: str) -> Session | None:
    """Return the owner's most recently active session that is active, or None."""
    row = tx.db.execute(
        _WHOLE.where(sessions.c.owner_id == owner_id, sessions.c.status == SessionStatus.ACTIVE)
        .order_by(sessions.c.last_active_at.desc(), sessions.c.id.desc())
        .limit(1)
    ).first()
    return None if row is None else _to_session(tx, row)


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


def _conditions(owner_id: str | None, query: SessionQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if owner_id is not None:
        conditions.append(sessions.c.owner_id == owner_id)
    if query.status:
        conditions.append(sessions.c.status.in_(query.status))
    else:
        conditions.append(sessions.c.status != SessionStatus.DELETED)
    if query.mode:
        conditions.append(sessions.c.mode == query.mode)
    if query.created_after:
        conditions.append(sessions.c.created_at >= query.created_after)
    if query.created_before:
        conditions.append(sessions.c.created_at < query.created_before)
    if query.tag:
        conditions.append(type_coerce(sessions.c.tags, Text).contains(dumps(query.tag), autoescape=True))
    if query.q:
        conditions.append(_matches(query.q))
    return conditions


def _matches(words: str) -> ColumnElement[bool]:
    """Match what was said, as it stands in the JSON of a message between the names of its neighbours."""
    inside = dumps(words)[1:-1].replace("/", "//").replace("%", "/%").replace("_", "/_")
    said = (
        select(messages.c.position)
        .join(events, and_(events.c.session_id == messages.c.session_id, events.c.seq == messages.c.seq))
        .where(
            messages.c.session_id == sessions.c.id,
            events.c.payload.ilike(f'%"content":"%{inside}%","parts":[%', escape="/"),
        )
    )
    return or_(
        sessions.c.name.icontains(words, autoescape=True),
        sessions.c.id == words,
        sessions.c.mode.icontains(words, autoescape=True),
        exists(said),
    )


def _to_session(tx: Tx, row: Any) -> Session:
    fields = _FULL.fields(row)
    fields["metadata"] = tx.cipher.open(bytes(fields["metadata"]), fields["id"])
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
        return (from_micros(value) if key.endswith("_at") else str(value)), last_id
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput("The cursor is not one of this list; start without it.", field="cursor") from None
