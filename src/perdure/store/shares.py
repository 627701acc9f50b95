"""Queries of shares, and the condition by which every list shows what is shared with somebody."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, or_, select, update

from perdure.core.access import LOCAL_USER_ID, ROLE_ACTIONS, Action, Role
from perdure.core.shares import Person, Share
from perdure.store.columns import dumps, to_micros
from perdure.store.rows import fetch_all, fetch_one, find_one, update_row
from perdure.store.tables import sessions, shares, users
from perdure.store.transaction import Tx

_GIVEN = {False: "SELECT value FROM json_each(?)", True: "SELECT json_array_elements_text(%s::json)"}
_PEOPLE_OF = """SELECT session_id, user_id FROM pd_shares WHERE session_id IN ({given})
  AND (expires_at IS NULL OR expires_at > {mark})"""
_ANY = {
    postgres: f"SELECT 1 FROM pd_shares WHERE user_id = {mark}"
    f" AND (expires_at IS NULL OR expires_at > {mark}) LIMIT 1"
    for postgres, mark in ((False, "?"), (True, "%s"))
}
_PERSON: tuple[ColumnElement[Any], ...] = (users.c.id, users.c.name, users.c.email)


def find_role(tx: Tx, session_id: str, user_id: str) -> Role | None:
    """Return the role a session is shared with a user in, if the share has not expired."""
    role = tx.db.execute(
        select(shares.c.role).where(
            shares.c.session_id == session_id, shares.c.user_id == user_id, is_live(tx.now)
        )
    ).scalar()
    return None if role is None else Role(role)


def is_live(now: datetime) -> ColumnElement[bool]:
    """The condition that a share has not expired."""
    return or_(shares.c.expires_at.is_(None), shares.c.expires_at > now)


def shared_with(tx: Tx, user_id: str, action: Action = Action.READ) -> Select[Any]:
    """Return the ids of the sessions shared with a user for an action, as a query to use within another."""
    found = select(shares.c.session_id).where(shares.c.user_id == user_id, is_live(tx.now))
    if action is Action.READ:
        return found
    return found.where(shares.c.role.in_([role for role in Role if action in ROLE_ACTIONS[role]]))


def visible(tx: Tx, user_id: str, action: Action = Action.READ) -> ColumnElement[bool]:
    """The condition that a row of `sessions` belongs to the user or is shared with them for an action."""
    return or_(sessions.c.owner_id == user_id, sessions.c.id.in_(shared_with(tx, user_id, action)))


def has_any(tx: Tx, user_id: str) -> bool:
    """Whether anything is shared with the user; every list asks it first, so it costs next to nothing."""
    row = tx.cursor.execute(_ANY[tx.postgres], (user_id, to_micros(tx.now))).fetchone()
    return row is not None


def find_share(tx: Tx, session_id: str, user_id: str) -> Share | None:
    """Return a person's share of a session, if it has not expired."""
    return find_one(
        tx,
        Share,
        _shown().where(shares.c.session_id == session_id, shares.c.user_id == user_id, is_live(tx.now)),
    )


def get_share(tx: Tx, session_id: str, name: str) -> Share:
    """Return a share by its id or by the person's, if it has not expired.

    Raises:
        NotFound: when there is none.
    """
    wanted = or_(shares.c.id == name, shares.c.user_id == name)
    return fetch_one(
        tx, Share, _shown().where(shares.c.session_id == session_id, wanted, is_live(tx.now)), "share"
    )


def list_shares(tx: Tx, session_id: str) -> list[Share]:
    """Return the shares of a session that have not expired, oldest first."""
    query = _shown().where(shares.c.session_id == session_id, is_live(tx.now))
    return fetch_all(tx, Share, query.order_by(shares.c.created_at, shares.c.id))


def put_share(tx: Tx, share: Share) -> None:
    """Store a new share; one of the same person that has expired makes room."""
    tx.db.execute(
        delete(shares).where(shares.c.session_id == share.session_id, shares.c.user_id == share.user_id)
    )
    tx.db.execute(insert(shares).values(share.model_dump(exclude={"name", "email"})))


def change_share(tx: Tx, share: Share, **changes: Any) -> Share:
    """Write changes to a share and return it."""
    update_row(tx, shares, share.id, **changes)
    return share.model_copy(update=changes)


def delete_share(tx: Tx, share: Share) -> None:
    """Take a share away; the session is no longer the person's current one."""
    tx.db.execute(delete(shares).where(shares.c.id == share.id))
    here = users.c.current_session_id == share.session_id
    tx.db.execute(update(users).where(users.c.id == share.user_id, here).values(current_session_id=None))


def find_person(tx: Tx, *, user_id: str | None = None, email: str | None = None) -> Person | None:
    """Return somebody who can sign in, by id or by e-mail address in any spelling; None when nobody is it.

    Never the one user of a server without sign-in: nobody can be them where there are others to share with.
    """
    query: Select[Any] = select(*_PERSON).where(
        users.c.disabled_at.is_(None), users.c.role.in_(("admin", "member")), users.c.id != LOCAL_USER_ID
    )
    if user_id is not None:
        query = query.where(users.c.id == user_id)
    if email is not None:
        query = query.where(users.c.email == unicodedata.normalize("NFKC", email.strip()).lower())
    return find_one(tx, Person, query)


def is_server_admin(tx: Tx, user_id: str) -> bool:
    """Whether the user administers the server and can sign in."""
    query = select(users.c.id).where(
        users.c.id == user_id, users.c.role == "admin", users.c.disabled_at.is_(None)
    )
    return tx.db.execute(query).first() is not None


def people_of(tx: Tx, session_ids: Sequence[str]) -> dict[str, set[str]]:
    """Return the ids of the people each of the sessions is shared with; one with nobody is missing."""
    mark = "%s" if tx.postgres else "?"
    cursor = tx.cursor
    cursor.execute(
        _PEOPLE_OF.format(given=_GIVEN[tx.postgres], mark=mark), (dumps(list(session_ids)), to_micros(tx.now))
    )
    found: dict[str, set[str]] = {}
    for session_id, user_id in cursor.fetchall():
        found.setdefault(session_id, set()).add(user_id)
    return found


def _shown() -> Select[Any]:
    return select(*shares.c, users.c.name, users.c.email).join(users, users.c.id == shares.c.user_id)
