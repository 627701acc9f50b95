"""Queries a running server needs: queue, connections, idempotency keys, current sessions."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, true, update

from perdure.core.messages import Author
from perdure.core.runs import OPEN_RUN_STATUSES
from perdure.core.sessions import SessionStatus
from perdure.errors import StorageUnavailable
from perdure.store.crypto import KEPT_ANSWER
from perdure.store.shares import visible
from perdure.store.tables import (
    connections,
    idempotency_keys,
    queue_items,
    runs,
    session_logs,
    sessions,
    users,
)
from perdure.store.transaction import Tx

_SEALED = "$sealed"


def list_queue(tx: Tx, session_id: str) -> list[dict[str, Any]]:
    """Return the inputs that wait for the session's open run to end, in order."""
    query = select(queue_items).where(queue_items.c.session_id == session_id).order_by(queue_items.c.position)
    return [dict(row) for row in tx.db.execute(query).mappings()]


def writer_of(item: dict[str, Any]) -> str:
    """Return who wrote the text of a waiting input as it is now: nobody is made to say what another wrote."""
    return item["edited_by"] or item["created_by"]


def author_in(tx: Tx, user_id: str) -> Author | None:
    """Return a person as they are called now; None when there is none of that id any more."""
    return authors_in(tx, [user_id]).get(user_id)


def authors_in(tx: Tx, user_ids: Collection[str]) -> dict[str, Author]:
    """Return people as they are called now, by id; those that there are not any more are left out."""
    query = select(users.c.id, users.c.name).where(users.c.id.in_(set(user_ids)))
    return {row.id: Author(user_id=row.id, name=row.name) for row in tx.db.execute(query)}


def insert_queue_item(tx: Tx, *, first: bool = False, **values: Any) -> dict[str, Any]:
    """Add an input at the end of the session's queue, or before all others, and return it."""
    own = queue_items.c.session_id == values["session_id"]
    if first:
        tx.db.execute(update(queue_items).where(own).values(position=queue_items.c.position + 1))
    highest = tx.db.execute(select(func.max(queue_items.c.position)).where(own)).scalar()
    item = {
        "edited_by": None,
        **values,
        "position": 1 if first else int(highest or 0) + 1,
        "created_at": tx.now,
    }
    tx.db.execute(insert(queue_items).values(item))
    return item


def update_queue_item(tx: Tx, session_id: str, item_id: str, **values: Any) -> bool:
    """Change an input that still waits; returns whether it did."""
    statement = update(queue_items).where(queue_items.c.id == item_id, queue_items.c.session_id == session_id)
    return tx.db.execute(statement.values(**values)).rowcount == 1


def delete_queue_item(tx: Tx, session_id: str, item_id: str) -> bool:
    """Take an input out of the queue; returns whether it was still there."""
    statement = delete(queue_items).where(queue_items.c.id == item_id, queue_items.c.session_id == session_id)
    return tx.db.execute(statement).rowcount == 1


def insert_connection(tx: Tx, **values: Any) -> None:
    """Note that somebody is watching."""
    tx.db.execute(insert(connections).values(connected_at=tx.now, last_heartbeat_at=tx.now, **values))


def beat_connections(tx: Tx, ids: Sequence[str]) -> None:
    """Note that they still are."""
    tx.db.execute(update(connections).where(connections.c.id.in_(ids)).values(last_heartbeat_at=tx.now))


def delete_connections(tx: Tx, *, ids: Sequence[str] = (), stale_before: datetime | None = None) -> int:
    """Remove connections by id, or those silent since; returns how many."""
    statement = delete(connections)
    if stale_before is not None:
        statement = statement.where(connections.c.last_heartbeat_at < stale_before)
    else:
        statement = statement.where(connections.c.id.in_(ids))
    return tx.db.execute(statement).rowcount


def count_connections(tx: Tx, user_id: str | None = None) -> int:
    """Return how many connections are noted, or how many of one person; watches are not counted beside theirs."""
    socket = connections.alias("socket")
    query = select(func.count()).where(~exists().where(socket.c.id == connections.c.task_id))
    if user_id is not None:
        query = query.where(connections.c.user_id == user_id)
    return int(tx.db.execute(query.select_from(connections)).scalar_one())


def find_idempotency_key(tx: Tx, user_id: str, key: str) -> dict[str, Any] | None:
    """Return what the first request with this key was and got, or None."""
    query = select(idempotency_keys).where(
        idempotency_keys.c.user_id == user_id, idempotency_keys.c.key == key
    )
    row = tx.db.execute(query).mappings().first()
    return None if row is None else {**row, **_opened(tx, user_id, key, row["response"])}


def _opened(tx: Tx, user_id: str, key: str, stored: Any) -> dict[str, Any]:
    """Return `{response, lost}`; an answer is lost when it was sealed with a key that is gone since."""
    sealed = cast("dict[str, Any]", stored).get(_SEALED) if isinstance(stored, dict) else None
    if not isinstance(sealed, str):
        return {"response": stored, "lost": False}
    try:
        answer = tx.cipher.open(base64.b64decode(sealed), KEPT_ANSWER, f"{user_id}:{key}")
    except StorageUnavailable:
        return {"response": None, "lost": True}
    return {"response": answer, "lost": False}


def insert_idempotency_key(tx: Tx, user_id: str, key: str, fingerprint: str) -> None:
    """Claim a key.

    Raises:
        Conflict: when somebody else claims it at the same moment.
    """
    tx.db.execute(
        insert(idempotency_keys).values(user_id=user_id, key=key, fingerprint=fingerprint, created_at=tx.now)
    )


def finish_idempotency_key(
    tx: Tx, user_id: str, key: str, claimed_at: datetime, status_code: int | None, response: Any
) -> bool:
    """Keep the answer for the repeat, sealed: it shows what is encrypted elsewhere.

    Without a status it is only known that the request was carried out. Returns False when the key has been claimed anew.
    """
    sealed = base64.b64encode(tx.cipher.seal(response, KEPT_ANSWER, f"{user_id}:{key}")).decode()
    statement = update(idempotency_keys).where(*_claimed(user_id, key, claimed_at))
    return tx.db.execute(statement.values(status_code=status_code, response={_SEALED: sealed})).rowcount > 0


def release_idempotency_key(tx: Tx, user_id: str, key: str, claimed_at: datetime) -> None:
    """Forget a key of which nothing was done, unless it has been claimed anew."""
    claimed = _claimed(user_id, key, claimed_at)
    tx.db.execute(delete(idempotency_keys).where(*claimed, idempotency_keys.c.response.is_(None)))


def _claimed(user_id: str, key: str, claimed_at: datetime) -> tuple[ColumnElement[bool], ...]:
    of = idempotency_keys.c
    return of.user_id == user_id, of.key == key, of.created_at == claimed_at


def delete_idempotency_keys(tx: Tx, *, before: datetime) -> int:
    """Forget the keys older than that; returns how many."""
    return tx.db.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < before)).rowcount


def current_session_id(tx: Tx, user_id: str) -> str | None:
    """Return the session the user loaded last, or None."""
    return tx.db.execute(select(users.c.current_session_id).where(users.c.id == user_id)).scalar()


def set_current_session(tx: Tx, user_id: str, session_id: str | None) -> None:
    """Note the session the user is on."""
    tx.db.execute(update(users).where(users.c.id == user_id).values(current_session_id=session_id))


def ensure_user(tx: Tx, user_id: str, name: str) -> None:
    """Make a member row for an id that a library caller named, if there is none."""
    if tx.db.execute(select(users.c.id).where(users.c.id == user_id)).first() is None:
        tx.db.execute(insert(users).values(id=user_id, name=name, role="member", created_at=tx.now))


def totals(tx: Tx, person_id: str | None = None) -> dict[str, Any]:
    """Return counts for the statistics page, over what a person may see, or over everything."""
    seen = true() if person_id is None else visible(tx, person_id)
    log = tx.db.execute(
        select(
            func.coalesce(func.sum(session_logs.c.message_count), 0),
            func.coalesce(func.sum(session_logs.c.last_seq), 0),
            func.count(),
        )
        .select_from(session_logs)
        .join(sessions, sessions.c.id == session_logs.c.session_id)
        .where(sessions.c.status != "deleted", seen)
    ).one()
    queued = select(func.count()).select_from(queue_items)
    if person_id is not None:
        queued = queued.join(sessions, sessions.c.id == queue_items.c.session_id).where(seen)
    waiting = tx.db.execute(queued).scalar_one()
    return {
        "messages": int(log[0]),
        "events": int(log[1]),
        "sessions": int(log[2]),
        "queue_depth": int(waiting),
    }


def sessions_to_start(tx: Tx, *, after: str = "", limit: int = 500) -> list[str]:
    """Return a page of the sessions whose first waiting input could be started: active ones without an open run."""
    busy = exists().where(runs.c.session_id == sessions.c.id, runs.c.status.in_(OPEN_RUN_STATUSES))
    waits = exists().where(queue_items.c.session_id == sessions.c.id)
    idle = select(sessions.c.id).where(sessions.c.status == SessionStatus.ACTIVE, waits, ~busy)
    return list(
        tx.db.execute(idle.where(sessions.c.id > after).order_by(sessions.c.id).limit(limit)).scalars()
    )
